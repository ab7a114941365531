package targets

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/compose-spec/compose-go/v2/types"

	"slipway/checkpoints"
)

// How long and how many backups are kept. The newest is kept in any case.
const (
	keepBackups = 10
	keepFor     = 30 * 24 * time.Hour
)

const (
	backupSuffix = ".dump"
	backupTime   = "20060102T150405Z"
)

// backupName is a name that a backup gets here. A file of another name is the operator's, listed and never removed.
var backupName = regexp.MustCompile(`^\d{8}T\d{6}Z-[0-9a-f]{4}$`)

// backup is a whole, checked copy of the database.
type backup struct {
	ID   string
	Path string
	Size int64
	Time time.Time
}

func (b backup) String() string { return fmt.Sprintf("%s  %s  %s", b.ID, stamp(b.Time), size(b.Size)) }

func (b backup) dir() string { return filepath.Dir(b.Path) }

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

// backups is the directory of the backups. What is in it under a backup's name is whole: deploy.sh sees to that.
type backups struct{ dir string }

func (s *session) backups() backups { return backups{filepath.Join(s.store.Dir(), "backups")} }

// name is the backup to be made now. Names sort by time.
func (b backups) name(now time.Time) (backup, error) {
	nonce := make([]byte, 2)
	if _, err := rand.Read(nonce); err != nil {
		return backup{}, fmt.Errorf("draw a name for the backup: %w", err)
	}
	id := now.UTC().Format(backupTime) + "-" + hex.EncodeToString(nonce)
	return backup{ID: id, Path: filepath.Join(b.dir, id+backupSuffix)}, nil
}

// list is every backup there is, the newest first.
func (b backups) list() ([]backup, error) {
	entries, err := os.ReadDir(b.dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("list the backups: %w", err)
	}
	var found []backup
	for _, entry := range entries {
		id, ok := strings.CutSuffix(entry.Name(), backupSuffix)
		info, err := entry.Info()
		if !ok || err != nil || !info.Mode().IsRegular() {
			continue
		}
		made := backup{ID: id, Path: filepath.Join(b.dir, entry.Name()), Size: info.Size(), Time: info.ModTime()}
		if backupName.MatchString(id) {
			if named, err := time.Parse(backupTime, id[:len(backupTime)]); err == nil {
				made.Time = named
			}
		}
		found = append(found, made)
	}
	slices.SortFunc(found, func(x, y backup) int {
		if order := y.Time.Compare(x.Time); order != 0 {
			return order
		}
		return strings.Compare(y.ID, x.ID)
	})
	return found, nil
}

// find is the backup of that id. The error names those there are.
func (b backups) find(id string) (backup, error) {
	all, err := b.list()
	if err != nil {
		return backup{}, err
	}
	if len(all) == 0 {
		return backup{}, fmt.Errorf("there is no backup in %s", b.dir)
	}
	names := ""
	for _, made := range all {
		if made.ID == id {
			return made, nil
		}
		names += "\n  " + made.String()
	}
	if id == "" {
		return backup{}, fmt.Errorf("which backup? -backup=ID, with one of%s", names)
	}
	return backup{}, fmt.Errorf("there is no backup %q; there are%s", id, names)
}

// prune removes backups beyond the number and the age that are kept, but those to spare, and what a killed run left.
func (b backups) prune(now time.Time, spare ...string) error {
	all, err := b.list()
	if err != nil {
		return err
	}
	own := slices.DeleteFunc(all, func(made backup) bool { return !backupName.MatchString(made.ID) })
	old, err := filepath.Glob(filepath.Join(b.dir, "*"+backupSuffix+".partial"))
	if err != nil {
		return fmt.Errorf("list half-made backups: %w", err)
	}
	for n, made := range own {
		expired := n >= keepBackups || now.Sub(made.Time) > keepFor
		if n > 0 && expired && !slices.Contains(spare, made.ID) {
			old = append(old, made.Path)
		}
	}
	var problems []error
	for _, path := range old {
		problems = append(problems, os.Remove(path))
	}
	return errors.Join(problems...)
}

// textfiles is where node-exporter looks for *.prom files in its container.
const textfiles = "/textfile"

// tellMonitoring writes when the last backup was made to where the stack's node-exporter reads it, if it has one.
func (s *session) tellMonitoring(ctx context.Context, made backup) error {
	model, err := s.model(ctx)
	if err != nil {
		return err
	}
	for _, service := range model.Services {
		for _, mount := range service.Volumes {
			if mount.Type != types.VolumeTypeBind || mount.Target != textfiles {
				continue
			}
			if info, err := os.Stat(mount.Source); err != nil || !info.IsDir() {
				continue // the engine makes it when the service starts for the first time
			}
			text := fmt.Sprintf("# HELP slipway_backup_timestamp_seconds When the last good backup of the database was made.\n"+
				"# TYPE slipway_backup_timestamp_seconds gauge\nslipway_backup_timestamp_seconds{project=%q} %d\n", s.project.Name, made.Time.Unix())
			if err := checkpoints.WriteFile(filepath.Join(mount.Source, "slipway-"+s.project.Name+".prom"), []byte(text), 0o644); err != nil {
				return err
			}
		}
	}
	return nil
}
