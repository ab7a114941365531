package backup

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"slipway/checkpoints"
)

// keep is how many good backups of each cause are kept.
const keep = 10

// The marks say up to which backup something has happened since. deploy.sh sets the first where a migration or a restore has
// changed the data.
const (
	migratedMark = "migrated"
	verifiedMark = "verified"
)

// restoring is there while a restore is on its way, and stays when it is killed. deploy.sh writes it, and removes it.
const restoring = "restoring"

// Restoring reports whether a restore was begun and did not come to its end.
func (s Store) Restoring() (bool, error) {
	_, err := os.Stat(filepath.Join(s.Dir, restoring))
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return false, nil
	}
	return err == nil, err
}

// Standing is the backup from before the first attempt of the migration that is not done yet: of the data in that volume, which
// no migration has changed to its end since. Another attempt makes no second one.
func (s Store) Standing(volume string) (Backup, bool, error) {
	all, err := s.List()
	if err != nil {
		return Backup{}, false, err
	}
	migrated, err := s.mark(migratedMark)
	if err != nil {
		return Backup{}, false, err
	}
	var first Backup
	for _, b := range all { // the newest first
		if b.Number > migrated && b.Broken == nil && b.Manifest.Why == BeforeMigration && b.Manifest.Volume == volume {
			first = b
		}
	}
	return first, first.ID != "", nil
}

// Of is the backup that a run made before it migrated.
func (s Store) Of(run string) (Backup, bool, error) {
	all, err := s.List()
	for _, b := range all {
		if b.Broken == nil && b.Manifest != nil && b.Manifest.Why == BeforeMigration && b.Manifest.Run == run {
			return b, true, nil
		}
	}
	return Backup{}, false, err
}

// Verified notes that a deployment was verified: what was made before a migration or a restore has served its purpose.
func (s Store) Verified() error {
	all, err := s.List()
	if err != nil || lastNumber(all) == 0 {
		return err
	}
	return checkpoints.WriteFile(filepath.Join(s.Dir, verifiedMark), []byte(strconv.Itoa(lastNumber(all))+"\n"), 0o600)
}

// Expired are those of a list, the newest first, that are no longer needed. Of each cause the ten newest good ones are kept, by
// their numbers; one from before a migration or a restore stays until a deployment was verified after it. One that is broken
// counts for none and is left for the operator to look at, and what is not of this project was put there by somebody.
func Expired(all []Backup, project string, verified int) []Backup {
	var expired []Backup
	kept := map[Why]int{}
	for _, b := range all {
		if b.Number == 0 || b.Broken != nil || b.Manifest.Project != project {
			continue
		}
		why := b.Manifest.Why
		kept[why]++
		if kept[why] > keep && (why == ByHand || b.Number <= verified) {
			expired = append(expired, b)
		}
	}
	return expired
}

// Prune removes what is no longer needed, and what a killed run left half-made.
func (s Store) Prune(project string) error {
	all, err := s.List()
	if err != nil {
		return err
	}
	verified, err := s.mark(verifiedMark)
	if err != nil {
		return err
	}
	half, err := filepath.Glob(filepath.Join(s.Dir, "*"+Suffix+".partial"))
	if err != nil {
		return fmt.Errorf("list half-made backups: %w", err)
	}
	var problems []error
	for _, b := range Expired(all, project, verified) {
		// In one act it is no backup any more; to remove its files takes several.
		gone := b.Path + ".partial"
		problems = append(problems, os.Rename(b.Path, gone))
		half = append(half, gone)
	}
	for _, path := range half {
		problems = append(problems, os.RemoveAll(path))
	}
	return errors.Join(problems...)
}

// mark is the number of the newest backup at the time of what the mark stands for; 0 where that never happened.
func (s Store) mark(name string) (int, error) {
	path := filepath.Join(s.Dir, name)
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("read the backups: %w", err)
	}
	number, err := strconv.Atoi(strings.TrimSpace(string(data)))
	if err != nil {
		return 0, fmt.Errorf("read the backups: %s holds no number; remove it, and no backup counts as used", path)
	}
	return number, nil
}
