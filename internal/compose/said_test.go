package compose

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// unsaid takes away what the test's own environment says of a project.
func unsaid(t *testing.T) {
	t.Helper()
	for _, key := range []string{"COMPOSE_PROJECT_NAME", "COMPOSE_FILE", "COMPOSE_PROFILES", "COMPOSE_PATH_SEPARATOR"} {
		t.Setenv(key, "") // so that the old value comes back
		if err := os.Unsetenv(key); err != nil {
			t.Fatal(err)
		}
	}
}

// Cases C1 and C2: what Compose would take of the operator's files and environment is known, and where it stands.
func TestCasesC1AndC2WhatTheOperatorSaysIsFoundWhereComposeLooks(t *testing.T) {
	services := "services: {web: {image: x}}\n"
	for name, c := range map[string]struct {
		files map[string]string
		env   map[string]string
		want  Said
	}{
		"nothing":                        {map[string]string{"a.yaml": services}, nil, Said{}},
		"an env file":                    {map[string]string{"a.yaml": services, ".env": "COMPOSE_PROJECT_NAME=shop\n"}, nil, Said{Name: Word{"shop", ".env"}}},
		"a compose file":                 {map[string]string{"a.yaml": "name: shop\n" + services}, nil, Said{Name: Word{"shop", "a.yaml"}}},
		"a quoted key":                   {map[string]string{"a.yaml": "\"name\" : shop\n" + services}, nil, Said{Name: Word{"shop", "a.yaml"}}},
		"a compose file as JSON":         {map[string]string{"a.yaml": `{"services": {"web": {"image": "x"}}, "name": "shop"}`}, nil, Said{Name: Word{"shop", "a.yaml"}}},
		"the last file":                  {map[string]string{"a.yaml": "name: shop\n" + services, "b.yaml": "name: store\n"}, nil, Said{Name: Word{"store", "b.yaml"}}},
		"a last file that names nothing": {map[string]string{"a.yaml": "name: shop\n" + services, "b.yaml": services}, nil, Said{Name: Word{"shop", "a.yaml"}}},
		"a name further in":              {map[string]string{"a.yaml": "services:\n  web:\n    image: x\n    networks: {n: {}}\nnetworks:\n  n:\n    name: other\n"}, nil, Said{}},
		"a name of a variable": {
			map[string]string{"a.yaml": "name: ${SHOP:-shop}-live\n" + services, ".env": "SHOP=store\n"}, nil, Said{Name: Word{"store-live", "a.yaml"}},
		},
		"the environment before all": {
			map[string]string{"a.yaml": "name: file\n" + services, ".env": "COMPOSE_PROJECT_NAME=dotenv\n"},
			map[string]string{"COMPOSE_PROJECT_NAME": "shop"}, Said{Name: Word{"shop", "the environment"}},
		},
		"an empty name in the environment": {
			map[string]string{"a.yaml": "name: shop\n" + services}, map[string]string{"COMPOSE_PROJECT_NAME": ""}, Said{Name: Word{"shop", "a.yaml"}},
		},
		"profiles and files": {
			map[string]string{"a.yaml": services, ".env": "COMPOSE_PROFILES=monitoring,mail\nCOMPOSE_FILE=a.yaml:b.yaml\n"}, nil,
			Said{Profiles: Word{"monitoring,mail", ".env"}, Files: Word{"a.yaml:b.yaml", ".env"}},
		},
		"profiles and files of the environment": {
			map[string]string{"a.yaml": services, ".env": "COMPOSE_PROFILES=x\nCOMPOSE_FILE=x\n"},
			map[string]string{"COMPOSE_PROFILES": "mail", "COMPOSE_FILE": "c.yaml"},
			Said{Profiles: Word{"mail", "the environment"}, Files: Word{"c.yaml", "the environment"}},
		},
		"no file at all":         {nil, nil, Said{}},
		"a file that is no YAML": {map[string]string{"a.yaml": "name: [\n"}, nil, Said{}},
	} {
		t.Run(name, func(t *testing.T) {
			unsaid(t)
			dir := t.TempDir()
			inFolder(t, dir, c.files)
			for key, value := range c.env {
				t.Setenv(key, value)
			}
			got, err := Project{Name: "demo", Dir: dir, Files: []string{"a.yaml", "b.yaml"}}.Said()
			if err != nil || got != c.want {
				t.Errorf("%+v, %v, want %+v", got, err, c.want)
			}
		})
	}
}

func TestWhatIsSaidNamesTheEnvFileOfTheDestination(t *testing.T) {
	unsaid(t)
	dir := t.TempDir()
	inFolder(t, dir, map[string]string{".env": "COMPOSE_PROJECT_NAME=local\n", ".env.production": "COMPOSE_PROJECT_NAME=live\n"})
	said, err := Project{Dir: dir, EnvFile: ".env.production"}.Said()
	if want := (Word{"live", ".env.production"}); err != nil || said.Name != want {
		t.Errorf("%+v, %v", said, err)
	}
}

// Case F7: nobody writes to the pipe, so whoever opens it waits for ever.
func TestCaseF7APipeIsAnErrorAtOnce(t *testing.T) {
	for _, name := range []string{".env", "compose.yaml"} {
		unsaid(t)
		dir := t.TempDir()
		if err := syscall.Mkfifo(filepath.Join(dir, name), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Project{Dir: dir, Files: []string{"compose.yaml"}}.Said()
		if err == nil || !strings.Contains(err.Error(), name+" is not a regular file") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAnEnvFileThatCannotBeReadIsNamedAndNotQuoted(t *testing.T) {
	unsaid(t)
	dir := t.TempDir()
	inFolder(t, dir, map[string]string{".env.test": "TOKEN='hunter2"})
	_, err := Project{Dir: dir, EnvFile: ".env.test"}.Said()
	if err == nil || strings.Contains(err.Error(), "hunter2") || !strings.Contains(err.Error(), ".env.test") {
		t.Errorf("error %v", err)
	}
}

func TestFilesOfAListAreRelativeToTheStack(t *testing.T) {
	unsaid(t)
	dir := t.TempDir()
	p := Project{Dir: dir}
	if got := p.Split("a.yaml:" + dir + "/b.yaml:../c.yaml"); !slices.Equal(got, []string{"a.yaml", "b.yaml", "../c.yaml"}) {
		t.Errorf("%q", got)
	}
	t.Setenv("COMPOSE_PATH_SEPARATOR", ";")
	if got := p.Split("a.yaml;b:c.yaml"); !slices.Equal(got, []string{"a.yaml", "b:c.yaml"}) {
		t.Errorf("%q", got)
	}
}

func TestAProjectThatNobodyNamesIsCalledAfterItsFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "My Shop.v2")
	for first, want := range map[string]string{"compose.yaml": "myshopv2", "docker/compose.yaml": "docker", "../other/compose.yaml": "other"} {
		if got := (Project{Dir: dir, Files: []string{first, "b.yaml"}}).DefaultName(); got != want {
			t.Errorf("%s: %q, want %q", first, got, want)
		}
	}
	if got := (Project{Dir: dir}).DefaultName(); got != "myshopv2" {
		t.Errorf("%q", got)
	}
}

// The file that names the compose files may name the project, too.
func TestTheEnvFileBesideAFolderOfComposeFilesNamesTheProject(t *testing.T) {
	unsaid(t)
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "docker"), 0o700); err != nil {
		t.Fatal(err)
	}
	inFolder(t, dir, map[string]string{
		".env": "COMPOSE_FILE=docker/compose.yaml\nCOMPOSE_PROJECT_NAME=shop\nSHOP=no\n", "docker/compose.yaml": "services: {web: {image: x}}\n",
	})
	said, err := Project{Dir: dir, Files: []string{"docker/compose.yaml"}}.Said()
	if err != nil || said.Name != (Word{"shop", ".env"}) || said.Files.Value != "docker/compose.yaml" {
		t.Errorf("%+v, %v", said, err)
	}
}

func TestAnEnvFileIsReadThoughItsPathHasAComma(t *testing.T) {
	dir := t.TempDir()
	inFolder(t, dir, map[string]string{"a,b/.env": "SAY=operator's\n", "a,b/kept": "SAY=kept\nELSE=kept\n", ".env": "SAY=plain\n"})
	t.Setenv("ELSE", "environment's")
	got := Project{Name: "x", Dir: filepath.Join(dir, "a,b"), EnvFile: ".env", Kept: filepath.Join(dir, "a,b/kept")}.fromEnvFiles()
	if want := []string{"COMPOSE_ENV_FILES=" + os.DevNull, "SAY=kept", "SAY=operator's"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	got = Project{Name: "x", Dir: filepath.Join(dir, "a,b"), EnvFile: "none-yet", Kept: filepath.Join(dir, "a,b/kept")}.fromEnvFiles()
	if want := []string{"COMPOSE_ENV_FILES=" + os.DevNull, "SAY=kept"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	got = Project{Name: "x", Dir: dir, EnvFile: ".env"}.fromEnvFiles()
	if want := []string{"COMPOSE_ENV_FILES=" + filepath.Join(dir, ".env")}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}
