//go:build engine

package targets_test

import (
	"fmt"
	"strings"
	"testing"
)

// Case F: what the engine would refuse at the last step, or start otherwise than the files say, is refused before the first.

func TestCaseFWhatTheEngineOrItsHostDoesNotHaveIsRefusedFirst(t *testing.T) {
	for _, c := range []struct {
		name, web, more string
		words           []string
	}{
		{"a volume driver", "volumes: ['data:/d']", "volumes: {data: {driver: nosuch}}", []string{"volume @P_data wants driver nosuch", "it has local"}},
		{"a platform that the image has not", "platform: linux/s390x", "", []string{"wants platform linux/s390x", "@P/demo:1 is here for linux/"}},
		{"a platform that is none", "platform: nosuch", "", []string{`platform "nosuch"`}},
		{"an address", "ports: ['192.0.2.7:45679:80']", "", []string{"45679", "192.0.2.7, which this machine does not have"}},
		{"an address of IPv6", "ports: ['[2001:db8::7]:45679:80']", "", []string{"2001:db8::7, which this machine does not have"}},
		{"a container to share the network of", "network_mode: 'container:@P-none'", "", []string{"names container @P-none in network_mode"}},
		{"a container to share the processes of", "pid: 'container:@P-none'", "", []string{"names container @P-none in pid"}},
		{"a container to share the volumes of", "volumes_from: ['container:@P-none']", "", []string{"names container @P-none in volumes_from"}},
		{"a container to link to", "external_links: ['@P-none:x']", "", []string{"names container @P-none in external_links"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := newDemo(t, map[string]string{"compose.yaml": "services: {web: {image: @P/demo:1, command: [hold], " + c.web + "}}\n" + c.more + "\n"})
			d.image("demo:1")
			d.refused(c.words...)
		})
	}
}

func TestCaseFAContainerThatIsNamedAndRunsIsTaken(t *testing.T) {
	d := newDemo(t, map[string]string{"compose.yaml": "services: {web: {image: @P/demo:1, command: [hold], network_mode: 'container:@P-other'}}\n"})
	d.image("demo:1")
	d.docker("create", "--name", d.project+"-other", d.project+"/demo:1", "hold")
	t.Cleanup(func() { d.docker("rm", "-f", d.project+"-other") })
	d.refused("container @P-other in network_mode, and it does not run", "docker start @P-other")
	d.docker("start", d.project+"-other")
	d.deploy(0)
}

func TestCaseD3TwoContainerNamesAreSwapped(t *testing.T) {
	stack := func(d *demo, a, b, more string) {
		d.write("compose.yaml", fmt.Sprintf(`
services:
  a: {image: @P/demo:1, environment: {SAY: a}, container_name: @P-%s}
  b: {image: @P/demo:1, environment: {SAY: b}, container_name: @P-%s%s}
`, a, b, more))
	}
	for name, more := range map[string]string{"": "", "one depends on the other": ", depends_on: [a]"} {
		t.Run(name, func(t *testing.T) {
			d := newDemo(t, nil)
			d.image("demo:1")
			stack(d, "one", "two", more)
			d.deploy(0)
			stack(d, "two", "one", more)
			d.deploy(0)
			for container, service := range map[string]string{"one": "b", "two": "a"} {
				if got := d.docker("container", "inspect", "--format", `{{.State.Status}} {{index .Config.Labels "com.docker.compose.service"}}`, d.project+"-"+container); strings.TrimSpace(got) != "running "+service {
					t.Errorf("the container %s: %s", container, got)
				}
			}
			if len(strings.Split(strings.TrimSpace(d.all()), "\n")) != 3 { // and the network
				t.Errorf("more than two containers are left:\n%s", d.all())
			}
			d.settled()
			before := d.ids()
			if d.deploy(0); len(d.replaced(before)) > 0 {
				t.Error("an unchanged deployment replaces again")
			}
		})
	}
}

// What an interruption leaves is a container with a name that is nobody's.
func TestAContainerWithAnotherNameThanTheFilesGiveItIsDrift(t *testing.T) {
	d := newDemo(t, map[string]string{"compose.yaml": "services: {web: {image: @P/demo:1, container_name: @P-edge}}\n"})
	d.image("demo:1")
	d.deploy(0)
	d.docker("stop", d.project+"-edge")
	d.docker("rename", d.project+"-edge", d.project+"-edge-aside-0123456789ab")
	d.deploy(0)
	if got := d.docker("container", "inspect", "--format", "{{.State.Status}}", d.project+"-edge"); strings.TrimSpace(got) != "running" {
		t.Errorf("it is %s", got)
	}
}

func TestDataInAVolumeWithoutANameIsNotLeftBehind(t *testing.T) {
	const volume = "volumes: ['/data'], environment: {WRITE: /data/x}"
	t.Run("no replicas", func(t *testing.T) {
		d := newDemo(t, nil)
		d.image("demo:1")
		stack := func(web string) {
			d.write("compose.yaml", "services: {web: {image: @P/demo:1, "+web+"}, other: {image: @P/demo:1}}\n")
		}
		stack(volume)
		d.deploy(0)
		data := d.volumeOf("web")
		t.Cleanup(func() { d.docker("volume", "rm", data) })
		stack(volume + ", scale: 0")
		d.refused("@P-web-1", "/data", "docker rm -f @P-web-1")
		d.docker("rm", "-f", d.project+"-web-1")
		d.deploy(0)
		stack("volumes: ['/data'], scale: 0")
		d.deploy(0)
	})
	t.Run("no replicas, and nothing in it", func(t *testing.T) {
		d := newDemo(t, nil)
		d.image("demo:1")
		stack := func(scale int) {
			d.write("compose.yaml", fmt.Sprintf("services: {web: {image: @P/demo:1, volumes: ['/data'], scale: %d}, other: {image: @P/demo:1}}\n", scale))
		}
		stack(1)
		d.deploy(0)
		empty := d.volumeOf("web")
		t.Cleanup(func() { d.docker("volume", "rm", empty) })
		stack(0)
		d.deploy(0)
		stack(1)
		d.deploy(0)
		other := d.volumeOf("web")
		t.Cleanup(func() { d.docker("rm", "-f", d.project+"-web-1"); d.docker("volume", "rm", other) })
	})
	t.Run("a renamed service", func(t *testing.T) {
		d := newDemo(t, nil)
		d.image("demo:1")
		stack := func(name string) { d.write("compose.yaml", "services: {"+name+": {image: @P/demo:1, "+volume+"}}\n") }
		stack("db")
		d.deploy(0)
		data := d.volumeOf("db")
		t.Cleanup(func() { d.docker("rm", "-f", d.project+"-db-1"); d.docker("volume", "rm", data) })
		stack("postgres")
		got := d.mage("deploy", "-skip=prerequisites", "-prune")
		if got.code != 3 || !strings.Contains(got.stderr, "container "+d.project+"-db-1 is to go") {
			t.Errorf("%s", got)
		}
	})
}

// volumeOf is the one volume of a service's first container.
func (d *demo) volumeOf(service string) string {
	d.t.Helper()
	return strings.TrimSpace(d.docker("container", "inspect", "--format", "{{range .Mounts}}{{.Name}}{{end}}", d.project+"-"+service+"-1"))
}
