package bench

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
)

const (
	postgresImage = "slipway-test/postgres:15" // made by stack/testimages/build.sh
	gigabyteRows  = 10_000_000                 // of the table that fills the database
)

// stored is a PostgreSQL whose data is in a folder, so that it goes with the bench's own.
const stored = `services:
  db:
    image: ` + postgresImage + `
    environment: {POSTGRES_USER: bench, POSTGRES_PASSWORD: for-nobody, POSTGRES_INITDB_ARGS: --no-sync}
    command: [postgres, -c, fsync=off]
    volumes: ["./data:/var/lib/postgresql/data"]
    healthcheck: {test: [CMD, pg_isready, -h, 127.0.0.1], interval: 1s, retries: 60}
`

// backingUp is (k): a backup, which is checked and says what is in it, against the dump alone. What it needs must not grow with
// the database.
func backingUp(ctx context.Context, p *place, rounds int) ([]row, error) {
	if _, err := execute(ctx, ".", nil, "bash", filepath.Join("stack", "testimages", "build.sh"), "postgres"); err != nil {
		return nil, err
	}
	s, err := p.side(stored)
	if err != nil {
		return nil, err
	}
	defer p.quiet(s)
	if _, err := s.up(ctx, "--wait"); err != nil {
		return nil, err
	}
	const megabyte = 1 << 20
	var dump, backup, small, large series
	backUp := func(memory *series) error {
		did, err := execute(ctx, p.checkout(), append(s.env(), "BENCH_DATABASE=postgres"), p.binary, "backup")
		if err != nil {
			return err
		}
		*memory = append(*memory, float64(did.largest())/megabyte)
		backup.add(did.took())
		return os.RemoveAll(filepath.Join(s.state, "backups"))
	}
	for range rounds {
		if err := backUp(&small); err != nil {
			return nil, err
		}
	}
	backup = nil // how long it takes without data is no question
	fill := fmt.Sprintf("CREATE TABLE readings AS SELECT id, 'sensor-' || id %% 4999 AS sensor, now() - id * interval '1 second' AS taken, "+
		"random() * 40 AS value, md5(id::text) AS checksum FROM generate_series(1, %d) id", gigabyteRows)
	if _, err := s.compose(ctx, "exec", "-T", "db", "psql", "-qU", "bench", "-c", fill); err != nil {
		return nil, err
	}
	err = alternate(ctx, p, rounds,
		func(int) error {
			did, err := execute(ctx, s.dir, s.env(), "bash", "-o", "pipefail", "-c", "docker compose exec -T db pg_dump -U bench bench | zstd -qfo dump.zst")
			dump.add(did.took())
			return err
		},
		func(int) error { return backUp(&large) })
	return []row{
		against("backup of a PostgreSQL of 1 GB against zstd behind pg_dump", "s", dump, backup, 1.1),
		against("backup of a PostgreSQL of 1 GB against one without data: memory", "MB", small, large, 1.1),
	}, err
}
