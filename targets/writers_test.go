//go:build engine

package targets_test

import (
	"strings"
	"testing"
)

func TestCaseD2AVolumeThatLeadsToAnothersFolderIsThatFolder(t *testing.T) {
	const led = "\nvolumes: {led: {driver_opts: {type: none, o: bind, device: @DIR/data}}}\n"
	for name, c := range map[string]struct{ before, after, wants, volumes string }{
		"a volume comes": {"./data", "led", "postgres wants volume @P_led, which leads to", led},
		"a volume goes":  {"led", "./data", "postgres wants folder", led},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDemo(t, map[string]string{"data/inner/x": ""})
			d.image("demo:1")
			stack := func(service, mount string) {
				d.write("compose.yaml", "services: {"+service+": {image: @P/demo:1, command: [hold], volumes: ['"+mount+":/data']}}"+
					strings.ReplaceAll(c.volumes, "@DIR", d.dir))
			}
			stack("db", c.before)
			d.deploy(0)
			stack("postgres", c.after)
			d.refused(c.wants, "container @P-db-1", "-prune")
			d.deploy(0, "-prune")
			if ids := d.ids(); len(ids) != 1 || ids["postgres"] == "" {
				t.Errorf("running: %v", ids)
			}
		})
	}
}
