package main

import (
	"cmp"
	"context"
	"embed"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
)

//go:embed migrations
var embedded embed.FS

// migrationFiles returns the migrations of one dialect.
func migrationFiles(dialect string) fs.FS {
	files, err := fs.Sub(embedded, path.Join("migrations", dialect))
	if err != nil {
		return embedded // only a malformed path is refused, and these are constants
	}
	return files
}

// migrate applies what is missing, each migration in a transaction of its own.
func migrate(ctx context.Context, s Settings, stdout io.Writer) (err error) {
	store, err := OpenStore(ctx, s)
	if err != nil {
		return err
	}
	defer func() { err = cmp.Or(err, store.Close()) }()
	if err := await(ctx, store); err != nil {
		return err
	}
	provider, release, err := store.Migrator()
	if err != nil {
		return err
	}
	defer func() { err = cmp.Or(err, release()) }()

	results, err := provider.Up(ctx)
	if err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	for _, result := range results {
		fmt.Fprintf(stdout, "%s %s\n", path.Base(result.Source.Path), result.Duration.Round(time.Millisecond))
	}
	_, err = fmt.Fprintf(stdout, "%d applied\n", len(results))
	return err
}

// awaitTime is for a database that is being started at the same time.
const awaitTime = 30 * time.Second

// await returns when the database answers. An answer that says no, such as a wrong password, is final: waiting does not heal it.
func await(ctx context.Context, store Store) error {
	deadline := time.Now().Add(awaitTime)
	for {
		_, err := store.Applied(ctx)
		if err == nil || !starting(err) || time.Now().After(deadline) {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", ctx.Err(), err)
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// migrateStatus prints what is missing as JSON and changes nothing.
func migrateStatus(ctx context.Context, s Settings, stdout io.Writer) (err error) {
	store, err := OpenStore(ctx, s)
	if err != nil {
		return err
	}
	defer func() { err = cmp.Or(err, store.Close()) }()
	applied, err := store.Applied(ctx)
	if err != nil {
		return err
	}
	missing, err := pending(applied)
	if err != nil {
		return err
	}
	var status struct {
		Pending int   `json:"pending"`
		Current int64 `json:"current"`
	}
	status.Pending = len(missing)
	if len(applied) > 0 {
		status.Current = slices.Max(applied)
	}
	return json.NewEncoder(stdout).Encode(status)
}

// pending returns the versions of this program's migrations that are not among those applied. Both dialects have the same.
func pending(applied []int64) ([]int64, error) {
	names, err := fs.Glob(migrationFiles("sqlite"), "*.sql")
	if err != nil {
		return nil, fmt.Errorf("list migrations: %w", err)
	}
	var missing []int64
	for _, name := range names {
		number, _, _ := strings.Cut(name, "_")
		version, err := strconv.ParseInt(number, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("number of migration %s: %w", name, err)
		}
		if !slices.Contains(applied, version) {
			missing = append(missing, version)
		}
	}
	return missing, nil
}
