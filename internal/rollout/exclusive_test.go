package rollout

import (
	"strings"
	"testing"
)

func TestNobodyWritesBesideAServiceThatIsToWriteAlone(t *testing.T) {
	const alone = `web: {image: x, labels: {slipway.exclusive: "true"}, volumes: ["data:/data"]}`
	for name, c := range map[string]struct{ services, want string }{
		"nobody does":            {alone, ""},
		"another reads":          {alone + `, worker: {image: x, volumes: ["data:/data:ro"]}`, ""},
		"another writes beside":  {alone + `, worker: {image: x, volumes: ["data:/data"]}`, "service web is to write alone (label slipway.exclusive), and worker writes to volume p_data, too"},
		"a job does":             {alone + `, migrate: {image: x, profiles: [jobs], volumes: ["data:/data"]}`, "and migrate writes to volume p_data, too"},
		"one does by a link":     {`web: {image: x, labels: {slipway.exclusive: "true"}, volumes: ["/srv/data:/data"]}, job: {image: x, profiles: [jobs], volumes: ["led:/data"]}`, "and job writes to folder /srv/data, too"},
		"it does itself":         {`web: {image: x, scale: 2, labels: {slipway.exclusive: "true"}, volumes: ["data:/data"]}`, "and wants 2 replicas"},
		"it says that it is not": {`web: {image: x, scale: 2, labels: {slipway.exclusive: "false"}, volumes: ["data:/data"]}`, ""},
		"it says neither":        {`web: {image: x, labels: {slipway.exclusive: "yes please"}}`, `has label slipway.exclusive: "yes please"`},
	} {
		model := modelOf(t, "services: {"+c.services+"}\nvolumes: {data: {}, led: {driver_opts: {type: none, o: bind, device: /srv/data}}}\n")
		found := Beside(model)
		switch {
		case c.want == "" && len(found) > 0:
			t.Errorf("%s: %v", name, found)
		case c.want != "" && (len(found) != 1 || !strings.Contains(found[0].Text, c.want) || found[0].Remedy == ""):
			t.Errorf("%s: %v, want %s", name, found, c.want)
		}
	}
}

func TestAServiceThatIsToWriteAloneDoesNotStartBesideItselfOrARunByHand(t *testing.T) {
	const text = "services: {web: {image: x, labels: {slipway.exclusive: 'true'}, volumes: ['data:/data']%s}}\nvolumes: {data: {}}\n"
	model := modelOf(t, strings.Replace(text, "%s", ", deploy: {update_config: {order: start-first}}", 1))
	if _, err := Choose(model.Services["web"], nil); err == nil || !strings.Contains(err.Error(), "it is to write alone") {
		t.Errorf("start-first: %v", err)
	}
	byHand := running("web", volumeOf("p_data"), oneOff)
	byHand.Name = "p-web-run-1"
	_, conflicts := arranged(t, strings.Replace(text, "%s", "", 1), there(byHand), false)
	if len(conflicts) != 1 || !strings.Contains(conflicts[0], "web wants volume p_data, which job container p-web-run-1 holds") {
		t.Errorf("a run by hand: %q", conflicts)
	}
}
