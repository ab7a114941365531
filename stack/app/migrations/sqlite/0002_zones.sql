-- +goose Up
CREATE TABLE zones (
    name    TEXT PRIMARY KEY,
    lowest  REAL NOT NULL,
    highest REAL NOT NULL CHECK (highest > lowest)
);

INSERT INTO zones (name, lowest, highest) VALUES
    ('frozen', -25, -15),
    ('chilled', 0, 8),
    ('ambient', 15, 25);

CREATE TABLE sensors (
    name TEXT PRIMARY KEY,
    zone TEXT NOT NULL DEFAULT 'frozen' REFERENCES zones (name)
);

INSERT INTO sensors (name) SELECT DISTINCT sensor FROM readings;

-- +goose Down
DROP TABLE sensors;

DROP TABLE zones;
