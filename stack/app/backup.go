package main

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"modernc.org/sqlite"
)

var errNotSQLite = errors.New("the database is PostgreSQL: use pg_dump and pg_restore")

// backup writes a copy of the database to a file, or to stdout for "-". Writers are not held up: the copy is the state at one
// moment. A file is complete or it is not there.
func backup(ctx context.Context, s Settings, target string, stdout io.Writer) (err error) {
	if s.Postgres != nil {
		return errNotSQLite
	}
	if _, err := os.Stat(s.DatabasePath); err != nil {
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

// restore checks a backup before it touches the database, and then replaces the database's content in one transaction: a
// process that has it open sees the old content or the new.
func restore(ctx context.Context, s Settings, source string, stdin io.Reader, stdout io.Writer) (err error) {
	if s.Postgres != nil {
		return errNotSQLite
	}
	if source == "-" {
		received, err := emptyFile(filepath.Dir(s.DatabasePath))
		if err != nil {
			return fmt.Errorf("restore: %w", err)
		}
		defer func() { _ = os.Remove(received) }()
		if err := receive(stdin, received); err != nil {
			return fmt.Errorf("restore: receive backup: %w", err)
		}
		source = received
	}
	readings, err := inspect(ctx, source)
	if err != nil {
		return fmt.Errorf("restore: %w", err)
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
	_, err = fmt.Fprintf(stdout, "%d readings restored\n", readings)
	return err
}

// inspect refuses what is no backup of this program's database, or is damaged, and counts the readings.
func inspect(ctx context.Context, path string) (readings int, err error) {
	if _, err := os.Stat(path); err != nil {
		return 0, err
	}
	database, err := sql.Open("sqlite", readOnly(path))
	if err != nil {
		return 0, fmt.Errorf("open backup: %w", err)
	}
	defer func() { err = cmp.Or(err, database.Close()) }()
	var verdict string
	if err := database.QueryRowContext(ctx, "PRAGMA integrity_check(1)").Scan(&verdict); err != nil {
		return 0, fmt.Errorf("check backup: %w", err)
	}
	if verdict != "ok" {
		return 0, fmt.Errorf("check backup: damaged: %s", verdict)
	}
	if err := database.QueryRowContext(ctx, "SELECT count(*) FROM readings").Scan(&readings); err != nil {
		return 0, fmt.Errorf("check backup: not a database of freshtrack: %w", err)
	}
	return readings, nil
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
