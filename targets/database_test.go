package targets

import (
	"strings"
	"testing"

	"slipway"
)

func TestADatabaseThatCannotBeBackedUpIsRefused(t *testing.T) {
	for name, d := range map[string]slipway.Database{
		"none":                 {},
		"postgres":             {Kind: "postgres", Service: "db", Volume: "db", Job: "migrate", Migrations: "*.sql"},
		"sqlite":               {Kind: "sqlite", Writers: []string{"app"}, Volume: "data"},
		"image for migrations": {Kind: "postgres", Service: "db", Volume: "db", Job: "migrate"},
	} {
		if err := (database{d}).check(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for lack, d := range map[string]slipway.Database{
		"Volume":  {Kind: "postgres", Service: "db"},
		"Service": {Kind: "postgres", Volume: "db"},
		"Writers": {Kind: "sqlite", Volume: "data"},
	} {
		if err := (database{d}).check(); err == nil || !strings.Contains(err.Error(), lack) {
			t.Errorf("without %s: %v", lack, err)
		}
	}
}
