#!/usr/bin/env bash
# Docker Compose 5.6.0: a config with `content` in a service with `read_only: true` is found to be impossible only after
# the service that ran has been removed.
#
# `docker compose config -q` accepts the file (exit 0). `up -d` over a running container stops it, removes it, creates
# its successor, and only when that is to start it says
#   cannot create config "NAME" in read-only service a: `file` is the sole supported option
# and exits 1. What is left is one container that was created and never started: the service is down.
# Seen with Compose 5.6.0 (Go module github.com/docker/compose/v5) on engine 20.10.24. All of it is known before the first act.
#
# usage: compose-read-only-config.sh     needs go, docker and an engine; all else is installed in a temporary folder.
# Exit codes: 0 it is still so; 1 it is not so any more, or it could not be tried.
set -euo pipefail

PROJECT=finding-read-only-config
IMAGE=$PROJECT:1

install_compose() {
    mkdir -p "$WORK/tool"
    cd "$WORK/tool"
    go mod init finding >/dev/null 2>&1
    go get -tool github.com/docker/compose/v5/cmd@v5.6.0 >/dev/null 2>&1
    go build -ldflags '-X github.com/docker/compose/v5/internal.Version=v5.6.0' -o "$WORK/compose" github.com/docker/compose/v5/cmd
}

# An image of one static program that waits for SIGTERM.
make_image() {
    mkdir -p "$WORK/program"
    cd "$WORK/program"
    cat >main.go <<'GO'
package main

import (
	"os"
	"os/signal"
	"syscall"
)

func main() {
	end := make(chan os.Signal, 1)
	signal.Notify(end, syscall.SIGTERM)
	<-end
}
GO
    go mod init program >/dev/null 2>&1
    CGO_ENABLED=0 go build -o hold .
    tar -c hold | docker import --change 'CMD ["/hold"]' - "$IMAGE" >/dev/null
}

write_files() {
    printf 'services:\n  a:\n    image: %s\n' "$IMAGE" >"$WORK/before.yaml"
    {
        cat "$WORK/before.yaml"
        printf '    read_only: true\n    configs: [text]\nconfigs:\n  text:\n    content: hello\n'
    } >"$WORK/after.yaml"
}

states() {
    docker ps --all --filter "label=com.docker.compose.project=$PROJECT" --format '{{.State}}'
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
    [[ ! -x $WORK/compose ]] || "$WORK/compose" -p "$PROJECT" -f "$WORK/before.yaml" down -t 0 >/dev/null 2>&1 || true
    docker image rm "$IMAGE" >/dev/null 2>&1 || true
    chmod -R u+w "$WORK"
    rm -rf "$WORK"
}

main() {
    local code=0 said
    WORK=$(mktemp -d)
    trap cleanup EXIT
    install_compose
    make_image
    write_files
    "$WORK/compose" version
    "$WORK/compose" -p "$PROJECT" -f "$WORK/before.yaml" up -d >/dev/null 2>&1
    expect 'before' "$(states)" running
    "$WORK/compose" -p "$PROJECT" -f "$WORK/after.yaml" config -q || code=$?
    expect 'exit code of config -q' "$code" 0
    code=0
    said=$("$WORK/compose" -p "$PROJECT" -f "$WORK/after.yaml" up -d 2>&1) || code=$?
    expect 'exit code of up' "$code" 1
    # shellcheck disable=SC2016 # Compose's own quotes
    expect 'what up says' "${said##*$'\n'}" 'cannot create config "'"${PROJECT}"'_text" in read-only service a: `file` is the sole supported option'
    expect 'after' "$(states)" created
}

main "$@"
