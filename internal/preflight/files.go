package preflight

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"slipway/internal/compose"
)

// files are those that a container or a build needs of this machine and that are not there. The engine would make a folder in
// the place of a file.
func files(model *compose.Model) []Problem {
	var problems []Problem
	missing := func(what, where, remedy string) { problems = append(problems, missing(what, where, remedy)...) }
	for _, s := range sorted(model) {
		for _, v := range s.Volumes {
			if v.Type != types.VolumeTypeBind || filepath.Clean(v.Source) == "/" {
				continue
			}
			if v.ReadOnly && model.Holds(v.Source) || looksLikeAFile(v.Source) || v.Bind != nil && !bool(v.Bind.CreateHostPath) {
				missing("service "+s.Name+" mounts", v.Source, "restore it, or, if it is to be an empty folder: mkdir -p "+v.Source)
			}
		}
		for _, device := range s.Devices {
			if filepath.IsAbs(device.Source) {
				missing("service "+s.Name+" wants device", device.Source, "plug it in, or take it out of devices")
			}
		}
		if b := s.Build; b != nil && filepath.IsAbs(b.Context) {
			missing("service "+s.Name+" is built in", b.Context, "restore it, or correct build.context")
			if b.DockerfileInline == "" && isDir(b.Context) {
				missing("service "+s.Name+" is built with", dockerfile(b), "restore it, or correct build.dockerfile")
			}
		}
	}
	return slices.Compact(problems)
}

// Written are the files of secrets and configs that are not there.
func Written(model *compose.Model) []Problem {
	var problems []Problem
	for _, s := range sorted(model) {
		for _, ref := range s.Secrets {
			if file := model.Secrets[ref.Source].File; file != "" {
				problems = append(problems, missing("secret "+ref.Source+" is in", file, "write it, mode 0600")...)
			}
		}
		for _, ref := range s.Configs {
			if file := model.Configs[ref.Source].File; file != "" {
				problems = append(problems, missing("config "+ref.Source+" is in", file, "restore it")...)
			}
		}
	}
	return slices.Compact(problems)
}

func missing(what, where, remedy string) []Problem {
	if _, err := os.Stat(where); err != nil {
		return []Problem{{fmt.Sprintf("%s %s: %s", what, where, cause(err)), remedy}}
	}
	return nil
}

// looksLikeAFile reports whether a path is called like a file: app.conf, .htpasswd, Caddyfile.
func looksLikeAFile(where string) bool {
	name := filepath.Base(where)
	return filepath.Ext(name) != "" || name[0] >= 'A' && name[0] <= 'Z' && strings.HasSuffix(name, "file")
}

func dockerfile(b *types.BuildConfig) string {
	name := b.Dockerfile
	if name == "" {
		name = "Dockerfile"
	}
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(b.Context, name)
}

func isDir(where string) bool {
	info, err := os.Stat(where)
	return err == nil && info.IsDir()
}

// cause is an error about a path that the sentence around it names.
func cause(err error) string {
	if os.IsNotExist(err) {
		return "it is not there"
	}
	if inner, is := err.(*os.PathError); is { //nolint:errorlint // only an error that is nothing but a path error is stripped
		return inner.Err.Error()
	}
	return err.Error()
}
