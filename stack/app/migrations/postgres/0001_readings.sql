-- +goose Up
-- excursion is NULL until the worker has checked the reading.
CREATE TABLE readings (
    id        bigint           GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    sensor    text             NOT NULL,
    celsius   double precision NOT NULL,
    at        timestamptz      NOT NULL,
    excursion boolean
);

CREATE INDEX readings_latest ON readings (sensor, at DESC, id DESC);

CREATE INDEX readings_recent ON readings (at DESC, id DESC);

CREATE INDEX readings_unchecked ON readings (id) WHERE excursion IS NULL;

-- +goose Down
DROP TABLE readings;
