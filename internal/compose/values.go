package compose

import (
	"reflect"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
)

// EachValue tells every text of the model, with the key that it stands under where the operator chose that: a variable of the
// environment, a label, an option, the flag before it. Secrets are told by what they hold, as far as the files say it. What nobody
// uses is told, too: a service of a profile that is not active may, and the secret is the same.
func (m *Model) EachValue(tell func(key, value string)) {
	for _, project := range []types.Project{*m.Project, m.unused} {
		for _, secret := range project.Secrets {
			tell("SECRET", secret.Content)
			if secret.Environment != "" {
				tell("SECRET", m.Environment[secret.Environment])
			}
		}
		project.Environment = nil // the operator's own
		eachValue(reflect.ValueOf(project), "", tell)
	}
}

// SecretFiles are the files that secrets are read from.
func (m *Model) SecretFiles() []string {
	var files []string
	for _, secrets := range []types.Secrets{m.Secrets, m.unused.Secrets} {
		for _, secret := range secrets {
			if secret.File != "" {
				files = append(files, secret.File)
			}
		}
	}
	slices.Sort(files)
	return files
}

func eachValue(v reflect.Value, key string, tell func(key, value string)) {
	switch v.Kind() {
	case reflect.String:
		if v.Len() > 0 {
			tell(key, v.String())
		}
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			eachValue(v.Elem(), key, tell)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				eachValue(v.Field(i), "", tell)
			}
		}
	case reflect.Map:
		if _, hosts := v.Interface().(types.HostsList); hosts {
			return // its keys are names of machines
		}
		for entries := v.MapRange(); entries.Next(); {
			eachValue(entries.Value(), entries.Key().String(), tell)
		}
	case reflect.Slice:
		for i := range v.Len() {
			eachValue(v.Index(i), key, tell)
			key = flag(v.Index(i))
		}
	}
}

// flag is the name of a flag whose value is the next argument.
func flag(argument reflect.Value) string {
	if argument.Kind() != reflect.String {
		return ""
	}
	name := strings.TrimLeft(argument.String(), "-")
	if name == argument.String() || strings.ContainsAny(name, "= ") {
		return ""
	}
	return name
}
