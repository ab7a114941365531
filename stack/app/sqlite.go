package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/pressly/goose/v3"
	"golang.org/x/sys/unix"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// sqliteStore keeps the readings in one file, which the worker opens beside the backend. SQLite has one writer at a time:
// within a process the writers queue in Go, which is fair and ends with the request, and not in SQLite's polling.
type sqliteStore struct {
	path        string
	maxSensors  int // set where sensors are added
	write, read *sql.DB
}

// sqliteAddress makes every transaction take the write lock when it begins: one that asked for it later, after somebody
// else had written, would fail at once however long it is willing to wait.
func sqliteAddress(path string, pragmas ...string) string {
	query := url.Values{"_txlock": {"immediate"}, "_pragma": append([]string{
		"busy_timeout(5000)", "journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(1)",
		"temp_store(memory)", // the root file system is read-only
	}, pragmas...)}
	return sqliteFile(path) + "?" + query.Encode()
}

func sqliteFile(path string) string {
	return "file:" + (&url.URL{Path: path}).EscapedPath()
}

func openSQLite(path string) (*sqliteStore, error) {
	write, err := sql.Open("sqlite", sqliteAddress(path))
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	write.SetMaxOpenConns(1)
	read, err := sql.Open("sqlite", sqliteAddress(path, "query_only(1)"))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open %s: %w", path, err), write.Close())
	}
	read.SetMaxOpenConns(4)
	return &sqliteStore{path: path, write: write, read: read}, nil
}

func (s *sqliteStore) Close() error {
	return errors.Join(s.read.Close(), s.write.Close())
}

func (s *sqliteStore) Add(ctx context.Context, reading Reading) (Reading, error) {
	transaction, err := s.write.BeginTx(ctx, nil)
	if err != nil {
		return Reading{}, fmt.Errorf("begin: %w", err)
	}
	defer func() { _ = transaction.Rollback() }() // after a commit it does nothing
	if err := s.ensure(ctx, transaction, reading.Sensor); err != nil {
		return Reading{}, err
	}
	err = transaction.QueryRowContext(ctx, "INSERT INTO readings (sensor, celsius, at) VALUES (?, ?, ?) RETURNING id",
		reading.Sensor, reading.Celsius, reading.At.UnixMilli()).Scan(&reading.ID)
	if err != nil {
		return Reading{}, fmt.Errorf("add reading: %w", err)
	}
	if err := transaction.Commit(); err != nil {
		return Reading{}, fmt.Errorf("commit: %w", err)
	}
	return reading, nil
}

// ensure adds a sensor that is not known. The transaction is the only one that writes.
func (s *sqliteStore) ensure(ctx context.Context, transaction *sql.Tx, sensor string) error {
	if _, err := transaction.ExecContext(ctx, addSensor, sensor, s.maxSensors); err != nil {
		return fmt.Errorf("add sensor: %w", err)
	}
	var known bool
	if err := transaction.QueryRowContext(ctx, sensorKnown, sensor).Scan(&known); err != nil {
		return fmt.Errorf("look for sensor: %w", err)
	}
	if !known {
		return ErrTooManySensors
	}
	return nil
}

func (s *sqliteStore) Readings(ctx context.Context, sensor string, after *Place, limit int) ([]Reading, error) {
	query, arguments := readingsQuery(sensor, after, limit, func(at time.Time) any { return at.UnixMilli() })
	rows, err := s.read.QueryContext(ctx, query, arguments...)
	if err != nil {
		return nil, fmt.Errorf("select readings: %w", err)
	}
	return collect(rows, func(r *Reading) error {
		var at int64
		err := rows.Scan(&r.ID, &r.Sensor, &r.Celsius, &at, &r.Excursion)
		r.At = time.UnixMilli(at).UTC()
		return err
	})
}

func (s *sqliteStore) Sensors(ctx context.Context, after string, limit int) ([]Sensor, error) {
	rows, err := s.read.QueryContext(ctx, selectSensors, after, limit)
	if err != nil {
		return nil, fmt.Errorf("select sensors: %w", err)
	}
	return collect(rows, func(r *Sensor) error {
		var at int64
		err := rows.Scan(&r.Sensor, &r.Zone, &r.Lowest, &r.Highest, &r.Celsius, &at, &r.Excursion)
		r.At = time.UnixMilli(at).UTC()
		return err
	})
}

func (s *sqliteStore) Assign(ctx context.Context, sensor, zone string) error {
	transaction, err := s.write.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer func() { _ = transaction.Rollback() }() // after a commit it does nothing
	if err := s.ensure(ctx, transaction, sensor); err != nil {
		return err
	}
	_, err = transaction.ExecContext(ctx, "UPDATE sensors SET zone = $1 WHERE name = $2", zone, sensor)
	if failure, ok := errors.AsType[*sqlite.Error](err); ok && failure.Code() == sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY {
		return ErrNoZone
	}
	if err != nil {
		return fmt.Errorf("assign zone: %w", err)
	}
	if err := transaction.Commit(); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}

func (s *sqliteStore) CheckUnchecked(ctx context.Context, limit int) ([]bool, error) {
	return s.check(ctx, "r.id IN (SELECT id FROM readings WHERE excursion IS NULL ORDER BY id LIMIT ?)", limit)
}

func (s *sqliteStore) CheckReading(ctx context.Context, id int64) ([]bool, error) {
	return s.check(ctx, "r.id = ? AND r.excursion IS NULL", id)
}

func (s *sqliteStore) check(ctx context.Context, condition string, argument any) ([]bool, error) {
	rows, err := s.write.QueryContext(ctx, updateExcursions+condition+" RETURNING excursion", argument)
	if err != nil {
		return nil, fmt.Errorf("flag excursions: %w", err)
	}
	return collect(rows, func(excursion *bool) error { return rows.Scan(excursion) })
}

// Applied must not make the file or the table: it is asked before there is a database.
func (s *sqliteStore) Applied(ctx context.Context) ([]int64, error) {
	if _, err := os.Stat(s.path); errors.Is(err, os.ErrNotExist) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	var tables int
	err := s.read.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_master WHERE name = ?", goose.DefaultTablename).Scan(&tables)
	if err != nil {
		return nil, fmt.Errorf("look for migrations: %w", err)
	}
	if tables == 0 {
		return nil, nil
	}
	rows, err := s.read.QueryContext(ctx, selectApplied)
	if err != nil {
		return nil, fmt.Errorf("select migrations: %w", err)
	}
	return collect(rows, func(version *int64) error { return rows.Scan(version) })
}

// Migrator holds a file lock until it is closed: two migrations of one SQLite database at the same time would both find
// the same ones missing. The kernel drops the lock of a process that dies.
func (s *sqliteStore) Migrator() (*goose.Provider, func() error, error) {
	lock, err := os.OpenFile(filepath.Join(filepath.Dir(s.path), ".migrate.lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, nil, fmt.Errorf("open migration lock: %w", err)
	}
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return nil, nil, errors.Join(fmt.Errorf("another migration of %s is running: %w", s.path, err), lock.Close())
	}
	provider, err := goose.NewProvider(goose.DialectSQLite3, s.write, migrationFiles("sqlite"))
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("read migrations: %w", err), lock.Close())
	}
	return provider, lock.Close, nil
}

func collect[T any](rows *sql.Rows, scan func(*T) error) ([]T, error) {
	defer func() { _ = rows.Close() }() // its error is that of rows.Err
	all := []T{}
	for rows.Next() {
		var one T
		if err := scan(&one); err != nil {
			return nil, fmt.Errorf("read row: %w", err)
		}
		all = append(all, one)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read rows: %w", err)
	}
	return all, nil
}
