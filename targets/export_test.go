package targets

import (
	"fmt"
	"maps"
	"slices"
)

// TargetsIn reads the names of the targets from Mage's list.
func TargetsIn(list string) []string { return targetsIn(list) }

// Verbs are the targets that are known without asking, sorted.
func Verbs() []string { return slices.Sorted(maps.Keys(verbs)) }

// UsageIn is what a target takes by its help, as text.
func UsageIn(help string) string { return usageIn(help).text() }

// UsageOf is what a target takes by the table, as text.
func UsageOf(target string) string { return verbs[target].text() }

func (u usage) text() string { return fmt.Sprint(u.arguments, u.flags) }
