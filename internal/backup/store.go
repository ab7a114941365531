// Package backup keeps the backups of a database: which there are, whether they are whole, and which are no longer needed.
// deploy.sh takes them and puts them back.
package backup

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Suffix ends the name of every backup.
const Suffix = ".dump"

const nameTime = "20060102T150405Z"

// ownName is a name that a backup gets here: its time, for people, and its number, which says which is the newer.
var ownName = regexp.MustCompile(`^(\d{8}T\d{6}Z)-(\d{4,9})$`)

// Store is the folder of the backups. What is in it under a backup's name is whole: deploy.sh sees to that.
type Store struct{ Dir string }

// Backup is a copy of the databases of a server: a folder that was made here, or a file of the operator's.
type Backup struct {
	ID       string
	Path     string
	Size     int64
	Time     time.Time
	Number   int       // 0 for one of the operator's, which is never removed
	Manifest *Manifest // nil for a file, of which nothing is known
	Broken   error     // what is wrong with it, as far as its manifest and the sizes of its files tell
}

// Name is what deploy.sh calls it.
func (b Backup) Name() string { return b.ID + Suffix }

// String is the backup in one line: its id, time, size and cause.
func (b Backup) String() string {
	text := fmt.Sprintf("%s  %s  %s", b.ID, b.Time.UTC().Format("2006-01-02 15:04:05Z"), size(b.Size))
	switch {
	case b.Broken != nil:
		text += "  broken: " + b.Broken.Error()
	case b.Manifest != nil:
		text += "  " + string(b.Manifest.Why)
	}
	return text
}

// Holds is what is in it and what is not, for people; empty where nothing is known.
func (b Backup) Holds() string {
	if b.Manifest == nil {
		return ""
	}
	return b.Manifest.summary()
}

// Check reads the whole of a backup that was made here, and says what is wrong with it.
func (b Backup) Check() error {
	if b.Broken != nil || b.Manifest == nil {
		return b.Broken
	}
	return b.Manifest.unchanged(b.Path)
}

// Foreign says of which other project, or of which other kind of database it is; nil where it is of this one, or nobody knows.
func (b Backup) Foreign(project, kind string) error {
	switch {
	case b.Manifest == nil:
		return nil
	case b.Manifest.Kind != kind:
		return &ForeignError{fmt.Sprintf("%s is a backup of %s, and the database is %s", b.ID, b.Manifest.Kind, kind), false}
	case b.Manifest.Project != project:
		return &ForeignError{fmt.Sprintf("%s is a backup of the project %s, and this is %s", b.ID, b.Manifest.Project, project), true}
	}
	return nil
}

// ForeignError is a backup that is not of this database.
type ForeignError struct {
	what string
	Fits bool // it could be restored all the same
}

func (e *ForeignError) Error() string { return e.what }

// Next is the backup to be made now. Its number is above that of every other: no clock takes part in the order.
func (s Store) Next(now time.Time) (Backup, error) {
	all, err := s.List()
	if err != nil {
		return Backup{}, err
	}
	id := fmt.Sprintf("%s-%04d", now.UTC().Format(nameTime), lastNumber(all)+1)
	return Backup{ID: id, Path: filepath.Join(s.Dir, id+Suffix)}, nil
}

// List is every backup there is, the newest first; files of the operator's come last.
func (s Store) List() ([]Backup, error) {
	entries, err := os.ReadDir(s.Dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("list the backups: %w", err)
	}
	var found []Backup
	for _, entry := range entries {
		id, ok := strings.CutSuffix(entry.Name(), Suffix)
		info, err := entry.Info()
		if !ok || err != nil || !info.IsDir() && !info.Mode().IsRegular() {
			continue
		}
		b := Backup{ID: id, Path: filepath.Join(s.Dir, entry.Name()), Size: info.Size(), Time: info.ModTime()}
		if info.IsDir() {
			b.look()
		}
		found = append(found, b)
	}
	slices.SortFunc(found, func(x, y Backup) int {
		if x.Number != y.Number {
			return y.Number - x.Number
		}
		if order := y.Time.Compare(x.Time); order != 0 {
			return order
		}
		return strings.Compare(y.ID, x.ID)
	})
	return found, nil
}

// look reads what the folder of a backup says of it.
func (b *Backup) look() {
	if b.Manifest, b.Broken = readManifest(b.Path); b.Broken == nil {
		b.Time = b.Manifest.Made
	}
	if parts := ownName.FindStringSubmatch(b.ID); parts != nil {
		b.Number, _ = strconv.Atoi(parts[2]) // nine digits are a number
		if begun, err := time.Parse(nameTime, parts[1]); err == nil {
			b.Time = begun
		}
	}
	if b.Broken != nil {
		return
	}
	b.Size = 0
	for _, file := range b.Manifest.Files {
		b.Size += file.Size
	}
	b.Broken = b.Manifest.sized(b.Path)
}

// Find is the backup of that id. The error names those there are.
func (s Store) Find(id string) (Backup, error) {
	all, err := s.List()
	if err != nil {
		return Backup{}, err
	}
	if len(all) == 0 {
		return Backup{}, fmt.Errorf("there is no backup in %s", s.Dir)
	}
	names := ""
	for _, b := range all {
		if b.ID == id {
			return b, nil
		}
		names += "\n  " + b.String()
	}
	if id == "" {
		return Backup{}, fmt.Errorf("which backup? -backup=ID, with one of%s", names)
	}
	return Backup{}, fmt.Errorf("there is no backup %q; there are%s", id, names)
}

func lastNumber(all []Backup) int {
	last := 0
	for _, b := range all {
		last = max(last, b.Number)
	}
	return last
}

// size is a number of bytes as people read it.
func size(bytes int64) string {
	amount, unit := float64(bytes), "B"
	for _, next := range []string{"kB", "MB", "GB", "TB"} {
		if amount < 1000 {
			break
		}
		amount, unit = amount/1000, next
	}
	if unit == "B" || amount >= 10 {
		return fmt.Sprintf("%.0f %s", amount, unit)
	}
	return fmt.Sprintf("%.1f %s", amount, unit)
}
