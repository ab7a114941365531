#!/usr/bin/env bash
# Docker Compose 5.6.0: `docker compose build` leaves out what stands under `jobs:`, and `run` then runs the old image.
#
# `config --images` lists the image of a job with `build:`. `build` says "No services to build" (exit 0), `build JOB` "no such
# service" (exit 1). `run JOB` builds it where there is no image of that name. After a change of the context, `build && run JOB`
# ends with 0 and ran the program of before: migrations that are in the context, and were not applied. `run --build` builds it anew.
# Seen with Compose 5.6.0 (Go module github.com/docker/compose/v5), buildx 0.38.1, engine 20.10.24.
#
# usage: compose-job-build.sh     needs go, docker, buildx and an engine; all else is installed in a temporary folder.
# Exit codes: 0 it is still so; 1 it is not so any more, or it could not be tried.
set -euo pipefail

PROJECT=finding-job-build

install_compose() {
    mkdir -p "$WORK/tool"
    cd "$WORK/tool"
    go mod init finding >/dev/null 2>&1
    go get -tool github.com/docker/compose/v5/cmd@v5.6.0 >/dev/null 2>&1
    go build -ldflags '-X github.com/docker/compose/v5/internal.Version=v5.6.0' -o "$WORK/compose" github.com/docker/compose/v5/cmd
}

# A build context with a static program that prints its version.
write_context() {
    mkdir -p "$WORK/program" "$WORK/app"
    cd "$WORK/program"
    cat >main.go <<'GO'
package main

import "fmt"

var version string

func main() { fmt.Println(version) }
GO
    go mod init program >/dev/null 2>&1
    printf 'FROM scratch\nCOPY say /say\nENTRYPOINT ["/say"]\n' >"$WORK/app/Dockerfile"
    printf 'services:\n  web: {image: "%s-web"}\njobs:\n  migrate: {build: app, triggers: {manual: true}}\n' "$PROJECT" >"$WORK/compose.yaml"
}

program() {
    (cd "$WORK/program" && CGO_ENABLED=0 go build -ldflags "-X main.version=$1" -o "$WORK/app/say" .)
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
    [[ ! -x $WORK/compose ]] || compose down -t 0 >/dev/null 2>&1 || true
    docker image rm "$PROJECT-migrate" >/dev/null 2>&1 || true
    chmod -R u+w "$WORK"
    rm -rf "$WORK"
}

main() {
    local code=0
    WORK=$(mktemp -d)
    trap cleanup EXIT
    install_compose
    write_context
    compose version
    expect 'images of the project' "$(compose config --images | sort | xargs)" "$PROJECT-migrate $PROJECT-web"
    program one
    expect 'the first run, which builds' "$(compose run --rm --no-deps -T migrate 2>/dev/null | tail -1)" one
    program two
    compose build >/dev/null 2>&1 || code=$?
    expect 'exit code of build' "$code" 0
    expect 'the second run' "$(compose run --rm --no-deps -T migrate 2>/dev/null | tail -1)" one
    compose build migrate >/dev/null 2>&1 || code=$?
    expect 'exit code of build migrate' "$code" 1
    expect 'run --build' "$(compose run --rm --no-deps --build -T migrate 2>/dev/null | tail -1)" two
}

main "$@"
