package targets

import (
	"context"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Mage runs the targets of a command line one after the other, and finds a mistake in the second when the first is done:
// `mage restore -backup=ID -yes false` restores, and then knows no target "false". So the first of our targets checks the
// whole line, in the way in which Mage will read it.

// exitUsage is the code that Mage itself leaves with where the command line is wrong.
const exitUsage = 2

// usage is what a target takes: its arguments, and its flags with their types, all in lower case as Mage compares them.
type usage struct {
	arguments []string
	flags     map[string]string
}

// verbs are the targets of this package. What else a word may be, only the binary knows.
var verbs = map[string]usage{
	"backup":        {flags: map[string]string{"to": "string"}},
	"config":        {flags: map[string]string{"yes": "bool"}},
	"deploy":        {flags: map[string]string{"reset": "bool", "skip": "string", "timeout": "time.Duration", "wait": "time.Duration", "passes": "int", "yes": "bool", "prune": "bool", "pull": "bool", "noreturn": "bool"}},
	"down":          {},
	"history":       {flags: map[string]string{"json": "bool", "release": "string"}},
	"init":          {flags: map[string]string{"dir": "string"}},
	"logs":          {arguments: []string{"service"}, flags: map[string]string{"lines": "int"}},
	"plan":          {flags: map[string]string{"json": "bool", "exit": "bool"}},
	"preflight":     {flags: map[string]string{"json": "bool"}},
	"prerequisites": {flags: map[string]string{"skip": "string"}},
	"reset":         {flags: map[string]string{"step": "string"}},
	"restore":       {flags: map[string]string{"backup": "string", "yes": "bool", "foreign": "bool", "check": "bool"}},
	"rollback":      {flags: map[string]string{"release": "string", "migrations": "string", "plan": "bool", "timeout": "time.Duration", "wait": "time.Duration", "passes": "int"}},
	"status":        {flags: map[string]string{"json": "bool"}},
	"upgrade":       {arguments: []string{"service"}},
	"verify":        {flags: map[string]string{"json": "bool", "passes": "int", "timeout": "time.Duration", "watch": "bool"}},
}

// Known reports whether the word is one of these targets. It is no target itself.
func Known(word string) bool { _, known := verbs[strings.ToLower(word)]; return known }

// checkedUsage is the check of this process's own command line, made once.
var checkedUsage = sync.OnceValue(func() error {
	words, ok := wordsOf(os.Args[1:])
	if !ok {
		return nil
	}
	return checkUsage(words, magefile{}.usage)
})

// wordsOf are the words after Mage's own flags; not ok for a process that Mage did not start.
func wordsOf(args []string) ([]string, bool) {
	own := flag.NewFlagSet("", flag.ContinueOnError)
	own.SetOutput(io.Discard)
	for _, name := range []string{"v", "l", "h"} {
		own.Bool(name, false, "")
	}
	own.Duration("t", 0, "")
	if own.Parse(args) != nil {
		return nil, false
	}
	return own.Args(), true
}

// checkUsage says what is wrong with the words of a command line. Of a target that is none of ours it asks.
func checkUsage(words []string, ask func(target string) (usage, bool)) error {
	previous := ""
	for len(words) > 0 {
		target := words[0]
		takes, known := verbs[strings.ToLower(target)]
		if !known {
			takes, known = ask(strings.ToLower(target))
		}
		if !known {
			return unknownTarget(target, previous)
		}
		rest, err := takes.read(words[1:])
		if err != nil {
			return fmt.Errorf("%s: %w", target, err)
		}
		previous, words = words[len(words)-len(rest)-1], rest
	}
	return nil
}

func unknownTarget(word, previous string) error {
	if strings.HasPrefix(previous, "-") && !strings.Contains(previous, "=") {
		return fmt.Errorf("%q is no target; a flag has its value behind an equals sign: %s=%s", word, previous, word)
	}
	if strings.HasPrefix(word, "-") {
		return fmt.Errorf("%q is no target, and %s takes no such flag", word, previous)
	}
	return fmt.Errorf("%q is no target; %s -l lists them", word, called())
}

// read takes a target's arguments and flags off the words after it.
func (u usage) read(words []string) ([]string, error) {
	for _, argument := range u.arguments {
		if len(words) == 0 {
			return nil, fmt.Errorf("needs its %s", strings.ToUpper(argument))
		}
		if name, _, _ := strings.Cut(strings.ToLower(words[0]), "="); strings.HasPrefix(name, "-") && u.flags[name[1:]] != "" {
			return nil, fmt.Errorf("%s stands after the %s", words[0], strings.ToUpper(argument))
		}
		words = words[1:]
	}
	if u.flags == nil { // Mage takes what follows for the next target
		return words, nil
	}
	for len(words) > 0 && strings.HasPrefix(words[0], "-") {
		name, value, given := strings.Cut(words[0][1:], "=")
		kind := u.flags[strings.ToLower(name)]
		switch {
		case kind == "":
			return nil, fmt.Errorf("there is no flag %s; there are -%s", words[0], strings.Join(slices.Sorted(maps.Keys(u.flags)), ", -"))
		case !given && kind != "bool":
			return nil, fmt.Errorf("%s needs a value: %[1]s=…", words[0])
		case given && !fits(kind, value):
			return nil, fmt.Errorf("%s: %q is no %s", words[0], value, kinds[kind])
		}
		words = words[1:]
	}
	return words, nil
}

// kinds are the types of a flag, in words.
var kinds = map[string]string{"bool": "true or false", "int": "whole number", "float64": "number", "time.Duration": "duration such as 5m or 90s"}

// fits tells whether Mage can read a flag's value.
func fits(kind, value string) bool {
	var err error
	switch kind {
	case "bool":
		_, err = strconv.ParseBool(value)
	case "int":
		_, err = strconv.Atoi(value)
	case "float64":
		_, err = strconv.ParseFloat(value, 64)
	case "time.Duration":
		_, err = time.ParseDuration(value)
	}
	return err == nil
}

// magefile is this very binary, asked about the targets that the operator has added.
type magefile struct{}

// usage asks for what a target or an alias takes.
func (m magefile) usage(target string) (usage, bool) {
	if help, err := m.ask("-h", target); err == nil {
		return usageIn(help), true
	}
	list, err := m.ask("-l") // aliases are in the help of what they stand for, and nowhere else
	if err != nil {
		return usage{}, false
	}
	for _, other := range targetsIn(list) {
		help, err := m.ask("-h", other)
		if err == nil && slices.Contains(aliasesIn(help), target) {
			return usageIn(help), true
		}
	}
	return usage{}, false
}

// askLimit bounds a question to the binary, which answers in milliseconds.
const askLimit = 10 * time.Second

func (magefile) ask(args ...string) (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("find this program: %w", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), askLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, self, args...)
	cmd.Env = slices.DeleteFunc(os.Environ(), func(pair string) bool { return strings.HasPrefix(pair, "MAGEFILE_") })
	out, err := cmd.Output()
	return string(out), err
}

var (
	usageLine = regexp.MustCompile(`(?m)^Usage:\n\n\t\S+ \S+(.*)$`)
	argument  = regexp.MustCompile(` <(\w+)>`)
	flagOf    = regexp.MustCompile(`-(\w+)=<([\w.]+)>`)
	listed    = regexp.MustCompile(`(?m)^  ([\w:]+)\*?\s`)
	aliased   = regexp.MustCompile(`(?m)^Aliases: (.*)$`)
)

// usageIn reads what a target takes from its help.
func usageIn(help string) usage {
	var u usage
	at := usageLine.FindStringSubmatchIndex(help)
	if at == nil {
		return u
	}
	for _, found := range argument.FindAllStringSubmatch(help[at[2]:at[3]], -1) {
		u.arguments = append(u.arguments, strings.ToLower(found[1]))
	}
	for _, found := range flagOf.FindAllStringSubmatch(help[at[2]:], -1) {
		if u.flags == nil {
			u.flags = map[string]string{}
		}
		u.flags[strings.ToLower(found[1])] = found[2]
	}
	return u
}

func targetsIn(list string) []string {
	var names []string
	for _, found := range listed.FindAllStringSubmatch(list, -1) {
		names = append(names, strings.ToLower(found[1]))
	}
	return names
}

func aliasesIn(help string) []string {
	found := aliased.FindStringSubmatch(help)
	if found == nil {
		return nil
	}
	return strings.Split(strings.ToLower(found[1]), ", ")
}

// misused is the Failure of a command line that is wrong; nil for one that is right.
func misused() error {
	if err := checkedUsage(); err != nil {
		return &Failure{Code: exitUsage, Err: fmt.Errorf("command line: %w", err)}
	}
	return nil
}
