package dev

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"time"

	"slipway/internal/console"
	"slipway/internal/redact"
)

// vulnerabilityDatabase is Go's own.
const vulnerabilityDatabase = "https://vuln.go.dev"

// lintVulnerabilities fails when code of this repository calls what is known to be vulnerable. Where the database cannot be
// had, it says that it could not ask: that is nothing this repository could mend.
func lintVulnerabilities(ctx context.Context) error {
	if err := answers(ctx, vulnerabilityDatabase+"/index/db.json"); err != nil {
		console.New(os.Stdout, os.Stderr, redact.New()).Line(console.Warn, "govulncheck", fmt.Sprintf("not asked: %v", err), 0)
		return nil
	}
	mods, err := testedModules(".")
	if err != nil {
		return err
	}
	return vulnerabilities(ctx, ".", vulnerabilityDatabase, mods)
}

// vulnerabilities asks a database about modules. What is imported and never called is no failure: the program ends with 0
// then, and with 3 when it is called.
func vulnerabilities(ctx context.Context, root, database string, mods []string) error {
	checker, err := buildTool(ctx, root, "vuln", "golang.org/x/vuln/cmd/govulncheck")
	if err != nil {
		return err
	}
	return each(mods, func(mod string) error {
		return command{dir: mod, argv: []string{checker, "-db", database, "-tags", tags, "./..."}}.run(ctx)
	})
}

// answers tells whether an address can be reached.
func answers(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("GET %s: %s", address, response.Status)
	}
	return nil
}
