// Freshtrack watches a cold chain: sensors post temperatures, a worker flags those outside their zone's range, and a page
// shows the latest of each sensor. It is one program with a subcommand for each part:
//
//	app serve                    the API and /metrics on :3000
//	app work                     the worker that flags excursions; its own health on :3001
//	app frontend                 the page on :8080, read from the API at BACKEND_URL
//	app token -sensor NAME       prints a key with which this sensor posts its readings; -reader NAME: one that reads
//	app migrate                  applies the migrations that are missing; the last line is "N applied"
//	app migrate status           prints {"pending":N,"current":V} and changes nothing
//	app healthcheck [ROLE|URL]   asks backend, worker or frontend of this container for /health, or a URL
//	app backup FILE|-            writes a consistent copy of the SQLite database while it is in use
//	app inspect FILE|-           checks such a copy and prints the rows of each table, as JSON
//	app restore FILE|-           checks such a copy and puts it in the place of the database's content
//
// Settings come from the environment; see Settings. The exit status is 0 when the job is done, 1 when it failed, 2 for wrong
// usage, 3 when there is no database to back up.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
)

// version is stamped in by the linker: -X main.version=…
var version = "unversioned"

var errUsage = errors.New("usage: app serve | work | frontend | token -sensor NAME|-reader NAME [-days N] | migrate [status] | healthcheck [ROLE|URL] | backup FILE|- | inspect FILE|- | restore FILE|-")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	err := run(ctx, os.Args[1:], os.Stdin, os.Stdout)
	stop()
	if err == nil {
		return
	}
	fmt.Fprintf(os.Stderr, "freshtrack: %v\n", err)
	switch {
	case errors.Is(err, errUsage):
		os.Exit(2)
	case errors.Is(err, errNoDatabase):
		os.Exit(3)
	}
	os.Exit(1)
}

// run is the program without the process around it. Services log to stdout as JSON lines; jobs write their result there.
func run(ctx context.Context, args []string, stdin io.Reader, stdout io.Writer) error {
	if len(args) == 0 {
		return errUsage
	}
	settings, err := ReadSettings(os.Getenv)
	if err != nil {
		return err
	}
	logger := slog.New(slog.NewJSONHandler(stdout, nil)).With("role", args[0], "version", version)

	command, rest := args[0], args[1:]
	switch {
	case command == "serve" && len(rest) == 0:
		return serve(ctx, settings, logger)
	case command == "work" && len(rest) == 0:
		return work(ctx, settings, logger)
	case command == "frontend" && len(rest) == 0:
		return frontend(ctx, settings, logger)
	case command == "token":
		return token(settings, rest, stdout)
	case command == "migrate" && len(rest) == 0:
		return migrate(ctx, settings, stdout)
	case command == "migrate" && len(rest) == 1 && rest[0] == "status":
		return migrateStatus(ctx, settings, stdout)
	case command == "healthcheck" && len(rest) <= 1:
		target := "backend"
		if len(rest) == 1 {
			target = rest[0]
		}
		return healthcheck(ctx, settings, target, stdout)
	case command == "backup" && len(rest) == 1:
		return backup(ctx, settings, rest[0], stdout)
	case command == "inspect" && len(rest) == 1:
		return inspect(ctx, settings, rest[0], stdin, stdout)
	case command == "restore" && len(rest) == 1:
		return restore(ctx, settings, rest[0], stdin, stdout)
	}
	return errUsage
}
