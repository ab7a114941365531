//go:build engine

package targets_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// besides is a stack of three services that do not depend on each other, and of one that depends on the first of them. That
// one takes a while until it is well.
func besides(t *testing.T) *demo {
	t.Helper()
	service := func(interval, keys string) string {
		return fmt.Sprintf(`{image: @P/demo:1, environment: {SAY: one}, healthcheck: {test: [CMD, /program, check], interval: %s}%s}`, interval, keys)
	}
	d := newDemo(t, map[string]string{"compose.yaml": fmt.Sprintf("services:\n  a: %s\n  b: %s\n  c: %s\n  d: %s\n",
		service("10s", ""), service("2s", ""), service("2s", ""), service("2s", ", depends_on: {a: {condition: service_healthy}}"))})
	d.image("demo:1")
	d.stack.Destinations[0].Parallel = 2
	d.deploy(0)
	return d
}

// order is what the journal of the last run says of the steps of services, as "run a", "done a".
func (d *demo) order() []string {
	d.t.Helper()
	var order []string
	for _, e := range events(d.newest("runs/*.jsonl")) {
		if service, is := strings.CutPrefix(e.Fields.Step, "rollout."); is {
			order = append(order, e.Kind+" "+service)
		}
	}
	return order
}

func TestServicesThatDoNotDependOnEachOtherAreReplacedSideBySide(t *testing.T) {
	d := besides(t)
	before := d.ids()
	d.write("compose.yaml", strings.ReplaceAll(d.read("compose.yaml"), "SAY: one", "SAY: two"))
	d.deploy(0)
	if got := d.replaced(before); !slices.Equal(got, []string{"a", "b", "c", "d"}) {
		t.Errorf("replaced were %v", got)
	}
	order := d.order()
	at := func(what string) int { return slices.Index(order, what) }
	for _, pair := range [][2]string{
		{"run a", "run b"}, {"run b", "done a"}, // side by side
		{"run b", "run c"}, {"done a", "run d"}, {"done b", "run d"}, {"done c", "run d"},
	} {
		if at(pair[0]) < 0 || at(pair[0]) > at(pair[1]) {
			t.Errorf("%q does not come before %q: %v", pair[0], pair[1], order)
		}
	}
	if first := min(at("done a"), at("done b")); at("run c") < first {
		t.Errorf("three are replaced at a time, where two are asked for: %v", order)
	}
	d.settled()
}

func TestAfterAFailureNoOtherServiceIsBegunAndThoseAtWorkComeToTheirEnd(t *testing.T) {
	d := besides(t)
	before := d.ids()
	text := d.read("compose.yaml")
	lines := strings.SplitAfter(strings.ReplaceAll(text, "SAY: one", "SAY: two"), "\n")
	lines[2] = strings.Replace(lines[2], "{image", "{command: [no-such-verb], image", 1) // b ends at once, while a is awaited
	d.write("compose.yaml", strings.Join(lines, ""))
	d.deploy(4, "-noreturn")
	order := d.order()
	for _, want := range []string{"done a", "failed b"} {
		if !slices.Contains(order, want) {
			t.Errorf("%q is not in %v", want, order)
		}
	}
	if got := d.replaced(before); slices.Contains(got, "c") || slices.Contains(got, "d") {
		t.Errorf("after b had failed, replaced were %v: %v", got, order)
	}
	d.write("compose.yaml", text)
	d.deploy(0)
	d.settled()
}

// Compose gives a container that is being made anew another name until the old one is gone: to those who act beside it, it must not
// look like one that was left.
func TestAServiceThatTakesLongToStopIsNotDisturbedByThoseBesideIt(t *testing.T) {
	d := newDemo(t, map[string]string{"compose.yaml": `
services:
  a: {image: @P/demo:1, command: [deaf], environment: {SAY: one}, stop_grace_period: 8s, volumes: ["kept:/kept"]}
  b: {image: @P/demo:1, command: [hold], environment: {SAY: one}}
  c: {image: @P/demo:1, command: [hold], environment: {SAY: one}}
volumes: {kept: {}}
`})
	d.image("demo:1")
	d.stack.Destinations[0].Parallel = 2
	d.deploy(0)
	d.write("compose.yaml", strings.ReplaceAll(d.read("compose.yaml"), "SAY: one", "SAY: two"))
	d.deploy(0)
	order := d.order()
	if slices.Index(order, "run c") > slices.Index(order, "done a") {
		t.Errorf("c was not begun while a was stopped: %v", order)
	}
	for service, ids := range d.ids() {
		if got := d.docker(append([]string{"inspect", "--format", "{{.State.Status}} {{.Config.Env}}"}, strings.Fields(ids)...)...); !strings.HasPrefix(got, "running") || !strings.Contains(got, "SAY=two") || strings.Count(got, "\n") != 1 {
			t.Errorf("of %s there is %q", service, got)
		}
	}
	d.settled()
}
