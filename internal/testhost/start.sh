#!/usr/bin/env bash
# The first process of a test host: starts its engine, and ends with its standard
# input, so that no host outlives the test that started it.
#
#   DAEMON_JSON   the engine's configuration
#   PREPARE       a command that is run before it starts
set -euo pipefail

main() {
    local mount
    # The engine makes control groups of its own, below the host's.
    while read -r mount; do
        mount -o remount,bind,rw "$mount"
    done < <(awk '$3 ~ /^cgroup/ { print $2 }' /proc/mounts)
    mkdir -p /etc/docker
    printf '%s\n' "$DAEMON_JSON" >/etc/docker/daemon.json
    bash -c "$PREPARE"
    dockerd </dev/null &
    cat >/dev/null
}

main "$@"
