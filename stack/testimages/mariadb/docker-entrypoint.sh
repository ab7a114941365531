#!/usr/bin/env bash
# Starts Debian's MariaDB under the contract of the official image, as far as tests need it: the data is in /var/lib/mysql, its
# version in mariadb_upgrade_info there. root may log in through the socket. Begins as root and goes on as mysql.
set -euo pipefail

readonly data=/var/lib/mysql

# initialise makes the system tables and notes, as mariadb-upgrade would, which version they are of.
initialise() {
    local said
    mariadb-install-db --datadir="$data" --auth-root-authentication-method=normal --skip-test-db >/dev/null
    read -r _ _ said _ < <(mariadbd --version)
    printf '%s' "${said%%-MariaDB*}-MariaDB" >"$data/mariadb_upgrade_info"
}

main() {
    if [[ "${1:-}" == mariadbd ]]; then
        if [[ "$(id -u)" == 0 ]]; then
            mkdir -p "$data" /run/mysqld
            find "$data" /run/mysqld ! -user mysql -exec chown mysql {} +
            exec gosu mysql "${BASH_SOURCE[0]}" "$@"
        fi
        [[ -d "$data/mysql" ]] || initialise
        set -- "$@" --datadir="$data" --socket=/run/mysqld/mysqld.sock
    fi
    exec "$@"
}

main "$@"
