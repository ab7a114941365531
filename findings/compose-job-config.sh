#!/usr/bin/env bash
# Docker Compose 5.6.0: what `docker compose config` prints of a stack with top-level `jobs:` cannot be read by Compose.
#
# The printed file has a `name` in each job, which the schema of a job refuses: `compose -f PRINTED config` says
#   validating PRINTED: jobs.JOB.name false schema
# and exits 1. With `--no-interpolate` no name is printed, and the file is read; the name of a service is never printed.
# Seen with Compose 5.6.0 (Go module github.com/docker/compose/v5), which has it from compose-go 2.16.2.
#
# usage: compose-job-config.sh     needs go; all else is installed in a temporary folder.
# Exit codes: 0 it is still so; 1 it is not so any more, or it could not be tried.
set -euo pipefail

install_compose() {
    mkdir -p "$WORK/tool"
    cd "$WORK/tool"
    go mod init finding >/dev/null 2>&1
    go get -tool github.com/docker/compose/v5/cmd@v5.6.0 >/dev/null 2>&1
    go build -ldflags '-X github.com/docker/compose/v5/internal.Version=v5.6.0' -o "$WORK/compose" github.com/docker/compose/v5/cmd
}

# printed prints the stack in FILE with these options, and reads that again: its exit code, and what was said.
printed() {
    local file=$1 code=0 said
    shift
    "$WORK/compose" -f "$WORK/$file" config "$@" >"$WORK/printed.yaml"
    said=$("$WORK/compose" -f "$WORK/printed.yaml" config --quiet 2>&1) || code=$?
    printf '%s' "$code${said:+ ${said##*printed.yaml: }}"
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
    chmod -R u+w "$WORK"
    rm -rf "$WORK"
}

main() {
    WORK=$(mktemp -d)
    trap cleanup EXIT
    install_compose
    printf 'name: finding\nservices:\n  web: {image: web}\n' >"$WORK/web.yaml"
    printf 'name: finding\nservices:\n  web: {image: web}\njobs:\n  tidy: {image: web, triggers: {manual: true}}\n' >"$WORK/job.yaml"
    "$WORK/compose" version
    expect 'a stack with a service, printed and read again' "$(printed web.yaml)" 0
    expect 'a stack with a job, printed and read again' "$(printed job.yaml)" '1 jobs.tidy.name false schema'
    expect 'the same, printed with --no-interpolate' "$(printed job.yaml --no-interpolate)" 0
}

main "$@"
