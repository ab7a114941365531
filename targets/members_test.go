//go:build engine

package targets_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Further members of the cases, found by trying.

// byHand is what an operator types between two deployments.
func (d *demo) byHand(args ...string) {
	d.t.Helper()
	d.docker(append([]string{"compose", "-p", d.project, "-f", "compose.yaml"}, args...)...)
}

func TestCaseG4AOneShotThatNobodyWaitsForIsDeployedOnce(t *testing.T) {
	for _, restart := range []string{"", `, restart: "no"`, ", restart: on-failure"} {
		t.Run(restart, func(t *testing.T) {
			d := newDemo(t, map[string]string{"compose.yaml": `
services:
  web: {image: @P/demo:1, command: [hold]}
  setup: {image: @P/demo:1, command: [job]` + restart + `}
`})
			d.image("demo:1")
			d.deploy(0)
			before := d.ids()
			if d.deploy(0); len(d.replaced(before)) > 0 {
				t.Errorf("restart %q: it ran again", restart)
			}
		})
	}
}

// Case B9: what Compose's hash leaves out is drift, too.
func TestCaseB9AContainerMadeByHandOfOtherContentIsDrift(t *testing.T) {
	for name, set := range map[string]func(d *demo, web, say string){
		"a mounted file": func(d *demo, web, say string) {
			d.write("c", say)
			d.write("compose.yaml", "services: {web: {"+web+", volumes: ['./c:/c:ro']}}\n")
		},
		"the content of a config": func(d *demo, web, say string) {
			d.write("compose.yaml", "services: {web: {"+web+", configs: [{source: c, target: /c}]}}\nconfigs: {c: {content: "+say+"}}\n")
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDemo(t, nil)
			d.image("demo:1")
			port := freePort(t)
			web := fmt.Sprintf("image: @P/demo:1, environment: {FILE: /c}, ports: ['127.0.0.1:%d:8080']", port)
			set(d, web, "right")
			d.deploy(0)
			set(d, web, "wrong")
			d.byHand("up", "-d", "--force-recreate")
			set(d, web, "right")
			d.deploy(0)
			if got := d.ask(port); !strings.HasSuffix(got, "right") {
				t.Errorf("it answers %q", got)
			}
		})
	}
}

func TestCaseB9AnImageThatSomebodyElseBuiltIsDrift(t *testing.T) {
	port := freePort(t)
	d := newDemo(t, map[string]string{"compose.yaml": fmt.Sprintf("services: {web: {build: ./app, ports: ['127.0.0.1:%d:8080']}}\n", port)})
	d.deploy(0)
	d.version("v2")
	d.byHand("build")
	d.version("v1")
	d.deploy(0)
	if got := d.ask(port); !strings.HasPrefix(got, "v1") {
		t.Errorf("the files say v1, and it answers %q", got)
	}
}

func TestCaseB9AContainerOfAnImageThatTheTagNoLongerNamesIsDrift(t *testing.T) {
	port := freePort(t)
	d := newDemo(t, map[string]string{"compose.yaml": fmt.Sprintf("services: {web: {image: @P/demo:1, ports: ['127.0.0.1:%d:8080']}}\n", port)})
	d.image("demo:1")
	d.deploy(0)
	d.docker("tag", d.project+"/demo:1", d.project+"/kept:1")
	d.version("v2")
	d.image("demo:1")
	d.byHand("up", "-d")
	d.docker("tag", d.project+"/kept:1", d.project+"/demo:1")
	d.deploy(0)
	if got := d.ask(port); !strings.HasPrefix(got, "v1") {
		t.Errorf("the tag names v1, and it answers %q", got)
	}
}

// Case J7: whose namespace is gone is reached by nobody.
func TestCaseJ7AServiceWhoseNetworkNamespaceWasMadeAnewByHandIsDrift(t *testing.T) {
	for _, act := range [][]string{{"up", "-d", "--no-deps", "--force-recreate", "a"}, {"restart", "--no-deps", "a"}} {
		t.Run(act[0], func(t *testing.T) {
			d := newDemo(t, map[string]string{"compose.yaml": `
services:
  a: {image: @P/demo:1}
  b: {image: @P/demo:1, environment: {PORT: "9090", SAY: b}, network_mode: "service:a"}
  c: {image: @P/demo:1}
`})
			d.image("demo:1")
			d.deploy(0)
			d.byHand(act...)
			d.deploy(0)
			if got := d.docker("exec", d.project+"-c-1", "/program", "fetch", "http://a:9090/"); !strings.HasPrefix(got, "v1 b") {
				t.Errorf("after %q and a deployment: %q", act, got)
			}
		})
	}
}

func TestCaseB5AnEnvFileOfAServiceIsNotTakenIntoAnImage(t *testing.T) {
	d := newDemo(t, map[string]string{
		"compose.yaml": "services: {web: {build: ., env_file: [prod.env]}}\n",
		"Dockerfile":   "FROM scratch\nCOPY . /all\nCOPY app/program /program\nENTRYPOINT [\"/program\"]\n",
		"prod.env":     "PASSWORD=hunter2hunter2\n",
	})
	d.refused("prod.env")
}

func TestCaseF2AMissingFileWithoutAnExtensionIsNotMadeAFolder(t *testing.T) {
	d := newDemo(t, map[string]string{"compose.yaml": "services: {web: {image: @P/demo:1, volumes: ['./Caddyfile:/etc/caddy/Caddyfile']}}\n"})
	d.image("demo:1")
	d.refused("Caddyfile")
	if _, err := os.Stat(filepath.Join(d.dir, "Caddyfile")); err == nil {
		t.Error("a folder was made")
	}
}

func TestCaseA3DataIsNotLeftBehindWhereTheTargetMovesToo(t *testing.T) {
	for _, next := range []string{"['new:/data/sub']", "['new:/var']"} {
		t.Run(next, func(t *testing.T) {
			d := newDemo(t, nil)
			d.image("demo:1")
			stack := func(mounts string) {
				d.write("compose.yaml", "services: {db: {image: @P/demo:1, command: [hold], volumes: "+mounts+"}}\nvolumes: {old: , new: }\n")
			}
			stack("['old:/var/data']")
			d.deploy(0)
			stack(next)
			d.refused("old")
		})
	}
}

func TestCaseD2TwoNeverWriteToOneFolderUnderTwoPaths(t *testing.T) {
	for _, next := range []string{"./link:/data", "./data/inner:/data"} {
		t.Run(next, func(t *testing.T) {
			d := newDemo(t, map[string]string{"data/inner/x": ""})
			if err := os.Symlink("data", filepath.Join(d.dir, "link")); err != nil {
				t.Fatal(err)
			}
			d.image("demo:1")
			d.write("compose.yaml", "services: {db: {image: @P/demo:1, command: [hold], volumes: ['./data:/data']}}\n")
			d.deploy(0)
			d.write("compose.yaml", "services: {postgres: {image: @P/demo:1, command: [hold], volumes: ['"+next+"']}}\n")
			d.refused("postgres wants")
		})
	}
}

func TestCaseD3ServicesWithARangeOfPortsAreReplacedAndGiveTheirPortsUp(t *testing.T) {
	port := freePort(t)
	d := newDemo(t, nil)
	d.image("demo:1")
	stack := func(a, b string) {
		d.write("compose.yaml", "services: {a: {image: @P/demo:1"+a+"}, b: {image: @P/demo:1, environment: {SAY: b}"+b+"}}\n")
	}
	two := fmt.Sprintf(", deploy: {replicas: 2}, ports: ['127.0.0.1:%d-%d:8080']", port, port+1)
	stack(two, "")
	d.deploy(0)
	stack(two+", labels: {a: b}", "")
	d.deploy(0)
	stack("", fmt.Sprintf(", ports: ['127.0.0.1:%d:8080']", port))
	d.deploy(0)
	if got := d.ask(port); !strings.HasPrefix(got, "v1 b") {
		t.Errorf("it answers %q", got)
	}
}

func TestCaseD1ANetworkThatCannotBeMadeIsRefusedBeforeAnythingStops(t *testing.T) {
	for _, change := range []string{"ipam: {config: [{subnet: 172.17.0.0/16}]}", "driver: nosuch"} {
		t.Run(change, func(t *testing.T) {
			d := newDemo(t, nil)
			d.image("demo:1")
			stack := func(network string) {
				d.write("compose.yaml", "services: {a: {image: @P/demo:1, networks: [n]}}\nnetworks: {n: {"+network+"}}\n")
			}
			stack("")
			d.deploy(0)
			stack(change)
			d.refused("network")
		})
	}
}

func TestAPausedContainerOfOurOwnHoldsItsPort(t *testing.T) {
	d := newDemo(t, map[string]string{"compose.yaml": fmt.Sprintf("services: {web: {image: @P/demo:1, ports: ['127.0.0.1:%d:8080']}}\n", freePort(t))})
	d.image("demo:1")
	d.deploy(0)
	d.byHand("pause", "web")
	d.deploy(0)
}

func TestCaseD1ServicesThatMoveToAnotherNetworkMoveTogether(t *testing.T) {
	d := newDemo(t, nil)
	d.image("demo:1")
	stack := func(key string) {
		d.write("compose.yaml", "services: {a: {image: @P/demo:1, networks: ["+key+"]}, b: {image: @P/demo:1, networks: ["+key+"], environment: {SAY: b}}}\nnetworks: {"+key+": }\n")
	}
	stack("n")
	d.deploy(0)
	stack("m")
	got := d.deploy(0)
	if !strings.Contains(got.stderr, "stop a, b") {
		t.Errorf("not in one act: %s", got)
	}
	if answer := d.docker("exec", d.project+"-a-1", "/program", "fetch", "http://b:8080/"); !strings.HasPrefix(answer, "v1 b") {
		t.Errorf("a asks b and is told %q", answer)
	}
	d.settled()
}

// What is run by hand of an image that Compose built carries the labels of its service.
func TestAContainerThatSomebodyRunsOfABuiltImageIsNoReplica(t *testing.T) {
	port := freePort(t)
	d := newDemo(t, map[string]string{"compose.yaml": fmt.Sprintf("services: {web: {build: ./app, ports: ['127.0.0.1:%d:8080']}}\n", port)})
	d.deploy(0)
	own := strings.TrimSpace(d.docker("run", "-d", d.project+"-web", "hold"))
	d.version("v2")
	d.deploy(0)
	if got := d.ask(port); !strings.HasPrefix(got, "v2") {
		t.Errorf("it answers %q", got)
	}
	if state := strings.TrimSpace(d.docker("inspect", "--format", "{{.State.Status}}", own)); state != "running" {
		t.Errorf("the operator's own container is %s", state)
	}
}

// The files of a stack that Slipway deployed are known again, though its containers were made from a release of them.
func TestAStackThatIsNamedAnewDoesNotBeginWithEmptyVolumesBesideItself(t *testing.T) {
	d := newDemo(t, nil)
	d.write(d.project+"/compose.yaml", "services: {web: {image: @P/demo:1, command: [hold], volumes: ['data:/data']}}\nvolumes: {data: {}}\n")
	d.image("demo:1")
	d.stack.Name, d.stack.Dir = "", d.project // so the folder names the project
	d.deploy(0)
	d.stack.Name, d.env = d.project+"-anew", []string{"STATE_DIR=" + filepath.Join(t.TempDir(), "state")}
	d.refused("run already as project \"@P\"", "empty volumes")
}
