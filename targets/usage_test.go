package targets

import (
	"strings"
	"testing"
)

// added are the targets of an operator, as the binary would tell.
func added(target string) (usage, bool) {
	own := map[string]usage{
		"dev:seed":   {arguments: []string{"table", "rows"}, flags: map[string]string{"force": "bool", "part": "float64"}},
		"greet":      {},
		"production": {},
	}
	u, ok := own[target]
	return u, ok
}

func TestCaseF8ACommandLineIsReadAsMageWillReadIt(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"":                  "",
		"deploy":            "",
		"Production DEPLOY": "",
		"deploy -timeout=2m -yes -PRUNE=false -passes=2 -skip=verify": "",
		"logs backend -lines=5 status -json":                          "",
		"logs deploy":                                                 "",
		"dev:seed users 10 -force -part=0.5 greet":                    "",
		"restore -backup=ID -yes":                                     "",
		"restore -backup=ID -yes false":                               `"false" is no target; a flag has its value behind an equals sign: -yes=false`,
		"deploy nosuch":                                               `"nosuch" is no target; `,
		"deploy verify -passes":                                       "verify: -passes needs a value: -passes=…",
		"deploy verify -passes=three":                                 `verify: -passes=three: "three" is no whole number`,
		"deploy verify -timeout=5":                                    `verify: -timeout=5: "5" is no duration such as 5m or 90s`,
		"deploy -yes=perhaps":                                         `deploy: -yes=perhaps: "perhaps" is no true or false`,
		"deploy verify --json":                                        "verify: there is no flag --json; there are -json, -passes, -timeout, -watch",
		"status deploy -nosuch=1":                                     "deploy: there is no flag -nosuch=1",
		"status down -yes":                                            `"-yes" is no target, and down takes no such flag`,
		"status logs":                                                 "logs: needs its SERVICE",
		"logs -lines=5 backend":                                       "logs: -lines=5 stands after the SERVICE",
		"status dev:seed users":                                       "dev:seed: needs its ROWS",
		"status dev:seed users 1 -part=x":                             `dev:seed: -part=x: "x" is no number`,
		"greet hello":                                                 `"hello" is no target`,
	} {
		err := checkUsage(strings.Fields(line), added)
		switch {
		case want == "" && err != nil:
			t.Errorf("%q is refused: %v", line, err)
		case want != "" && (err == nil || !strings.HasPrefix(err.Error(), want)):
			t.Errorf("%q: %v, want %q", line, err, want)
		}
	}
}

func TestCaseF8OurOwnTargetsAreKnownWithoutAsking(t *testing.T) {
	t.Parallel()
	err := checkUsage([]string{"status", "deploy", "-yes", "logs", "web", "verify", "-watch"}, func(target string) (usage, bool) {
		t.Errorf("the binary is asked about %q", target)
		return usage{}, false
	})
	if err != nil {
		t.Error(err)
	}
}

func TestMagesOwnFlagsAreNoWords(t *testing.T) {
	t.Parallel()
	if words, ok := wordsOf([]string{"-v", "-t", "5m", "deploy", "-yes"}); !ok || strings.Join(words, " ") != "deploy -yes" {
		t.Errorf("the words are %q, %v", words, ok)
	}
	if words, ok := wordsOf([]string{"-test.v=true"}); ok {
		t.Errorf("a process that Mage has not started has the words %q", words)
	}
}
