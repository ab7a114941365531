package backup

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// manifestVersion is raised when an older program would misread a manifest.
const manifestVersion = 1

const manifestName = "manifest.json"

// Manifest is what is known of a backup. deploy.sh writes it, when the dumps have been read to their ends.
type Manifest struct {
	Version   int       `json:"version"`
	Project   string    `json:"project"`
	Kind      string    `json:"kind"` // as it is declared: postgres, sqlite, …
	Service   string    `json:"service"`
	Server    string    `json:"server,omitempty"` // the version of the server
	Made      time.Time `json:"made"`
	Roles     []string  `json:"roles,omitempty"`
	Databases []struct {
		Name string         `json:"name,omitempty"`
		Rows map[string]int `json:"rows"`
	} `json:"databases"`
	Lacks []string        `json:"lacks,omitempty"` // what it does not hold
	Files map[string]File `json:"files"`
	About
}

// File is one file of a backup.
type File struct {
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

// About is why a backup was made, and what the caller alone knows.
type About struct {
	Why        Why    `json:"why"`
	Run        string `json:"run,omitempty"`
	Volume     string `json:"volume,omitempty"`     // the identity of what held the data
	Migrations string `json:"migrations,omitempty"` // one digest of the migration files that were to be applied
}

// Why says what a backup was made for.
type Why string

// The causes.
const (
	ByHand          Why = "by hand"
	BeforeMigration Why = "before a migration"
	BeforeRestore   Why = "before a restore"
)

// readManifest reads the manifest of a folder, and refuses what this program would misread.
func readManifest(folder string) (*Manifest, error) {
	data, err := os.ReadFile(filepath.Join(folder, manifestName))
	if err != nil {
		return nil, err
	}
	var m Manifest
	if err := json.Unmarshal(data, &m); err != nil {
		return nil, fmt.Errorf("its manifest cannot be read: %w", err)
	}
	if m.Version != manifestVersion {
		return nil, fmt.Errorf("its manifest is of version %d, this program knows %d", m.Version, manifestVersion)
	}
	if len(m.Files) == 0 {
		return nil, errors.New("its manifest names no file")
	}
	return &m, nil
}

// sized says which file is missing or has not the size that was written; it reads none of them.
func (m *Manifest) sized(folder string) error {
	for _, name := range slices.Sorted(maps.Keys(m.Files)) {
		if filepath.Base(name) != name {
			return fmt.Errorf("its manifest names a file %q", name)
		}
		info, err := os.Stat(filepath.Join(folder, name))
		switch {
		case err != nil:
			return fmt.Errorf("%s: %w", name, errors.Unwrap(err))
		case info.Size() != m.Files[name].Size:
			return fmt.Errorf("%s has %d bytes, and %d were written", name, info.Size(), m.Files[name].Size)
		}
	}
	return nil
}

// unchanged reads every file and says which is not what was written.
func (m *Manifest) unchanged(folder string) error {
	for _, name := range slices.Sorted(maps.Keys(m.Files)) {
		digest, err := digestOf(filepath.Join(folder, name))
		if err != nil {
			return err
		}
		if digest != m.Files[name].SHA256 {
			return fmt.Errorf("%s is not what was written: its digest is another", name)
		}
	}
	return nil
}

func digestOf(path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { _ = file.Close() }()
	sum := sha256.New()
	if _, err := io.Copy(sum, file); err != nil {
		return "", err
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// summary is what a backup holds and does not hold, for people.
func (m *Manifest) summary() string {
	tables, rows := 0, 0
	var names []string
	for _, database := range m.Databases {
		tables += len(database.Rows)
		for _, count := range database.Rows {
			rows += count
		}
		if database.Name != "" {
			names = append(names, database.Name)
		}
	}
	text := fmt.Sprintf("%s %s", m.Kind, m.Server)
	if len(names) > 0 {
		text = fmt.Sprintf("%s: %s", strings.TrimSpace(text), strings.Join(names, ", "))
	}
	text = fmt.Sprintf("%s; %s", strings.TrimSpace(text), m.counted(rows, tables))
	if len(m.Lacks) > 0 {
		text += "; without " + strings.Join(m.Lacks, ", ")
	}
	return text
}

// counted is how much is in it, in the words of its kind.
func (m *Manifest) counted(rows, tables int) string {
	switch m.Kind {
	case "redis":
		return fmt.Sprintf("%d keys", rows)
	case "volume":
		return fmt.Sprintf("%d files", rows)
	}
	return fmt.Sprintf("%d rows in %d tables", rows, tables)
}
