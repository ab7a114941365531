package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

const (
	foreignKeyViolation = "23503"
	cannotConnectNow    = "57P03"
)

// postgresStore keeps the readings in PostgreSQL.
type postgresStore struct {
	config     *pgx.ConnConfig
	pool       *pgxpool.Pool
	maxSensors int
}

func openPostgres(ctx context.Context, config *pgx.ConnConfig, maxSensors int) (*postgresStore, error) {
	settings, err := pgxpool.ParseConfig("")
	if err != nil {
		return nil, fmt.Errorf("set up connection pool: %w", err)
	}
	settings.ConnConfig = config.Copy()
	settings.MaxConns = 8
	pool, err := pgxpool.NewWithConfig(ctx, settings)
	if err != nil {
		return nil, fmt.Errorf("set up connection pool: %w", err)
	}
	return &postgresStore{config: config, pool: pool, maxSensors: maxSensors}, nil
}

func (s *postgresStore) Close() error {
	s.pool.Close()
	return nil
}

func (s *postgresStore) Add(ctx context.Context, reading Reading) (Reading, error) {
	err := pgx.BeginFunc(ctx, s.pool, func(transaction pgx.Tx) error {
		if err := s.ensure(ctx, transaction, reading.Sensor); err != nil {
			return err
		}
		return transaction.QueryRow(ctx, "INSERT INTO readings (sensor, celsius, at) VALUES ($1, $2, $3) RETURNING id",
			reading.Sensor, reading.Celsius, reading.At).Scan(&reading.ID)
	})
	if err != nil {
		return Reading{}, fmt.Errorf("add reading: %w", err)
	}
	return reading, nil
}

// addingSensors is the advisory lock of who adds a sensor: without it, two would both find room for the last one.
const addingSensors = 0x66726573

// ensure adds a sensor that is not known. Where it is known, which is nearly always, nobody waits for anybody.
func (s *postgresStore) ensure(ctx context.Context, transaction pgx.Tx, sensor string) error {
	known := func() (known bool, err error) {
		err = transaction.QueryRow(ctx, sensorKnown, sensor).Scan(&known)
		return known, err
	}
	if ok, err := known(); ok || err != nil {
		return err
	}
	if _, err := transaction.Exec(ctx, "SELECT pg_advisory_xact_lock($1)", addingSensors); err != nil {
		return fmt.Errorf("lock sensors: %w", err)
	}
	if _, err := transaction.Exec(ctx, addSensor, sensor, s.maxSensors); err != nil {
		return fmt.Errorf("add sensor: %w", err)
	}
	if ok, err := known(); ok || err != nil {
		return err
	}
	return ErrTooManySensors
}

func (s *postgresStore) Readings(ctx context.Context, sensor string, after *Place, limit int) ([]Reading, error) {
	query, arguments := readingsQuery(sensor, after, limit, func(at time.Time) any { return at })
	rows, err := s.pool.Query(ctx, query, arguments...)
	if err != nil {
		return nil, fmt.Errorf("select readings: %w", err)
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (r Reading, err error) {
		err = row.Scan(&r.ID, &r.Sensor, &r.Celsius, &r.At, &r.Excursion)
		r.At = r.At.UTC()
		return r, err
	})
}

func (s *postgresStore) Sensors(ctx context.Context, after string, limit int) ([]Sensor, error) {
	rows, err := s.pool.Query(ctx, selectSensors, after, limit)
	if err != nil {
		return nil, fmt.Errorf("select sensors: %w", err)
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (r Sensor, err error) {
		err = row.Scan(&r.Sensor, &r.Zone, &r.Lowest, &r.Highest, &r.Celsius, &r.At, &r.Excursion)
		r.At = r.At.UTC()
		return r, err
	})
}

func (s *postgresStore) Assign(ctx context.Context, sensor, zone string) error {
	err := pgx.BeginFunc(ctx, s.pool, func(transaction pgx.Tx) error {
		if err := s.ensure(ctx, transaction, sensor); err != nil {
			return err
		}
		_, err := transaction.Exec(ctx, "UPDATE sensors SET zone = $1 WHERE name = $2", zone, sensor)
		return err
	})
	if failure, ok := errors.AsType[*pgconn.PgError](err); ok && failure.Code == foreignKeyViolation {
		return ErrNoZone
	}
	if err != nil {
		return fmt.Errorf("assign zone: %w", err)
	}
	return nil
}

// CheckUnchecked leaves alone what another worker is checking at the moment.
func (s *postgresStore) CheckUnchecked(ctx context.Context, limit int) ([]bool, error) {
	return s.check(ctx,
		"r.id IN (SELECT id FROM readings WHERE excursion IS NULL ORDER BY id LIMIT $1 FOR UPDATE SKIP LOCKED)", limit)
}

func (s *postgresStore) CheckReading(ctx context.Context, id int64) ([]bool, error) {
	return s.check(ctx, "r.id = $1 AND r.excursion IS NULL", id)
}

func (s *postgresStore) check(ctx context.Context, condition string, argument any) ([]bool, error) {
	rows, err := s.pool.Query(ctx, updateExcursions+condition+" RETURNING excursion", argument)
	if err != nil {
		return nil, fmt.Errorf("flag excursions: %w", err)
	}
	excursions, err := pgx.CollectRows(rows, pgx.RowTo[bool])
	if err != nil {
		return nil, fmt.Errorf("flag excursions: %w", err)
	}
	return excursions, nil
}

func (s *postgresStore) Applied(ctx context.Context) ([]int64, error) {
	var table *string
	if err := s.pool.QueryRow(ctx, "SELECT to_regclass($1)::text", goose.DefaultTablename).Scan(&table); err != nil {
		return nil, fmt.Errorf("look for migrations: %w", err)
	}
	if table == nil {
		return nil, nil
	}
	rows, err := s.pool.Query(ctx, selectApplied)
	if err != nil {
		return nil, fmt.Errorf("select migrations: %w", err)
	}
	return pgx.CollectRows(rows, pgx.RowTo[int64])
}

// Migrator takes an advisory lock for as long as it migrates, so that a second one waits and then finds nothing to do. The
// server drops the lock with the connection of a process that dies.
func (s *postgresStore) Migrator() (*goose.Provider, func() error, error) {
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 300))
	if err != nil {
		return nil, nil, fmt.Errorf("set up migration lock: %w", err)
	}
	database := stdlib.OpenDB(*s.config.Copy())
	provider, err := goose.NewProvider(goose.DialectPostgres, database, migrationFiles("postgres"), goose.WithSessionLocker(locker))
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("read migrations: %w", err), database.Close())
	}
	return provider, database.Close, nil
}

// starting reports that nobody listens yet, that the name is not known yet, or that the server says it is starting.
func starting(err error) bool {
	if answer, ok := errors.AsType[*pgconn.PgError](err); ok {
		return answer.Code == cannotConnectNow
	}
	_, unreachable := errors.AsType[*pgconn.ConnectError](err)
	return unreachable
}
