package main

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/pressly/goose/v3"
	"modernc.org/sqlite"
)

var (
	errNotSQLite  = errors.New("the database is PostgreSQL: use pg_dump and pg_restore")
	errNoDatabase = errors.New("there is no database yet")
)

// backup writes a copy of the database to a file, or to stdout for "-". Writers are not held up: the copy is the state at one
// moment. A file is complete or it is not there.
func backup(ctx context.Context, s Settings, target string, stdout io.Writer) (err error) {
	if s.Postgres != nil {
		return errNotSQLite
	}
	if _, err := os.Stat(s.DatabasePath); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("backup: %w", errNoDatabase)
	} else if err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	directory := filepath.Dir(s.DatabasePath)
	if target != "-" {
		directory = filepath.Dir(target)
	}
	copied, err := emptyFile(directory)
	if err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	defer func() { _ = os.Remove(copied) }() // renamed by then, if it is a backup

	store, err := openSQLite(s.DatabasePath)
	if err != nil {
		return err
	}
	defer func() { err = cmp.Or(err, store.Close()) }()
	if _, err := store.write.ExecContext(ctx, "VACUUM INTO ?", copied); err != nil {
		return fmt.Errorf("backup: copy database: %w", err)
	}
	if target == "-" {
		return stream(copied, stdout)
	}
	return keep(copied, target)
}

// restore checks a backup before it touches the database, replaces the database's content in one transaction, so that a
// process that has it open sees the old content or the new, and counts the rows again in what came of it.
func restore(ctx context.Context, s Settings, source string, stdin io.Reader, stdout io.Writer) (err error) {
	if s.Postgres != nil {
		return errNotSQLite
	}
	source, forget, err := local(source, stdin, filepath.Dir(s.DatabasePath))
	if err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	defer forget()
	rows, err := check(ctx, source)
	if err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	if _, ours := rows[goose.DefaultTablename]; !ours {
		return errors.New("restore: not a database of freshtrack: no migration was ever applied to it")
	}

	store, err := openSQLite(s.DatabasePath)
	if err != nil {
		return err
	}
	defer func() { err = cmp.Or(err, store.Close()) }()
	connection, err := store.write.Conn(ctx)
	if err != nil {
		return fmt.Errorf("restore: open database: %w", err)
	}
	defer func() { err = cmp.Or(err, connection.Close()) }()
	err = connection.Raw(func(driver any) error {
		restorer, ok := driver.(interface {
			NewRestore(string) (*sqlite.Backup, error)
		})
		if !ok {
			return errors.New("the driver cannot restore")
		}
		pages, err := restorer.NewRestore(readOnly(source))
		if err != nil {
			return err
		}
		_, stepErr := pages.Step(-1)
		return cmp.Or(stepErr, pages.Finish())
	})
	if err != nil {
		return fmt.Errorf("restore: replace content: %w", err)
	}
	restored, err := countRows(ctx, store.read)
	if err != nil {
		return fmt.Errorf("restore: count the rows: %w", err)
	}
	if !maps.Equal(restored, rows) {
		return fmt.Errorf("restore: the backup has the rows %v and the database has %v: somebody writes to it", rows, restored)
	}
	_, err = fmt.Fprintf(stdout, "%d readings restored\n", restored["readings"])
	return err
}

// inspect checks a backup and prints the rows of each of its tables, as one JSON object.
func inspect(ctx context.Context, s Settings, source string, stdin io.Reader, stdout io.Writer) error {
	if s.Postgres != nil {
		return errNotSQLite
	}
	source, forget, err := local(source, stdin, filepath.Dir(s.DatabasePath))
	if err != nil {
		return fmt.Errorf("inspect: %w", err)
	}
	defer forget()
	rows, err := check(ctx, source)
	if err != nil {
		return fmt.Errorf("inspect: %w", err)
	}
	return json.NewEncoder(stdout).Encode(rows)
}

// local is a backup as a file: SQLite cannot read one from a stream. What was received is removed by forget.
func local(source string, stdin io.Reader, directory string) (path string, forget func(), err error) {
	if source != "-" {
		return source, func() {}, nil
	}
	received, err := emptyFile(directory)
	if err != nil {
		return "", nil, err
	}
	forget = func() { _ = os.Remove(received) }
	if err := receive(stdin, received); err != nil {
		forget()
		return "", nil, fmt.Errorf("receive backup: %w", err)
	}
	return received, forget, nil
}

// check refuses what is no SQLite database or is damaged, and counts the rows of each table.
func check(ctx context.Context, path string) (rows map[string]int64, err error) {
	if info, err := os.Stat(path); err != nil {
		return nil, err
	} else if info.Size() == 0 {
		return nil, errors.New("check backup: it is empty")
	}
	database, err := sql.Open("sqlite", readOnly(path))
	if err != nil {
		return nil, fmt.Errorf("open backup: %w", err)
	}
	defer func() { err = cmp.Or(err, database.Close()) }()
	var verdict string
	if err := database.QueryRowContext(ctx, "PRAGMA integrity_check(1)").Scan(&verdict); err != nil {
		return nil, fmt.Errorf("check backup: %w", err)
	}
	if verdict != "ok" {
		return nil, fmt.Errorf("check backup: damaged: %s", verdict)
	}
	if rows, err = countRows(ctx, database); err != nil {
		return nil, fmt.Errorf("check backup: count the rows: %w", err)
	}
	return rows, nil
}

// countRows counts the rows of every table, those of the migrations among them and SQLite's own left out.
func countRows(ctx context.Context, database *sql.DB) (map[string]int64, error) {
	found, err := database.QueryContext(ctx, `SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\_%' ESCAPE '\'`)
	if err != nil {
		return nil, err
	}
	tables, err := collect(found, func(name *string) error { return found.Scan(name) })
	if err != nil {
		return nil, err
	}
	rows := map[string]int64{}
	for _, table := range tables {
		var count int64
		query := `SELECT count(*) FROM "` + strings.ReplaceAll(table, `"`, `""`) + `"`
		if err := database.QueryRowContext(ctx, query).Scan(&count); err != nil { //nolint:gosec // the name is quoted; no parameter can stand for it
			return nil, err
		}
		rows[table] = count
	}
	return rows, nil
}

// readOnly addresses a backup, which is one file and nobody's to write: without immutable, SQLite would look for a log beside it.
func readOnly(path string) string {
	return sqliteFile(path) + "?mode=ro&immutable=1"
}

// emptyFile makes a file for a copy in the making, and removes those that a killed backup or restore has left.
func emptyFile(directory string) (string, error) {
	const pattern, abandoned = ".freshtrack-*.tmp", time.Hour
	left, err := filepath.Glob(filepath.Join(directory, pattern))
	if err != nil {
		return "", err
	}
	for _, path := range left {
		if info, err := os.Stat(path); err == nil && time.Since(info.ModTime()) > abandoned {
			_ = os.Remove(path) // the next one tries again
		}
	}
	file, err := os.CreateTemp(directory, pattern)
	if err != nil {
		return "", err
	}
	return file.Name(), file.Close()
}

func stream(path string, to io.Writer) error {
	file, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	_, err = io.Copy(to, file)
	if err = cmp.Or(err, file.Close()); err != nil {
		return fmt.Errorf("backup: write: %w", err)
	}
	return nil
}

func receive(from io.Reader, path string) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(file, from)
	return cmp.Or(err, file.Close())
}

// keep makes the copy durable before it gets its name, and then the name.
func keep(copied, target string) error {
	for _, step := range []func() error{
		func() error { return syncFile(copied) },
		func() error { return os.Rename(copied, target) },
		func() error { return syncFile(filepath.Dir(target)) },
	} {
		if err := step(); err != nil {
			return fmt.Errorf("backup: keep: %w", err)
		}
	}
	return nil
}

func syncFile(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	return cmp.Or(file.Sync(), file.Close())
}
