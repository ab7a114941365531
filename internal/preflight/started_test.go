package preflight

import (
	"os"
	"strings"
	"testing"

	"slipway/internal/compose"
)

func TestWhatNoEngineWouldStartIsFound(t *testing.T) {
	check(t, func(m *compose.Model, _ World, _ bool) []Problem { return Faults(m) }, map[string]expectation{
		"device rules": {
			services: `web: {image: x, device_cgroup_rules: ["c 1:3 mr", "a *:* rwm", "b 8:* w", xyz, "c 1:3", "x 1:3 r", "c  1:3 r", "c 1:3 mrq"]}`,
			want: []string{
				`service web has "xyz" in device_cgroup_rules, which is no such rule`,
				`service web has "c 1:3" in device_cgroup_rules, which is no such rule`,
				`service web has "x 1:3 r" in device_cgroup_rules, which is no such rule`,
				`service web has "c  1:3 r" in device_cgroup_rules, which is no such rule`,
				`service web has "c 1:3 mrq" in device_cgroup_rules, which is no such rule`,
			},
		},
		"options of tmpfs": {
			services: `web: {image: x, tmpfs: ["/a", "/b:size=64m,mode=1777,uid=5,gid=0x5,noexec,nosuid", "/c:size=50%,nr_inodes=10k,mpol=local", "/d:rw,bogus=1", "/e:huge", "/f:size=10mb", "/g:mode=0o7", "/h:uid=app"]}`,
			want: []string{
				`service web has tmpfs /d with option "bogus=1", which engines do not know`,
				`service web has tmpfs /e with option "huge", which engines do not know`,
				"service web has tmpfs /f with size=10mb, which the kernel does not take",
				"service web has tmpfs /g with mode=0o7, which the kernel does not take",
				"service web has tmpfs /h with uid=app, which the kernel does not take",
			},
		},
		"what nobody starts": {services: `web: {image: x}, off: {image: x, scale: 0, tmpfs: ["/a:bogus=1"], device_cgroup_rules: [xyz]}`},
	})
}

func TestValuesOfLogOptionsAreReadAsTheDriverDoes(t *testing.T) {
	by := func(driver string) World { return World{Engine: compose.Info{Logging: driver}} }
	const wrong = `web: {image: x, logging: {options: {max-size: abc, max-file: "0", compress: maybe, labels-regex: "(", tag: "{{.Name}}"}}}`
	check(t, func(m *compose.Model, w World, _ bool) []Problem { return logValues(m, w) }, map[string]expectation{
		"of the engine's driver": {services: wrong, world: by("json-file"), want: []string{
			`service web has logging option compress: "maybe", which driver json-file does not take`,
			`service web has logging option labels-regex: "(", which driver json-file does not take`,
			`service web has logging option max-file: "0", which driver json-file does not take`,
			`service web has logging option max-size: "abc", which driver json-file does not take`,
		}},
		"of the service's driver":        {services: `web: {image: x, logging: {driver: local, options: {max-size: 10q}}}`, world: by("journald"), want: []string{`service web has logging option max-size: "10q", which driver local does not take`}},
		"of a driver that is not ours":   {services: wrong, world: by("loki")},
		"of an engine that says nothing": {services: wrong},
		"sound":                          {services: `web: {image: x, logging: {options: {max-size: 10m, max-file: "3", compress: "true", labels: a}}}`, world: by("json-file")},
	})
}

func TestDevicesWithoutADriverAreFound(t *testing.T) {
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	const asked = `web: {image: x, deploy: {resources: {reservations: {devices: [{driver: cdi, device_ids: ["vendor.com/device=one"], capabilities: [tpu]}]}}}}`
	check(t, func(m *compose.Model, w World, _ bool) []Problem { return devices(m, w) }, map[string]expectation{
		"no CDI":                 {services: asked, world: World{Engine: compose.Info{Host: host}}, want: []string{"service web wants devices of driver cdi, which the engine does not have"}},
		"CDI":                    {services: asked, world: World{Engine: compose.Info{Host: host, CDI: []string{"/etc/cdi"}}}},
		"an engine that is mute": {services: asked},
		"a GPU elsewhere":        {services: `web: {image: x, gpus: all}`, world: World{Engine: compose.Info{Host: host + "-vm", Local: true}}},
		"a GPU by its runtime":   {services: `web: {image: x, gpus: all}`, world: World{Engine: compose.Info{Host: host, Local: true, Runtimes: []string{"nvidia", "runc"}}}},
	})
}

// The test's own process stands for the engine's.
func TestAnEngineHasNoDriverForGPUsWhereThatIsCertain(t *testing.T) {
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	comm, err := os.ReadFile("/proc/self/comm")
	if err != nil {
		t.Fatal(err)
	}
	own, here, described := strings.TrimSpace(string(comm)), compose.Info{Local: true, Host: host, Runtimes: []string{"runc"}}, t.TempDir()
	for name, c := range map[string]struct {
		daemon   string
		programs []string
		cdi      []string
		want     bool
	}{
		"none of the programs is there": {own, []string{"no-such-program", "nor-this"}, nil, true},
		"one of them is":                {own, []string{"no-such-program", "sh"}, nil, false},
		"no such process":               {"no-such-daemon", []string{"no-such-program"}, nil, false},
		"folders without a device":      {own, []string{"no-such-program"}, []string{t.TempDir(), "/nowhere"}, true},
		"a device that is described":    {own, []string{"no-such-program"}, []string{described}, false},
	} {
		inFolder(t, described, map[string]string{"nvidia.yaml": ""})
		engine := here
		engine.CDI = c.cdi
		if got := noGPUs(engine, c.daemon, c.programs); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
