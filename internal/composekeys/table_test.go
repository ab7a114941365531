package composekeys

import (
	"slices"
	"testing"
)

func TestEachKeyOfTheSchemaHasOneRowAndEachRowAKey(t *testing.T) {
	rows, err := Table()
	if err != nil {
		t.Fatal(err)
	}
	keys := Keys()
	seen := map[string]bool{}
	for _, row := range rows {
		if !slices.Contains(keys, row.Key) {
			t.Errorf("%s is no key of the specification any more", row.Key)
		}
		if seen[row.Key] {
			t.Errorf("%s has two rows", row.Key)
		}
		seen[row.Key] = true
	}
	for _, key := range keys {
		if !seen[key] {
			t.Errorf("%s has no row: decide what Slipway makes of it, and write it into keys.txt", key)
		}
	}
}

func TestKeysReachIntoEveryCornerOfTheSchema(t *testing.T) {
	keys := Keys()
	for _, key := range []string{
		"version", "include.path", "jobs.*.triggers.schedule.cron", "services.*.deploy.update_config.order",
		"services.*.volumes.bind.recursive", "services.*.pre_start.per_replica", "services.*.pre_start.image",
		"services.*.build.ulimits.*.soft", "services.*.depends_on.*.restart", "networks.*.ipam.config.subnet",
		"services.*.develop.watch.exec.command", "secrets.*.template_driver", "models.*.runtime_flags",
	} {
		if !slices.Contains(keys, key) {
			t.Errorf("%s is not among the %d keys", key, len(keys))
		}
	}
}

func TestARowThatSaysNothingIsRefused(t *testing.T) {
	for _, line := range []string{"a | honoured | x", "a | perhaps | | x", "a | passed | engine 5 | x"} {
		if row, err := parse(line); err == nil {
			t.Errorf("%q became %+v", line, row)
		}
	}
}
