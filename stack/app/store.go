package main

import (
	"cmp"
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/pressly/goose/v3"
)

const (
	connectTimeout = 3 * time.Second // to reach a database
	queryTimeout   = 5 * time.Second // for one question of an HTTP request to it
)

// ErrNoZone says that a zone does not exist.
var ErrNoZone = errors.New("no such zone")

// ErrTooManySensors says that a sensor is not known and that there are as many as there may be.
var ErrTooManySensors = errors.New("too many sensors")

// Reading is one temperature that a sensor posted.
type Reading struct {
	ID        int64     `json:"id"`
	Sensor    string    `json:"sensor"`
	Celsius   float64   `json:"celsius"`
	At        time.Time `json:"at"`
	Excursion *bool     `json:"excursion"` // nil until the worker has checked it
}

// Sensor is a sensor with its zone and its latest reading.
type Sensor struct {
	Sensor    string    `json:"sensor"`
	Zone      string    `json:"zone"`
	Lowest    float64   `json:"lowest"`
	Highest   float64   `json:"highest"`
	Celsius   float64   `json:"celsius"`
	At        time.Time `json:"at"`
	Excursion *bool     `json:"excursion"`
}

// Store keeps the readings. Both databases keep them to the millisecond, in UTC.
type Store interface {
	// Add commits a reading durably and returns it with its id. A sensor seen for the first time is in the zone "frozen";
	// ErrTooManySensors when there may be no further one.
	Add(ctx context.Context, reading Reading) (Reading, error)
	// Readings returns readings of a sensor, or of all sensors when it is "", newest first: from a place on, or the latest.
	Readings(ctx context.Context, sensor string, after *Place, limit int) ([]Reading, error)
	// Sensors returns the sensors that have a reading, by name, those after a name.
	Sensors(ctx context.Context, after string, limit int) ([]Sensor, error)
	// Assign puts a sensor into a zone; ErrNoZone when there is none of that name, ErrTooManySensors as with Add. Earlier
	// verdicts stay.
	Assign(ctx context.Context, sensor, zone string) error
	// CheckUnchecked gives at most limit unchecked readings their verdict, oldest first, and returns the verdicts.
	CheckUnchecked(ctx context.Context, limit int) (excursions []bool, err error)
	// CheckReading gives one reading its verdict, if it has none yet.
	CheckReading(ctx context.Context, id int64) (excursions []bool, err error)
	// Applied returns the versions of the migrations the database has had; none for a new database.
	Applied(ctx context.Context) ([]int64, error)
	// Migrator returns the migrations library set up for this database, and what releases its resources.
	Migrator() (*goose.Provider, func() error, error)
	Close() error
}

// OpenStore opens the database that the settings name. PostgreSQL is not contacted before the first question.
func OpenStore(ctx context.Context, s Settings) (Store, error) {
	maxSensors := cmp.Or(s.MaxSensors, defaultMaxSensors)
	if s.Postgres != nil {
		return openPostgres(ctx, s.Postgres, maxSensors)
	}
	store, err := openSQLite(s.DatabasePath)
	if err != nil {
		return nil, err
	}
	store.maxSensors = maxSensors
	return store, nil
}

// What both databases understand alike. Parameters first appear in the order of their numbers: to SQLite they are names.
const (
	selectReadings = "SELECT id, sensor, celsius, at, excursion FROM readings "

	selectSensors = `
SELECT s.name, s.zone, z.lowest, z.highest, r.celsius, r.at, r.excursion
FROM sensors s
JOIN zones z ON z.name = s.zone
JOIN readings r ON r.id = (SELECT id FROM readings WHERE sensor = s.name ORDER BY at DESC, id DESC LIMIT 1)
WHERE s.name > $1
ORDER BY s.name LIMIT $2`

	// addSensor adds a sensor unless it is known or there are enough. Who runs it keeps others from doing so meanwhile.
	addSensor = `
INSERT INTO sensors (name) SELECT $1
WHERE NOT EXISTS (SELECT 1 FROM sensors WHERE name = $1) AND (SELECT count(*) FROM sensors) < $2`

	sensorKnown = "SELECT EXISTS (SELECT 1 FROM sensors WHERE name = $1)"

	updateExcursions = `
UPDATE readings AS r SET excursion = r.celsius NOT BETWEEN z.lowest AND z.highest
FROM sensors s JOIN zones z ON z.name = s.zone
WHERE s.name = r.sensor AND `

	selectApplied = "SELECT version_id FROM " + goose.DefaultTablename + " WHERE is_applied ORDER BY version_id"
)

// readingsQuery asks for a page of readings; at is how the database keeps a time.
func readingsQuery(sensor string, after *Place, limit int, at func(time.Time) any) (string, []any) {
	var conditions []string
	var arguments []any
	parameter := func(value any) string {
		arguments = append(arguments, value)
		return "$" + strconv.Itoa(len(arguments))
	}
	if sensor != "" {
		conditions = append(conditions, "sensor = "+parameter(sensor))
	}
	if after != nil {
		conditions = append(conditions, "(at, id) < ("+parameter(at(after.At))+", "+parameter(after.ID)+")")
	}
	query := selectReadings
	if len(conditions) > 0 {
		query += "WHERE " + strings.Join(conditions, " AND ")
	}
	query += " ORDER BY at DESC, id DESC LIMIT " + parameter(limit)
	return query, arguments
}
