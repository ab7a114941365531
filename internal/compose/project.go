// Package compose is the one door to docker and docker compose for questions. It changes nothing.
//
// The engine is asked through its API: it answers sooner than a docker command starts, and an unchanged deployment is
// nothing but questions. Contexts, DOCKER_HOST, TLS and ssh mean here what they mean to the docker command. The compose
// files are resolved by the library that Compose itself resolves them with; what that cannot do alone, Compose is asked.
// Errors name the question that failed and carry what was said, without the lines that leak values.
package compose

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// JobsProfile is the Compose profile of services that run on demand and are never part of what is up.
const JobsProfile = "jobs"

// Project names a Compose project and the files that describe it.
type Project struct {
	Name     string
	Dir      string   // the stack's directory
	Files    []string // compose files, in order, relative to Dir
	EnvFile  string   // relative to Dir; empty means Compose's own default, .env
	Profiles []string
	Env      []string // KEY=value pairs beside the process's own environment, for interpolation

	// Of a release, which is a project without its checkout: an env file for what neither the environment nor EnvFile says, and
	// what the checkout calls the files that its containers read, by their paths.
	Kept  string
	Named map[string]string
}

// Environ returns Env and Compose's own variables with absolute paths, so that a child in any directory that runs
// `docker compose` without a flag means this project. It is to be appended to the environment the child gets.
func (p Project) Environ() []string {
	return p.environ(p.Profiles)
}

func (p Project) environ(profiles []string) []string {
	files := make([]string, len(p.Files))
	for i, file := range p.Files {
		files[i] = p.path(file)
	}
	env := slices.Clone(p.Env)
	env = append(env,
		"PWD="+p.path("."), // for ${PWD}: that of a script, which runs there
		"COMPOSE_PROJECT_NAME="+p.Name,
		"COMPOSE_FILE="+strings.Join(files, ":"),
		"COMPOSE_PATH_SEPARATOR=:",
		"COMPOSE_PROFILES="+strings.Join(profiles, ","),
	)
	return append(env, p.fromEnvFiles()...)
}

// fromEnvFiles is what has Compose read the env files, the stronger one last. It takes a comma in a path for the end of the path;
// then the files' values are given as they are, where the environment does not have others.
func (p Project) fromEnvFiles() []string {
	files := p.envFiles()
	list := strings.Join(files, ",")
	switch {
	case len(files) == 0:
		return nil
	case strings.Count(list, ",") == len(files)-1:
		return []string{"COMPOSE_ENV_FILES=" + list}
	}
	env := []string{"COMPOSE_ENV_FILES=" + os.DevNull}
	for _, file := range files {
		if file == os.DevNull { // one that is not written yet
			continue
		}
		values, err := readEnv(file)
		if err != nil { // for Compose to say why
			return []string{"COMPOSE_ENV_FILES=" + list}
		}
		for key, value := range values {
			if _, set := os.LookupEnv(key); !set {
				env = append(env, key+"="+value)
			}
		}
	}
	return env
}

// envFiles are the env files, the stronger one last; none where Compose is to take its own default.
func (p Project) envFiles() []string {
	var files []string
	if p.Kept != "" {
		files = append(files, p.orEmpty(p.Kept))
	}
	if p.EnvFile != "" {
		files = append(files, p.orEmpty(p.EnvFile))
	}
	return files
}

// orEmpty is an env file, or an empty one while it is not written yet: Compose refuses one that is not there, and without any it
// would read .env, which is another destination's.
func (p Project) orEmpty(envFile string) string {
	path := p.path(envFile)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return os.DevNull
	}
	return path
}

// environment is what a question about the project runs in. A COMPOSE_* variable of the operator's shell must not turn
// it into a question about another project.
func (p Project) environment(profiles []string) []string {
	env := slices.DeleteFunc(os.Environ(), func(pair string) bool {
		return strings.HasPrefix(pair, "COMPOSE_")
	})
	return append(env, p.environ(profiles)...)
}

func (p Project) path(name string) string {
	if !filepath.IsAbs(name) {
		name = filepath.Join(p.Dir, name)
	}
	if absolute, err := filepath.Abs(name); err == nil {
		return absolute
	}
	return name
}
