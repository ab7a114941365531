package compose

import (
	"reflect"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
)

func TestTextsBecomeNumbersAndTruthValuesAsWithAllConversions(t *testing.T) {
	for name, text := range map[string]string{
		"none":           `services: {web: {image: a, command: "${ON}"}}`,
		"in a service":   `services: {web: {image: a, init: "${ON}", tty: "${ON}", cpus: "${HALF}", deploy: {replicas: "${TWO}"}, healthcheck: {test: x, retries: "${TWO}"}}}`,
		"deep":           `services: {web: {image: a, ulimits: {nofile: {soft: "${TWO}", hard: "${TWO}"}}, volumes: [{type: volume, source: v, target: /v, read_only: "${ON}"}]}}` + "\nvolumes: {v: {external: '${ON}'}}",
		"a mask":         `services: {web: {image: a, umask: "${TWO}"}}`,
		"quoted":         "services:\n  web:\n    image: a\n    'read_only': \"true\"\n    \"scale\": '2'\n",
		"escaped":        `services: {web: {image: a, "\x69nit": "${ON}", "\u0075mask": "${TWO}"}}`,
		"over two lines": "services: {web: {image: a, \"um\\\n  ask\": \"${TWO}\"}}",
		"by an anchor":   "x-a: &a {init: \"${ON}\"}\nservices: {web: {<<: *a, image: a}}",
		"wrong":          `services: {web: {image: a, init: "${TWO}"}}`,
		"in utf-16":      "\xff\xfe" + wide(`services: {web: {image: a, umask: "${TWO}"}}`),
		"of a job":       `{services: {web: {image: a}}, jobs: {j: {image: a, init: "${ON}", privileged: "${ON}"}}}`,
	} {
		p := written(t, text, "ON=true\nTWO=2\nHALF=0.5\n")
		options, err := p.options(p.withJobs())
		if err == nil {
			err = cli.WithLoadOptions(func(o *loader.Options) {
				if o.Interpolate != nil {
					o.Interpolate.TypeCastMapping = loader.ToOptions(&types.ConfigDetails{}, nil).Interpolate.TypeCastMapping
				}
			})(options)
		}
		if err != nil {
			t.Fatal(err)
		}
		want, wantErr := options.LoadProject(t.Context())
		got, err := p.load(t.Context(), p.withJobs())
		if (err == nil) != (wantErr == nil) {
			t.Errorf("%s: %v, with all conversions %v", name, err, wantErr)
		}
		if err == nil && !reflect.DeepEqual(got, want) {
			t.Errorf("%s:\n%+v, with all conversions\n%+v", name, got, want)
		}
	}
}

// wide is ASCII in UTF-16.
func wide(text string) string {
	var long []byte
	for i := range len(text) {
		long = append(long, text[i], 0)
	}
	return string(long)
}
