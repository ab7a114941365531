#!/usr/bin/env bash
# Starts Debian's PostgreSQL under the contract of the official image: POSTGRES_USER, POSTGRES_DB, POSTGRES_PASSWORD (each
# also as NAME_FILE), POSTGRES_INITDB_ARGS, PGDATA, /docker-entrypoint-initdb.d. Begins as root and goes on as postgres.
set -euo pipefail

fail() {
    printf 'entrypoint: %s\n' "$*" >&2
    exit 1
}

# take NAME DEFAULT exports NAME from the file that NAME_FILE names, so that it can be read before root is left behind.
take() {
    local name="$1" default="$2" file="${1}_FILE"
    if [[ -n "${!file:-}" ]]; then
        [[ -z "${!name:-}" ]] || fail "both $name and $file are set"
        printf -v "$name" '%s' "$(<"${!file}")"
        unset "$file"
    fi
    printf -v "$name" '%s' "${!name:-$default}"
    export "${name?}"
}

initialise() {
    local script extra=()
    [[ -n "$POSTGRES_PASSWORD" ]] || fail 'POSTGRES_PASSWORD or POSTGRES_PASSWORD_FILE must be set'
    read -r -a extra <<<"${POSTGRES_INITDB_ARGS:-}"
    initdb --username="$POSTGRES_USER" --pwfile=<(printf '%s\n' "$POSTGRES_PASSWORD") --encoding=UTF8 \
        --auth-local=trust --auth-host=scram-sha-256 "${extra[@]}"
    printf 'host all all all scram-sha-256\n' >>"$PGDATA/pg_hba.conf"

    # Only through its socket: whoever waits for the port must not meet the half-made database.
    pg_ctl -D "$PGDATA" -w -o "-c listen_addresses=''" start
    if [[ "$POSTGRES_DB" != postgres ]]; then
        createdb --username="$POSTGRES_USER" --maintenance-db=postgres "$POSTGRES_DB"
    fi
    for script in /docker-entrypoint-initdb.d/*; do
        case "$script" in
            *.sh) bash "$script" ;;
            *.sql) psql --set ON_ERROR_STOP=1 --no-psqlrc --username="$POSTGRES_USER" --dbname="$POSTGRES_DB" --file="$script" ;;
        esac
    done
    pg_ctl -D "$PGDATA" -m fast -w stop
}

main() {
    [[ "${1:-}" != -* ]] || set -- postgres "$@"
    if [[ "${1:-}" == postgres ]]; then
        take POSTGRES_PASSWORD ''
        take POSTGRES_USER postgres
        take POSTGRES_DB "$POSTGRES_USER"
        if [[ "$(id -u)" == 0 ]]; then
            mkdir -p "$PGDATA" /var/run/postgresql
            chmod 700 "$PGDATA"
            find "$PGDATA" ! -user postgres -exec chown postgres {} +
            chown postgres:postgres /var/run/postgresql
            exec gosu postgres "${BASH_SOURCE[0]}" "$@"
        fi
        [[ -s "$PGDATA/PG_VERSION" ]] || initialise
        unset POSTGRES_PASSWORD
    fi
    exec "$@"
}

main "$@"
