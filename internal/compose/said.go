package compose

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/dotenv"
	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/template"
	"go.yaml.in/yaml/v4"

	"slipway/internal/regular"
)

// Word is what somebody says of a project, and where.
type Word struct {
	Value string
	From  string // "the environment", ".env", "compose.yaml"; empty where nothing is said
}

// Said is what the operator's own files and environment tell Compose about a project.
type Said struct {
	Name     Word
	Files    Word // as COMPOSE_FILE has it
	Profiles Word // as COMPOSE_PROFILES has it
}

// Said looks at the environment, the env file and the compose files, in the order in which Compose does.
func (p Project) Said() (Said, error) {
	envFile := p.EnvFile
	if envFile == "" && len(p.Files) > 0 { // Compose's own default
		envFile = filepath.Join(filepath.Dir(p.Files[0]), ".env")
	}
	values, err := readEnv(p.path(envFile))
	if err != nil {
		return Said{}, err
	}
	beside, err := readEnv(p.path(".env")) // where COMPOSE_FILE may name files of another folder
	if err != nil {
		return Said{}, err
	}
	look := func(key string) Word {
		if value, set := os.LookupEnv(key); set {
			return Word{value, "the environment"}
		}
		if value, set := beside[key]; set && p.EnvFile == "" && strings.HasPrefix(key, "COMPOSE_") {
			return Word{value, ".env"}
		}
		if value, set := values[key]; set {
			return Word{value, envFile}
		}
		return Word{}
	}
	said := Said{Name: look("COMPOSE_PROJECT_NAME"), Files: look("COMPOSE_FILE"), Profiles: look("COMPOSE_PROFILES")}
	for _, file := range slices.Backward(p.Files) { // the last one that names the project wins
		if said.Name.Value != "" {
			break
		}
		name, err := nameIn(p.path(file), func(key string) (string, bool) { w := look(key); return w.Value, w.From != "" })
		if err != nil {
			return said, err
		}
		said.Name = Word{name, file}
	}
	if said.Name.Value == "" {
		said.Name = Word{}
	}
	return said, nil
}

// DefaultName is what Compose calls a project that nobody names: the folder of its first file.
func (p Project) DefaultName() string { return loader.NormalizeProjectName(filepath.Base(p.folder())) }

// folder is the one of the first file, or of the project where no file is named: what Compose takes for the project's.
func (p Project) folder() string {
	if len(p.Files) == 0 {
		return p.path(".")
	}
	return filepath.Dir(p.path(p.Files[0]))
}

// Split are the files of a COMPOSE_FILE, relative to the project's folder as the others are.
func (p Project) Split(list string) []string {
	separator := os.Getenv("COMPOSE_PATH_SEPARATOR")
	if separator == "" {
		separator = string(filepath.ListSeparator)
	}
	var files []string
	for _, file := range strings.Split(list, separator) {
		if rel, err := filepath.Rel(p.path("."), p.path(file)); err == nil {
			file = rel
		}
		files = append(files, file)
	}
	return files
}

// readEnv reads an env file as Compose does; one that is not there says nothing.
func readEnv(path string) (map[string]string, error) {
	data, err := regular.Read(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	quiet()
	values, err := dotenv.ParseWithLookup(bytes.NewReader(data), os.LookupEnv)
	if err != nil {
		return nil, fmt.Errorf("env file %s: %s", path, harmless(err.Error()))
	}
	return values, nil
}

// rootKey is a key at the left edge of a YAML document.
var rootKey = regexp.MustCompile(`(?m)^["']?name["']?[ \t]*:`)

// nameIn is the name that a compose file gives the project, "" for none. The file is not read as a whole where one look says
// that it has none: this is asked by every target, of files of any size.
func nameIn(path string, look func(string) (string, bool)) (string, error) {
	data, err := regular.Read(path)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, regular.ErrDirectory) {
		return "", nil // who needs it says that it is missing
	}
	if err != nil {
		return "", err
	}
	text := bytes.TrimLeft(data, " \t\r\n")
	if !rootKey.Match(data) && !bytes.HasPrefix(text, []byte("{")) && !bytes.HasPrefix(data, []byte(" ")) {
		return "", nil
	}
	var document struct {
		Name string `yaml:"name"`
	}
	if err := yaml.Unmarshal(data, &document); err != nil {
		return "", nil //nolint:nilerr // whoever resolves the files says what is wrong with them
	}
	name, err := template.Substitute(document.Name, look)
	if err != nil {
		return "", fmt.Errorf("%s: name: %s", path, harmless(err.Error()))
	}
	return name, nil
}
