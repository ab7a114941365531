#!/usr/bin/env bash
# Docker Compose 5.6.0: what only a job under `jobs:` names is taken out of the project before the job runs.
#
# - its volume: `run` mounts the engine's volume of the bare key, `store` instead of PROJECT_store, without a label of the
#   project: two projects that name theirs alike share it, and `down -v` leaves it.
# - its secret and its config: the job gets a folder where the file should be; `run` warns that 'secret file  does not exist',
#   of a file that is there, and its exit code is the job's.
# - its network: `run` fails with "invalid network name or ID: value is empty" or "network  is ambiguous", as the engine has it.
# `docker compose config -q` accepts the file (exit 0). The same as a service with `profiles: [jobs]` is right in all four.
# Seen with Compose 5.6.0 (Go module github.com/docker/compose/v5) on engine 20.10.24.
#
# usage: compose-job-resources.sh     needs go, docker and an engine; all else is installed in a temporary folder.
# Exit codes: 0 it is still so; 1 it is not so any more, or it could not be tried.
set -euo pipefail

PROJECT=finding-job-resources
VOLUME=finding_job_resources_store
IMAGE=$PROJECT:1

install_compose() {
    mkdir -p "$WORK/tool"
    cd "$WORK/tool"
    go mod init finding >/dev/null 2>&1
    go get -tool github.com/docker/compose/v5/cmd@v5.6.0 >/dev/null 2>&1
    go build -ldflags '-X github.com/docker/compose/v5/internal.Version=v5.6.0' -o "$WORK/compose" github.com/docker/compose/v5/cmd
}

# An image of one static program that says what each of its arguments is; without one it waits for SIGTERM.
make_image() {
    mkdir -p "$WORK/program"
    cd "$WORK/program"
    cat >main.go <<'GO'
package main

import (
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	for _, name := range os.Args[1:] {
		info, err := os.Stat(name)
		switch {
		case err != nil:
			fmt.Println(err)
		case info.IsDir():
			fmt.Println(name, "is a folder")
		default:
			fmt.Println(name, "is a file")
		}
	}
	if len(os.Args) > 1 {
		return
	}
	end := make(chan os.Signal, 1)
	signal.Notify(end, syscall.SIGTERM)
	<-end
}
GO
    go mod init program >/dev/null 2>&1
    CGO_ENABLED=0 go build -o say .
    tar -c say | docker import --change 'ENTRYPOINT ["/say"]' - "$IMAGE" >/dev/null
}

write_file() {
    printf 'swordfish\n' >"$WORK/token"
    cat >"$WORK/compose.yaml" <<YAML
services:
  web: {image: "$IMAGE"}
jobs:
  volume: {image: "$IMAGE", command: [/store], volumes: ["$VOLUME:/store"], triggers: {manual: true}}
  files: {image: "$IMAGE", command: [/run/secrets/token, /words], secrets: [token], configs: [words], triggers: {manual: true}}
  network: {image: "$IMAGE", command: [/], networks: [back], triggers: {manual: true}}
volumes: {$VOLUME: {}}
networks: {back: {}}
secrets: {token: {file: ./token}}
configs: {words: {file: ./token}}
YAML
}

compose() {
    "$WORK/compose" -p "$PROJECT" -f "$WORK/compose.yaml" "$@"
}

expect() {
    local what=$1 is=$2 wanted=$3
    if [[ $is != "$wanted" ]]; then
        printf 'no longer so: %s is "%s", and was "%s"\n' "$what" "$is" "$wanted" >&2
        exit 1
    fi
    printf '%s: %s\n' "$what" "$is"
}

cleanup() {
    [[ ! -x $WORK/compose ]] || compose down -v -t 0 >/dev/null 2>&1 || true
    docker volume rm "$VOLUME" >/dev/null 2>&1 || true
    docker image rm "$IMAGE" >/dev/null 2>&1 || true
    chmod -R u+w "$WORK"
    rm -rf "$WORK"
}

main() {
    local code=0
    WORK=$(mktemp -d)
    trap cleanup EXIT
    install_compose
    make_image
    write_file
    compose version
    compose config -q || code=$?
    expect 'exit code of config -q' "$code" 0
    compose up -d >/dev/null 2>&1

    compose run --rm -T volume >/dev/null 2>&1 || code=$?
    expect 'exit code of the job with a volume' "$code" 0
    expect 'the volume' "$(docker volume ls --quiet --filter "name=$VOLUME")" "$VOLUME"
    expect "the volume's project" "$(docker volume inspect --format '{{index .Labels "com.docker.compose.project"}}' "$VOLUME")" ''

    expect 'the secret and the config' "$(compose run --rm -T files 2>/dev/null)" '/run/secrets/token is a folder
/words is a folder'

    compose run --rm -T network >/dev/null 2>&1 || code=$?
    expect 'exit code of the job with a network' "$code" 1
}

main "$@"
