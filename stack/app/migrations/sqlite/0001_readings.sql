-- +goose Up
-- at is in milliseconds since 1970, UTC. excursion is NULL until the worker has checked the reading.
CREATE TABLE readings (
    id        INTEGER PRIMARY KEY AUTOINCREMENT,
    sensor    TEXT    NOT NULL,
    celsius   REAL    NOT NULL,
    at        INTEGER NOT NULL,
    excursion INTEGER CHECK (excursion IN (0, 1))
);

CREATE INDEX readings_latest ON readings (sensor, at DESC, id DESC);

CREATE INDEX readings_recent ON readings (at DESC, id DESC);

CREATE INDEX readings_unchecked ON readings (id) WHERE excursion IS NULL;

-- +goose Down
DROP TABLE readings;
