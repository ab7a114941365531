package compose

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// Tools are the versions of the docker command and its plugins, and the files that said so. A plugin that is not
// installed has no version.
type Tools struct {
	Client, Compose, Buildx string
	Models                  bool              // there is a plugin "model"
	Files                   map[string]string // path -> what the file or folder there was
}

// unchanged tells that the files are still those that were asked, so that what they said holds. A file that is put into
// a folder of plugins changes that folder.
func (t Tools) unchanged() bool {
	docker, err := exec.LookPath("docker")
	if err != nil {
		return false
	}
	for _, path := range append(pluginSources(), docker) {
		if t.Files[path] == "" { // it was not asked
			return false
		}
	}
	for path, was := range t.Files {
		if fileIdentity(path) != was {
			return false
		}
	}
	return true
}

// askTools asks the docker command what it is and which plugins it has. It exits 1 where it does not reach an engine, and
// answers all the same.
func askTools(ctx context.Context) (Tools, error) {
	docker, err := exec.LookPath("docker")
	if err != nil {
		return Tools{}, fmt.Errorf("docker info: %w", ErrNoDocker)
	}
	t := Tools{Files: map[string]string{docker: fileIdentity(docker)}}
	for _, path := range pluginSources() {
		t.Files[path] = fileIdentity(path)
	}
	out, err := ask(ctx, "docker info", nil, "info", "--format", "{{json .ClientInfo}}")
	var info struct {
		Version string // since 25
		Plugins []struct{ Name, Version, Path string }
	}
	if errRead := json.Unmarshal(out, &info); errRead != nil {
		if err == nil {
			err = fmt.Errorf("docker info: read the answer: %w", errRead)
		}
		return Tools{}, err
	}
	t.Client = info.Version
	for _, plugin := range info.Plugins {
		t.Files[plugin.Path] = fileIdentity(plugin.Path)
		switch version := strings.TrimPrefix(plugin.Version, "v"); plugin.Name {
		case "compose":
			t.Compose = version
		case "buildx":
			t.Buildx = version
		case "model":
			t.Models = true
		}
	}
	if t.Client == "" {
		out, err = ask(ctx, "docker version", nil, "version", "--format", "{{.Client.Version}}")
		if t.Client = strings.TrimSpace(string(out)); t.Client == "" {
			return Tools{}, err
		}
	}
	return t, nil
}

// pluginSources are what decides which plugins docker has: its configuration, and the folders where it looks for them, as
// in cli-plugins/manager of github.com/docker/cli.
func pluginSources() []string {
	sources := append(configuration().CLIPluginsExtraDirs, filepath.Join(configFolder(), "config.json"), filepath.Join(configFolder(), "cli-plugins"))
	for _, parent := range []string{"/usr/local/lib", "/usr/local/libexec", "/usr/lib", "/usr/libexec"} {
		sources = append(sources, filepath.Join(parent, "docker", "cli-plugins"))
	}
	return sources
}

const absent = "absent"

// fileIdentity tells one file from another at the same path, and a folder from itself before an entry came or went.
func fileIdentity(path string) string {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return absent
	}
	if err != nil {
		return err.Error()
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return ""
	}
	return fmt.Sprintf("%d %d %d", stat.Ino, info.Size(), info.ModTime().UnixNano())
}
