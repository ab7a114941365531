package targets_test

import (
	"os/exec"
	"slices"
	"strings"
	"testing"

	"slipway/targets"
)

// TestCaseF8WhatOurTargetsTakeIsWhatMageSays holds the table of targets to the functions: a flag that is added to one of them
// and not to the table would be refused on every command line.
func TestCaseF8WhatOurTargetsTakeIsWhatMageSays(t *testing.T) {
	t.Parallel()
	mage, err := compiled()
	if err != nil {
		t.Fatal(err)
	}
	list, err := exec.Command(mage, "-l").Output()
	if err != nil {
		t.Fatal(err)
	}
	names := slices.DeleteFunc(targets.TargetsIn(string(list)), func(name string) bool {
		return strings.HasPrefix(name, "dev:") || name == "local" || name == "production" // the magefile's own
	})
	if ours := targets.Verbs(); !slices.Equal(names, ours) {
		t.Errorf("the targets are %q, and the table has %q", names, ours)
	}
	for _, name := range names {
		help, err := exec.Command(mage, "-h", name).Output()
		if err != nil {
			t.Errorf("mage -h %s: %v", name, err)
			continue
		}
		if says, has := targets.UsageIn(string(help)), targets.UsageOf(name); says != has {
			t.Errorf("%s takes %s, and the table has %s", name, says, has)
		}
	}
}
