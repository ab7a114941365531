package settings

import (
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
)

// Source says where a value comes from.
type Source string

// The sources, the first of which wins.
const (
	Present     Source = "present" // in its file already; never touched
	Environment Source = "environment"
	Entered     Source = "entered" // by the operator, just now
	Generated   Source = "generated"
	Default     Source = "default"
)

// Answer is a setting with its value.
type Answer struct {
	Setting Setting
	Value   string
	Source  Source
}

// Plan is what would be written, and what is still missing. Nothing is written before [Plan.Apply].
type Plan struct {
	Dir     string // the stack's directory, where secret files are
	Env     *EnvFile
	Answers []Answer
	Missing []Setting // without a value; empty when the plan can be applied
	Blank   []Setting // optional and never asked about yet

	Warnings []Problem // about what is there: none keeps the plan from being applied

	order []string // the keys as they were declared
}

// sort puts the answers in the order of the declaration, in which they are shown and written.
func (p *Plan) sort() {
	slices.SortStableFunc(p.Answers, func(a, b Answer) int {
		return slices.Index(p.order, a.Setting.Key) - slices.Index(p.order, b.Setting.Key)
	})
}

// Collect decides where the value of each setting comes from: what is there already, else the environment, else it is
// generated or the default. It returns the keys that have none of these, and a *RefusedError with everything that is wrong
// with the values found. Something blank counts as not there, but not in the place of a secret that would be generated:
// that secret was lost, and a new one would lock the stack out of its own data.
func Collect(dir string, settings []Setting, env *EnvFile, lookup func(string) (string, bool)) (*Plan, []string, error) {
	plan := &Plan{Dir: dir, Env: env}
	secret := map[string]bool{}
	var problems []Problem
	var missing []string
	for _, s := range settings {
		plan.order = append(plan.order, s.Key)
		secret[s.Key] = secret[s.Key] || s.File == "" && s.IsSecret()
		answer, found, err := collect(dir, s, env, lookup)
		var refused *RefusedError
		switch {
		case errors.As(err, &refused):
			problems = append(problems, refused.Problems...)
		case err != nil:
			return nil, nil, err
		case found:
			plan.Answers = append(plan.Answers, answer)
			if s.File != "" && answer.Source == Present {
				plan.Warnings = append(plan.Warnings, s.judge(dir, s.path(dir))...)
			}
		case s.Optional:
			plan.Blank = append(plan.Blank, s)
		default:
			plan.Missing = append(plan.Missing, s)
			missing = append(missing, s.named())
		}
	}
	plan.Warnings = append(env.Warnings(secret), plan.Warnings...)
	return plan, missing, refuse(problems...)
}

func collect(dir string, s Setting, env *EnvFile, lookup func(string) (string, bool)) (Answer, bool, error) {
	value, place, err := present(dir, s, env)
	if err != nil {
		return Answer{}, false, err
	}
	blank := strings.TrimSpace(value) == ""
	switch {
	case place == "":
	case blank && s.Optional:
		return Answer{s, "", Present}, true, nil
	case blank && (s.Generate > 0 || s.File != ""):
		return Answer{}, false, refuse(Problem{Path: place, Key: s.Key, Why: "is blank where a secret belongs",
			Remedy: "restore " + s.where() + " from a backup; only where the stack has no data yet, remove it to have it made anew"})
	case !blank:
		if err := s.valid(value); err != nil {
			return Answer{}, false, refuse(Problem{Path: place, Key: s.Key, Why: err.Error(), Remedy: "edit " + place})
		}
		return Answer{s, value, Present}, true, nil
	}
	if value, found := lookup(s.Key); found && value != "" {
		if strings.TrimSpace(value) == "" {
			return Answer{}, false, refuse(Problem{Key: s.Key, Why: "is blank; from the environment"})
		}
		if err := s.valid(value); err != nil {
			return Answer{}, false, refuse(Problem{Key: s.Key, Why: err.Error() + "; from the environment"})
		}
		if err := s.Check(value); err != nil {
			return Answer{}, false, refuse(Problem{Key: s.Key, Why: err.Error() + "; from the environment", Remedy: "in " + env.Path() + ", " + inDoubleQuotes})
		}
		return Answer{s, s.normal(value), Environment}, true, nil
	}
	answer := Answer{s, s.Default, Default}
	if s.Generate > 0 {
		answer = Answer{s, generate(s.Generate), Generated}
	}
	if answer.Value == "" {
		return Answer{}, false, nil
	}
	if err := s.valid(answer.Value); err != nil {
		return Answer{}, false, refuse(Problem{Key: s.Key, Why: err.Error() + "; " + string(answer.Source)})
	}
	return answer, true, nil
}

// present returns the value that is there already and the path of the file that holds it; no path when none does.
func present(dir string, s Setting, env *EnvFile) (value, path string, err error) {
	if s.File == "" {
		value, found := env.Get(s.Key)
		if !found {
			return "", "", nil
		}
		return value, env.Path(), nil
	}
	path = s.path(dir)
	if !filepath.IsAbs(s.File) && !filepath.IsLocal(s.File) {
		return "", "", refuse(Problem{Path: s.File, Key: s.Key, Why: "is not inside the stack's directory"})
	}
	if !filepath.IsAbs(s.File) && filepath.Dir(s.File) != "." {
		if err := checkDir(filepath.Dir(path)); err != nil {
			return "", "", err
		}
	}
	data, err := readFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", "", nil
	}
	return strings.TrimRight(string(data), "\r\n"), path, err
}
