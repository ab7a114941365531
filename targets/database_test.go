package targets

import (
	"strings"
	"testing"
)

func TestADatabaseThatCannotBeBackedUpIsRefusedBeforeAnythingElse(t *testing.T) {
	good := map[string]Database{
		"none":     {},
		"postgres": {Kind: "postgres", Service: "db", Volume: "db", Job: "migrate", Migrations: "*.sql"},
		"sqlite":   {Kind: "sqlite", Writers: []string{"app"}, Volume: "data"},
	}
	for name, database := range good {
		if err := (Stack{Name: "shop", Destinations: []Destination{{Name: "local", Files: []string{"compose.yaml"}, Database: database}}}).check(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for lack, database := range map[string]Database{
		"kind":       {Kind: "mysql", Volume: "db", Service: "db"},
		"Volume":     {Kind: "postgres", Service: "db"},
		"Service":    {Kind: "postgres", Volume: "db"},
		"Writers":    {Kind: "sqlite", Volume: "data"},
		"Migrations": {Kind: "postgres", Service: "db", Volume: "db", Job: "migrate"},
	} {
		err := Stack{Name: "shop", Destinations: []Destination{{Name: "local", Files: []string{"compose.yaml"}, Database: database}}}.check()
		if err == nil || !strings.Contains(err.Error(), `destination "local": database: `) || !strings.Contains(err.Error(), lack) {
			t.Errorf("without %s: %v", lack, err)
		}
	}
}
