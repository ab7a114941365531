package redact

import (
	"encoding/json"
	"testing"
)

func TestOfJSONTheTextsAreHiddenAndTheKeysStay(t *testing.T) {
	r := New()
	r.Add("services", "containers", "443512", "running-since", canary, `","x":"`, "postgres", "a\nline of it")
	for document, want := range map[string]string{
		`{"services":[{"containers":"the containers run"}],"running-since":443512}`: `{"services":[{"containers":"the [redacted] run"}],"running-since":443512}`,
		`{"a":"b","x":"c"}`: `{"a":"b","x":"c"}`,
		`{"z":1,"said":"it is ` + jsonText(canary, true) + `","a":[true,null,"\"\\"]}`: `{"z":1,"said":"it is [redacted]","a":[true,null,"\"\\"]}`,
		`{"user":"postgres","password":"postgres","of":{"password":["postgres"]}}`:     `{"user":"postgres","password":"[redacted]","of":{"password":["[redacted]"]}}`,
		`"a\nline of it"`: `"[redacted]"`,
		`{}`:              `{}`,
	} {
		got := r.JSON([]byte(document))
		if string(got) != want {
			t.Errorf("%s became %s", document, got)
		}
		if !json.Valid(got) {
			t.Errorf("%s is no JSON any more: %s", document, got)
		}
	}
}
