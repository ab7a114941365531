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
		"mariadb":              {Kind: "mariadb", Service: "db", Volume: "db"},
		"volume":               {Kind: "volume", Volume: "uploads", Writers: []string{"app"}},
		"copied":               {Kind: "postgres", Service: "db", Volume: "db", Copy: []string{"rclone", "copy", "${BACKUP}", "far:shop/${ID}.dump"}},
	} {
		if err := (database{d}).check(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for lack, d := range map[string]slipway.Database{
		"Volume": {Kind: "postgres", Service: "db"},
		`kind "oracle": what can be backed up is one of`: {Kind: "oracle", Service: "db", Volume: "db"},
		"a postgres needs its Service":                   {Kind: "postgres", Volume: "db"},
		"a mariadb needs its Service":                    {Kind: "mariadb", Volume: "db"},
		"a volume needs its Writers":                     {Kind: "volume", Volume: "uploads"},
		"Writers":                                        {Kind: "sqlite", Volume: "data"},
		"its Copy names no program":                      {Kind: "sqlite", Writers: []string{"app"}, Volume: "data", Copy: []string{"", "${BACKUP}"}},
		"its Copy does not say what to copy: ${BACKUP}":  {Kind: "sqlite", Writers: []string{"app"}, Volume: "data", Copy: []string{"restic", "backup", "$BACKUP"}},
		"its Copy has ${BUCKET}, which is neither":       {Kind: "sqlite", Writers: []string{"app"}, Volume: "data", Copy: []string{"rclone", "${BACKUP}", "far:${BUCKET}"}},
		"its Copy has nothing to copy":                   {Copy: []string{"restic", "backup", "${BACKUP}"}},
	} {
		if err := (database{d}).check(); err == nil || !strings.Contains(err.Error(), lack) {
			t.Errorf("without %s: %v", lack, err)
		}
	}
}
