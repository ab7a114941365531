#!/usr/bin/env bash
# Starts Debian's Redis under the contract of the official image: options and a configuration file may stand alone, the
# data is in the working directory /data. Begins as root and goes on as redis.
set -euo pipefail

main() {
    if [[ "${1:-}" == -* || "${1:-}" == *.conf ]]; then
        set -- redis-server "$@"
    fi
    if [[ "${1:-}" == redis-server && "$(id -u)" == 0 ]]; then
        find . ! -user redis -exec chown redis {} +
        exec gosu redis "${BASH_SOURCE[0]}" "$@"
    fi
    umask 077
    exec "$@"
}

main "$@"
