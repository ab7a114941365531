//go:build engine

package targets_test

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"slipway/internal/testhost"
)

// Case F: what an engine refuses when it creates a container, only it knows, and each version otherwise.
func TestCaseFWhatTheEngineRefusesToCreateIsRefusedFirst(t *testing.T) {
	for _, c := range []struct{ key, say string }{
		{"cap_add: [NET_ADMNI]", `unknown capability: "CAP_NET_ADMNI"`},
		{"cap_drop: [NOPE]", `unknown capability: "CAP_NOPE"`},
		{"cpus: 4096", "as there are only"},
		{"deploy: {resources: {limits: {cpus: '4096'}}}", "as there are only"},
		{"cpuset: 4000-4001", "CPUs are not available"},
		{"mem_limit: 100m, memswap_limit: 50m", "memoryswap limit"},
		{"mem_limit: 100m, mem_reservation: 200m", "memory reservation"},
		{"logging: {driver: nosuch}", "nosuch"},
		{"logging: {options: {nosuch: a}}", "nosuch"},
		{"stop_signal: SIGFOO", "SIGFOO"},
		{"storage_opt: {size: 1G}", "storage-opt"},
		{"security_opt: ['nosuch=1']", "nosuch=1"},
		{"extra_hosts: ['a:nosuch']", "nosuch"},
		{"tmpfs: [relative]", "relative"},
	} {
		t.Run(c.key, func(t *testing.T) {
			d := newDemo(t, map[string]string{"compose.yaml": "services: {sound: {image: @P/demo:1, command: [hold], mem_limit: 100m}, web: {image: @P/demo:1, command: [hold], " + c.key + "}}\n"})
			d.image("demo:1")
			d.refused("the engine refuses a container of service web: ", c.say)
			d.noRehearsal()
		})
	}
}

// What it refuses only when it starts a container, is looked at otherwise.
func TestCaseFWhatTheEngineRefusesToStartIsRefusedFirst(t *testing.T) {
	for _, c := range []struct{ key, say string }{
		{"user: nobodyx", "unable to find user nobodyx"},
		{"user: '1000:nobodyx'", "unable to find group nobodyx"},
		{"group_add: [nobodyx]", "unable to find group nobodyx"},
		{"entrypoint: [/nothing]", `runs "/nothing"`},
		{"entrypoint: [nothing]", `runs "nothing"`},
		{"entrypoint: [/etc/notes]", "no executable file"},
		{"logging: {driver: json-file, options: {max-size: abc}}", "max-size"},
		{"logging: {driver: local, options: {max-file: abc}}", "max-file"},
		{"device_cgroup_rules: [xyz]", "xyz"},
		{"tmpfs: ['/one:bogus=1']", "bogus=1"},
		{"tmpfs: ['/one:size=abc']", "size=abc"},
		{"deploy: {resources: {reservations: {devices: [{driver: cdi, device_ids: ['a.b/c=1'], capabilities: [tpu]}]}}}", "driver cdi"},
	} {
		t.Run(c.key, func(t *testing.T) {
			d := newDemo(t, map[string]string{
				"app/Dockerfile": "FROM scratch\nCOPY program /program\nCOPY passwd group notes /etc/\nVOLUME /kept\nENTRYPOINT [\"/program\"]\nCMD [\"hold\"]\n",
				"app/passwd":     "root:x:0:0::/:/bin/sh\napp:x:1000:1000::/:/bin/sh\n", "app/group": "root:x:0:\nstaff:x:50:\n", "app/notes": "x",
			})
			services := func(key string) {
				d.write("compose.yaml", "services: {sound: {image: @P/demo:1, user: 'app:staff', tmpfs: ['/one:size=1m,mode=755']}, web: {image: @P/demo:1, "+key+"}}\n")
			}
			d.image("demo:1")
			services(c.key)
			d.refused(c.say)
			d.noRehearsal()
			if c.key != "user: nobodyx" {
				return
			}
			services("user: app, group_add: [staff], entrypoint: [/program, hold]")
			d.deploy(0)
			d.noRehearsal()
			before := d.ids()
			services(c.key)
			d.refused(c.say)
			if len(d.replaced(before)) > 0 {
				t.Error("refused, and yet replaced")
			}
		})
	}
}

// It is refused while the last good one runs, in the definition of a job too, and what is sound is taken.
func TestCaseFADefinitionIsRehearsedOnceAndDisturbsNobody(t *testing.T) {
	d := newDemo(t, nil)
	d.image("demo:1")
	d.stack.Destinations[0].Database.Job, d.stack.Destinations[0].Database.Migrations = "migrate", "app/Dockerfile"
	stack := func(web, job string) {
		d.write("compose.yaml", `
services:
  web: {image: @P/demo:1, logging: {options: {tag: "a$$b"}}, mem_limit: 100m, ipc: shareable, `+web+`}
  beside: {image: @P/demo:1, command: [hold], ipc: "service:web", deploy: {resources: {limits: {memory: 50m}}}}
  migrate: {image: @P/demo:1, command: [job], mem_limit: 50m, profiles: [jobs], `+job+`}
`)
	}
	stack("cap_add: [NOPE]", "cap_drop: [NADA]")
	got := d.refused("service web: invalid CapAdd", "service migrate: invalid CapDrop")
	if strings.Contains(got.stderr, "service beside") {
		t.Errorf("what is sound is refused, too: %s", got)
	}
	stack("cap_add: [CHOWN]", "cap_drop: [CHOWN]")
	rehearsed := func(act func()) int {
		var seen safeBuffer
		events := exec.Command("docker", "events", "--filter", "type=container", "--filter", "label=slipway.rehearsal="+d.project, "--format", "{{.Action}}")
		events.Stdout = &seen
		if err := events.Start(); err != nil {
			t.Fatal(err)
		}
		act()
		_ = events.Process.Kill()
		_ = events.Wait()
		if strings.Contains(seen.String(), "start") {
			t.Errorf("a container was started: %s", &seen)
		}
		return strings.Count(seen.String(), "create")
	}
	for _, c := range []struct {
		what string
		do   func()
		want int
	}{
		{"first deployment", func() {}, 3 + 1}, // and one of the image, to look into it
		{"unchanged", func() {}, 0},
		{"another environment", func() { stack("environment: {SAY: x}, cap_add: [CHOWN]", "cap_drop: [CHOWN]") }, 0},
		{"another capability, after a rehearsal was killed", func() {
			d.docker("create", "--label", "slipway.rehearsal="+d.project, d.project+"/demo:1")
			stack("cap_add: [KILL]", "cap_drop: [CHOWN]")
		}, 1},
	} {
		c.do()
		if made := rehearsed(func() { d.deploy(0) }); made != c.want {
			t.Errorf("%s: %d containers were made to rehearse, want %d", c.what, made, c.want)
		}
		d.noRehearsal()
	}
	before := d.ids()
	stack("cap_add: [NOPE]", "cap_drop: [CHOWN]")
	d.refused("service web: invalid CapAdd")
	if len(d.replaced(before)) > 0 {
		t.Error("refused, and yet replaced")
	}
}

// Each engine and each Compose: what is refused differs, and how names are given.
func TestCaseFEveryEngineIsAskedWhatItRefusesAndSwapsNames(t *testing.T) {
	for _, system := range []testhost.System{testhost.Debian13, testhost.Testing, testhost.TestingContainerd} {
		t.Run(system.Name, func(t *testing.T) {
			d := newDemoOn(t, system, nil)
			d.image("demo:1")
			stack := func(capability, a, b string) {
				d.write("compose.yaml", fmt.Sprintf(`
services:
  a:
    image: @P/demo:1
    container_name: @P-%s
    cap_add: [%s]
    deploy: {resources: {limits: {memory: 100m, pids: 50}}}
    logging: {driver: json-file, options: {max-size: 1m, tag: "$$x"}}
    extra_hosts: ["h:host-gateway"]
    tmpfs: [/tmp]
    ulimits: {nofile: {soft: 100, hard: 200}}
    sysctls: {net.core.somaxconn: 1024}
  b: {image: @P/demo:1, container_name: @P-%s, shm_size: 32m, stop_signal: SIGINT}
`, a, capability, b))
			}
			stack("NOPE", "one", "two")
			d.refused(`the engine refuses a container of service a: `, "CAP_NOPE")
			d.noRehearsal()
			stack("CHOWN", "one", "two")
			d.deploy(0)
			d.noRehearsal()
			stack("CHOWN", "two", "one")
			d.deploy(0)
			for container, service := range map[string]string{"one": "b", "two": "a"} {
				if got := d.docker("container", "inspect", "--format", `{{.State.Status}} {{index .Config.Labels "com.docker.compose.service"}}`, d.project+"-"+container); strings.TrimSpace(got) != "running "+service {
					t.Errorf("the container %s: %s", container, got)
				}
			}
			d.settled()
		})
	}
}

// noRehearsal fails the test if anything of a rehearsal is left.
func (d *demo) noRehearsal() {
	d.t.Helper()
	left := d.docker("ps", "-aq", "--filter", "label=slipway.rehearsal="+d.project) + d.docker("image", "ls", "-q", "slipway-rehearsal:"+d.project)
	for _, kind := range []string{"network", "volume"} {
		left += d.docker(kind, "ls", "--filter", "name=slipway-rehearsal", "--format", "{{.Name}}")
	}
	if left != "" {
		d.t.Errorf("the rehearsal left %s", left)
	}
}
