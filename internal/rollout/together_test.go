package rollout

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/types"

	"slipway/internal/compose"
)

// told are acts that only write down what they are told.
func told(lines *[]string, containers ...compose.Container) Acts {
	return Acts{
		Script: func(_ context.Context, step string, args ...string) error {
			*lines = append(*lines, step+" "+strings.Join(args, " "))
			return nil
		},
		Containers: func(context.Context) ([]compose.Container, error) { return containers, nil },
	}
}

// hooked is a model of services with a pre_stop hook.
func hooked(names ...string) *compose.Model {
	model := &compose.Model{Services: map[string]compose.Service{}}
	for _, name := range names {
		service := stateless(1)
		service.Name, service.PreStop = name, []types.ServiceHook{{Command: types.ShellCommand{"drain"}}}
		model.Services[name] = service
	}
	return model
}

func TestTheWayIsClearedInTheOrderInWhichItCanBe(t *testing.T) {
	stage := Stage{Remove: []compose.Container{running("old"), running("older")}, Stop: []string{"a", "b"}, Aside: []string{"b"}, Networks: []string{"p_back"}, Services: []string{"a", "b"}}
	var lines []string
	if err := Clear(t.Context(), told(&lines, running("a"), running("b"), running("c")), hooked("b"), stage); err != nil {
		t.Fatal(err)
	}
	if want := []string{"retire old-id", "retire older-id", "hooks b b-id", "halt a-id b-id", "aside b-id", "unlink p_back"}; !slices.Equal(lines, want) {
		t.Errorf("%q, want %q", lines, want)
	}
	lines = nil
	if err := Clear(t.Context(), told(&lines), hooked(), Stage{Services: []string{"a"}}); err != nil || len(lines) > 0 {
		t.Errorf("nothing was in the way: %q, %v", lines, err)
	}
}

func TestAnInterruptedClearStopsBetweenActs(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	var lines []string
	acts := told(&lines, running("a"))
	script := acts.Script
	acts.Script = func(ctx context.Context, step string, args ...string) error {
		cancel()
		return script(ctx, step, args...)
	}
	err := Clear(ctx, acts, hooked(), Stage{Stop: []string{"a"}, Networks: []string{"p_back"}})
	if !errors.Is(err, context.Canceled) || !slices.Equal(lines, []string{"halt a-id"}) {
		t.Errorf("%q, %v", lines, err)
	}
}

// targets are those of services of one replica each.
func targets(names ...string) []Target {
	var list []Target
	for _, name := range names {
		service := stateless(1)
		service.Name = name
		list = append(list, Target{Service: service})
	}
	return list
}

func TestServicesThatAreDownAreStartedInOneActWhateverLeftThem(t *testing.T) {
	for name, c := range map[string]struct {
		containers []compose.Container
		services   []string
		want       []string
	}{
		"new ones":                 {nil, []string{"a", "b"}, []string{"start a b"}},
		"one alone":                {nil, []string{"a"}, nil},
		"one runs":                 {[]compose.Container{running("a")}, []string{"a", "b", "c"}, []string{"start b c"}},
		"one runs, one alone":      {[]compose.Container{running("a")}, []string{"a", "b"}, nil},
		"stopped, of another make": {[]compose.Container{running("a", exited), running("b", exited)}, []string{"a", "b"}, []string{"renew a 1 b 1"}},
		"stopped ones and a new":   {[]compose.Container{running("a", exited), running("b", exited)}, []string{"a", "b", "c"}, []string{"renew a 1 b 1", "start c"}},
		"a stopped one and a new":  {[]compose.Container{running("a", exited)}, []string{"a", "c"}, []string{"renew a 1", "start c"}},
		"a stopped one alone":      {[]compose.Container{running("a", exited)}, []string{"a"}, nil},
	} {
		var lines []string
		if err := StartAll(t.Context(), told(&lines, c.containers...), openOrigins(t), targets(c.services...)); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(lines, c.want) {
			t.Errorf("%s: %q, want %q", name, lines, c.want)
		}
	}
}

func TestAStoppedContainerOfTheWantedMakeIsStartedNotRenewed(t *testing.T) {
	origins, down := openOrigins(t), []compose.Container{running("a", exited), running("b", exited)}
	list := targets("a", "b")
	for _, target := range list {
		mark, err := origins.mark(target.Service.Name, target.Inputs, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := origins.save(target.Service.Name, origin{Containers: map[string]string{target.Service.Name + "-id": mark}, Mark: mark}); err != nil {
			t.Fatal(err)
		}
	}
	var lines []string
	if err := StartAll(t.Context(), told(&lines, down...), origins, list); err != nil || !slices.Equal(lines, []string{"start a b"}) {
		t.Errorf("%q, %v", lines, err)
	}
	lines = nil
	for i := range list {
		list[i].Service.OneShot = true // and ended well
	}
	if err := StartAll(t.Context(), told(&lines, down...), origins, list); err != nil || len(lines) > 0 {
		t.Errorf("one-shots that are done: %q, %v", lines, err)
	}
}
