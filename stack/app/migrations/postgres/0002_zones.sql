-- +goose Up
CREATE TABLE zones (
    name    text             PRIMARY KEY,
    lowest  double precision NOT NULL,
    highest double precision NOT NULL CHECK (highest > lowest)
);

INSERT INTO zones (name, lowest, highest) VALUES
    ('frozen', -25, -15),
    ('chilled', 0, 8),
    ('ambient', 15, 25);

CREATE TABLE sensors (
    name text PRIMARY KEY,
    zone text NOT NULL DEFAULT 'frozen' REFERENCES zones (name)
);

INSERT INTO sensors (name) SELECT DISTINCT sensor FROM readings;

-- +goose Down
DROP TABLE sensors;

DROP TABLE zones;
