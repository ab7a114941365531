// Package binary makes the targets a program of its own, which needs no magefile: it is called slipway in hints, takes -version, and
// takes the name of a destination before a target.
package binary

import (
	"os"
	"slices"
	"strings"

	"slipway"
	"slipway/internal/behind"
	"slipway/internal/console"
	"slipway/internal/redact"
	"slipway/targets"
)

// version is set by `mage dev:binary`.
var version = "devel"

func init() {
	behind.Binary, behind.Version = "slipway", version
	os.Args = words(os.Args, targets.Known, destinations)
}

// words are the arguments as Mage's own main reads them.
func words(args []string, isTarget func(string) bool, destinations func() []string) []string {
	if len(args) < 2 {
		return args
	}
	switch {
	case args[1] == "-version" || args[1] == "--version":
		return append([]string{args[0], "version"}, args[2:]...)
	case len(args) > 2 && !isTarget(args[1]) && !strings.HasPrefix(args[1], "-") && slices.Contains(destinations(), args[1]):
		_ = os.Setenv("DESTINATION", args[1])
		return append([]string{args[0]}, args[2:]...)
	}
	return args
}

// destinations are those of the compose files here; none where there is no stack.
func destinations() []string {
	stack, err := slipway.Stack{}.Located()
	if err != nil {
		return nil
	}
	var names []string
	for _, d := range stack.Destinations {
		names = append(names, d.Name)
	}
	return names
}

// Version prints which version this is.
func Version() {
	console.New(os.Stdout, os.Stderr, redact.New()).Print("slipway " + version + "\n")
}
