package rollout

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/moby/moby/api/types/volume"

	"slipway/internal/compose"
)

func mount(kind, source, target string) compose.Mount {
	m := compose.Mount{Type: kind, Source: source, Target: target, Write: true}
	if kind == "volume" {
		m.Name, m.Source = source, "/volumes/"+source
	}
	return m
}

// Case A3: the data of a service stays behind when its files give it something else that is empty.
func TestCaseA3AServiceThatWouldLeaveItsDataBehindIsRefused(t *testing.T) {
	dir := t.TempDir()
	inFolder(t, dir, map[string]string{"full/PG_VERSION": "17", "other/PG_VERSION": "17", "one.db": "x"})
	for _, empty := range []string{"empty", "nothing"} {
		if err := os.Mkdir(filepath.Join(dir, empty), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	at := func(name string) string { return filepath.Join(dir, name) }
	for name, c := range map[string]struct {
		volumes string // of service db
		had     compose.Mount
		there   string // a volume that the engine has
		refused string // a part of the conflict
	}{
		"unchanged":                                    {`["data:/data"]`, mount("volume", "p_data", "/data"), "p_data", ""},
		"renamed":                                      {`["store:/data"]`, mount("volume", "p_data", "/data"), "p_data", "db has its data in volume p_data (container p-db-1, /data), and the compose files now give it volume p_store, which is empty"},
		"renamed, and the new one is there":            {`["store:/data"]`, mount("volume", "p_data", "/data"), "p_store", ""},
		"to an external one that is not there":         {`["foreign:/data"]`, mount("volume", "p_data", "/data"), "p_data", "now give it volume shared"},
		"to an external one that is there":             {`["foreign:/data"]`, mount("volume", "p_data", "/data"), "shared", ""},
		"from an external one, unchanged":              {`["foreign:/data"]`, mount("volume", "shared", "/data"), "shared", ""},
		"to an empty folder":                           {`["DIR/empty:/data"]`, mount("volume", "p_data", "/data"), "p_data", "now give it folder DIR/empty, which is empty"},
		"to a folder that is not there":                {`["DIR/absent:/data"]`, mount("volume", "p_data", "/data"), "p_data", "now give it folder DIR/absent"},
		"to a folder that holds data":                  {`["DIR/full:/data"]`, mount("volume", "p_data", "/data"), "p_data", ""},
		"the same folder, empty":                       {`["DIR/empty:/data"]`, mount("bind", "DIR/empty", "/data"), "", ""},
		"from a folder to an empty one":                {`["DIR/empty:/data"]`, mount("bind", "DIR/full", "/data"), "", "db has its data in folder DIR/full"},
		"from an empty folder to another":              {`["DIR/empty:/data"]`, mount("bind", "DIR/nothing", "/data"), "", ""},
		"from a folder to another with data":           {`["DIR/other:/data"]`, mount("bind", "DIR/full", "/data"), "", ""},
		"from a folder to a volume":                    {`["data:/data"]`, mount("bind", "DIR/full", "/data"), "", "now give it volume p_data"},
		"from a file to one that is not there":         {`["DIR/two.db:/data"]`, mount("bind", "DIR/one.db", "/data"), "", "now give it folder DIR/two.db"},
		"of the image's VOLUME, to a new one":          {`["data:/data"]`, mount("volume", "0123456789abcdef", "/data"), "", "now give it volume p_data"},
		"another place in the container":               {`["data:/data", "store:/store"]`, mount("volume", "p_data", "/data"), "p_data", ""},
		"it is only read from now on":                  {`["store:/data:ro"]`, mount("volume", "p_data", "/data"), "p_data", ""},
		"it was only read":                             {`["store:/data"]`, compose.Mount{Type: "volume", Name: "p_data", Target: "/data"}, "p_data", ""},
		"from a folder to a volume that leads to it":   {`["led:/data"]`, mount("bind", "DIR/full", "/data"), "", ""},
		"from a folder to a volume that leads nowhere": {`["void:/data"]`, mount("bind", "DIR/full", "/data"), "", "now give it folder DIR/empty, which is empty"},
		"a tmpfs": {`["data:/data"]`, mount("tmpfs", "", "/data"), "", ""},
	} {
		in := func(text string) string { return strings.ReplaceAll(text, "DIR", dir) }
		model := modelOf(t, "services: {db: {image: x, volumes: "+in(c.volumes)+"}}\nvolumes: {data: {}, store: {}, foreign: {external: true, name: shared}"+
			in(", led: {driver_opts: {type: none, o: bind, device: DIR/full}}, void: {driver_opts: {type: none, o: 'bind,rw', device: DIR/empty}}}\n"))
		had := c.had
		had.Source = in(had.Source)
		found := running("db")
		found.Mounts = []compose.Mount{{Type: "bind", Source: at("nothing"), Target: "/elsewhere", Write: true}, had}
		there := map[string]volume.Volume{}
		if c.there != "" {
			there[c.there] = volume.Volume{Name: c.there}
		}
		conflicts := Moved(model, []compose.Container{found}, there)
		switch {
		case c.refused == "" && len(conflicts) > 0:
			t.Errorf("%s: %q", name, conflicts)
		case c.refused == "":
		case len(conflicts) != 1 || !strings.Contains(conflicts[0].Text, in(c.refused)) || conflicts[0].Service != "db" || conflicts[0].Remedy == "":
			t.Errorf("%s: %q, want %q", name, conflicts, in(c.refused))
		}
	}
}

func TestCaseA3AServiceThatIsNewHasNoDataToLeave(t *testing.T) {
	model := modelOf(t, "services: {db: {image: x, volumes: ['data:/data']}}\nvolumes: {data: {}}\n")
	other, job := running("other", volumeOf("p_old")), running("db", volumeOf("p_old"), oneOff)
	if conflicts := Moved(model, []compose.Container{other, job}, nil); len(conflicts) > 0 {
		t.Errorf("%q", conflicts)
	}
}

func TestDataInAVolumeWithoutANameIsForsakenByNobodyUnasked(t *testing.T) {
	dir := t.TempDir()
	inFolder(t, dir, map[string]string{"full/x": "", "empty/.keep": ""})
	if err := os.Remove(filepath.Join(dir, "empty/.keep")); err != nil {
		t.Fatal(err)
	}
	holding := func(service, name, folder string) compose.Container {
		m := mount("volume", name, "/data")
		m.Source = filepath.Join(dir, folder)
		return running(service, func(c *compose.Container) { c.Image, c.Mounts = "x", []compose.Mount{m} })
	}
	unnamed := strings.Repeat("0a", 32)
	for name, c := range map[string]struct {
		services  string
		container compose.Container
		prune     bool
		refused   bool
	}{
		"no replicas":                        {`db: {image: x, scale: 0}`, holding("db", unnamed, "full"), false, true},
		"no replicas, on another machine":    {`db: {image: x, scale: 0}`, holding("db", unnamed, "absent"), false, true},
		"no replicas, and nothing in it":     {`db: {image: x, scale: 0}`, holding("db", unnamed, "empty"), false, false},
		"no replicas, with a name":           {`db: {image: x, scale: 0}`, holding("db", "p_data", "full"), false, false},
		"a replica":                          {`db: {image: x}`, holding("db", unnamed, "full"), false, false},
		"renamed":                            {`postgres: {image: x}`, holding("db", unnamed, "full"), false, false},
		"renamed and pruned":                 {`postgres: {image: x}`, holding("db", unnamed, "full"), true, true},
		"renamed and pruned, with a name":    {`postgres: {image: x, volumes: ["data:/data"]}`, holding("db", unnamed, "full"), true, false},
		"another service in its place":       {`cache: {image: y}`, holding("db", unnamed, "full"), true, false},
		"renamed and pruned, empty":          {`postgres: {image: x}`, holding("db", unnamed, "empty"), true, false},
		"no replicas, of an image of others": {`db: {image: y, scale: 0}`, holding("db", unnamed, "full"), false, true},
	} {
		conflicts := Forsaken(modelOf(t, "services: {"+c.services+"}\nvolumes: {data: {}}\n"), []compose.Container{c.container}, c.prune)
		if (len(conflicts) > 0) != c.refused {
			t.Errorf("%s: %q", name, conflicts)
		}
		for _, conflict := range conflicts {
			if !strings.Contains(conflict.Text, "container p-db-1 is to go") || !strings.Contains(conflict.Remedy, "docker rm -f p-db-1") {
				t.Errorf("%s: %q", name, conflict)
			}
		}
	}
}
