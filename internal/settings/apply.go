package settings

import (
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// Applied tells what [Plan.Apply] wrote.
type Applied struct {
	Files  []string // paths, the env file last
	Backup string   // where the old env file is; "" when there was none or nothing changed

	Warnings []Problem // about what was written: a reader that we could not give access to
}

// Changes tells whether there is anything to write.
func (p *Plan) Changes() bool {
	for _, a := range p.Answers {
		if a.Source != Present {
			return true
		}
	}
	return false
}

// Apply writes what is new: the secret files, then the env file. What is there already is left alone, so that after a
// crash the next run goes on from where this one ended.
func (p *Plan) Apply(now time.Time) (Applied, error) {
	var applied Applied
	if len(p.Missing) > 0 {
		missing := &MissingError{}
		for _, s := range p.Missing {
			missing.Keys = append(missing.Keys, s.named())
		}
		return applied, missing
	}
	// Every value is placed in memory before the first byte is written: what cannot be written leaves all files as they were.
	changed := false
	for _, a := range p.Answers {
		if a.Source == Present || a.Setting.File != "" {
			continue
		}
		if err := p.Env.Set(a.Setting.Key, a.Value); err != nil {
			return applied, err
		}
		changed = true
	}
	if changed {
		if err := p.Env.keepsOwner(os.Geteuid()); err != nil {
			return applied, err
		}
	}
	for i, a := range p.Answers {
		if a.Source == Present || a.Setting.File == "" || a.Value == "" {
			continue
		}
		path := a.Setting.path(p.Dir)
		if err := createDir(filepath.Dir(path)); err != nil {
			return applied, err
		}
		if err := createFile(path, a.Value, a.Setting.Readers); err != nil {
			return applied, err
		}
		p.Answers[i].Source = Present
		applied.Warnings = append(applied.Warnings, a.Setting.judge(p.Dir, path)...)
		applied.Files = append(applied.Files, path)
	}
	if !changed {
		return applied, nil
	}
	backup, err := p.Env.Write(now)
	if err != nil {
		return applied, fmt.Errorf("write the env file: %w", err)
	}
	applied.Backup = backup
	applied.Files = append(applied.Files, p.Env.Path())
	return applied, nil
}
