#!/usr/bin/env bash
# The database's backups: how one is taken, checked and put back. Only functions;
# source it after output.sh and compose.sh.
#
# postgres: with the tools in the SERVICE's container, so that they fit the server.
# sqlite: by one-off containers of SERVICE, whose program answers `backup -`,
# `inspect -` and `restore -`; `backup` exits 3 when there is no database yet.

# take_backup FILE KIND SERVICE: FILE is a checked backup, or it is not there.
take_backup() {
    local file kind=$2 service=$3 dir code=0
    file=$(backup_path "$1")
    dir=$(dirname -- "$file")
    make_private "$dir" || fail 3 "the directory $dir cannot be made"
    rm -f -- "$file.partial"
    (umask 077 && "dump_$kind" "$service" >"$file.partial") || code=$?
    if ((code == 3)) && [[ $kind == sqlite ]]; then
        rm -f -- "$file.partial"
        note "backup: there is no database yet"
        return 0
    fi
    ((code == 0)) || discard "$file" "$code" "the backup failed"
    "check_$kind" "$service" <"$file.partial" >&2 || discard "$file" "$?" "the backup is broken"
    sync -- "$file.partial"
    mv -- "$file.partial" "$file"
    sync -- "$dir"
}

# back_up_before JOB: backs up the database that JOB is going to migrate, if it holds
# data and the compose files tell how.
back_up_before() {
    local how kind service name file holds=yes
    how=$(backup_of "$1")
    if [[ -z $how ]]; then
        note "$STEP: no backup is taken, for $1 has no label slipway.backup; take one with: ${0##*/} backup FILE KIND SERVICE"
        return 0
    fi
    [[ $how =~ ^(postgres|sqlite)\ ([^ ]+)$ && ${BASH_REMATCH[2]} != "$1" ]] ||
        fail 3 "label slipway.backup of $1: \"$how\" is not \"postgres SERVICE\" or \"sqlite SERVICE\", with another service than $1"
    kind=${BASH_REMATCH[1]} service=${BASH_REMATCH[2]}
    if [[ $kind == postgres ]]; then
        holds=$(in_postgres "$service" holds_data </dev/null) || fail "$?" "$service does not say whether it holds data"
    fi
    if [[ $holds == no ]]; then
        note "$STEP: no backup is taken, for $service holds no data yet"
        return 0
    fi
    # The form of the names that Slipway gives: it lists and restores this one, too.
    name=$(date -u +%Y%m%dT%H%M%SZ)-$(printf %04x "$RANDOM").dump
    take_backup "$name" "$kind" "$service"
    file=$(backup_path "$name")
    [[ ! -f $file ]] || note "$STEP: backed up; to bring it back: ${0##*/} restore $name $kind $service"
}

# backup_path FILE: a mere name is that of a file in the state directory's backups.
backup_path() {
    local dir
    if [[ $1 == */* ]]; then
        printf '%s\n' "$1"
        return
    fi
    dir=$(state_dir)
    printf '%s/backups/%s\n' "$dir" "$1"
}

# discard FILE CODE SENTENCE: what is broken does not stay to be mistaken for a backup.
discard() {
    rm -f -- "$1.partial"
    fail "$2" "$3, with exit code $2"
}

# put_back FILE KIND SERVICE: the database has the content of FILE, or what it had.
put_back() {
    local file kind=$2 service=$3 rows
    file=$(backup_path "$1")
    [[ -f $file ]] || fail 3 "there is no backup $file"
    rows=$("check_$kind" "$service" <"$file") || fail "$?" "the backup cannot be read: it is broken, or $service is not there; nothing was changed"
    "restore_$kind" "$service" "$rows" <"$file" >&2 || fail "$?" "the restore failed; it replaces all of the data or none"
    note "restore: each table has the rows of the backup: ${rows//$'\n'/, }"
}

dump_postgres() {
    in_postgres "$1" dump_database </dev/null
}

check_postgres() {
    in_postgres "$1" count_rows
}

restore_postgres() {
    in_postgres "$1" restore_database "$2"
}

# in_postgres SERVICE FUNCTION ARGUMENT…: runs FUNCTION in the database's container.
in_postgres() {
    local service=$1 name=$2 functions
    shift 2
    functions=$(declare -f postgres_client end_abandoned dump_database count_rows restore_database expect_rows holds_data)
    docker compose exec -T "$service" bash -c \
        "set -euo pipefail; $functions; postgres_client; $name \"\$@\"" "$name" "$@"
}

dump_sqlite() {
    in_sqlite "$1" backup - </dev/null
}

check_sqlite() {
    in_sqlite "$1" inspect -
}

restore_sqlite() {
    in_sqlite "$1" restore -
}

# in_sqlite SERVICE ARGUMENT…: runs the program of SERVICE beside it, with its volume.
# One whose caller was killed is ended first: who calls now holds the lock, so
# nobody waits for it.
in_sqlite() {
    local service=$1 container=$COMPOSE_PROJECT_NAME-database list left
    shift
    list=$(containers oneoff=True) || return
    left=$(awk -v name="$container" '$3 == name { print $1 }' <<<"$list")
    [[ -z $left ]] || docker rm --force "$left" >/dev/null || return
    run_alone "$service" --rm --name "$container" -- "$@"
}

# The functions from here on run in the container of PostgreSQL, with what its
# official image promises: bash, awk, and the names of user and database.

# postgres_client: whom and what to connect to. The password, in case one is asked
# for, is read where it is.
postgres_client() {
    export PGUSER=${POSTGRES_USER:-postgres} PGAPPNAME=slipway PGPASSWORD=${POSTGRES_PASSWORD:-}
    export PGDATABASE=${POSTGRES_DB:-$PGUSER}
    if [[ -n ${POSTGRES_PASSWORD_FILE:-} ]]; then
        PGPASSWORD=$(<"$POSTGRES_PASSWORD_FILE")
    fi
}

# end_abandoned: ends the dump or restore of a caller that was killed.
end_abandoned() {
    psql --no-psqlrc --no-password --quiet --tuples-only --set=ON_ERROR_STOP=1 --output=/dev/null --command \
        "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity
            WHERE application_name = 'slipway' AND datname = current_database() AND pid <> pg_backend_pid()" </dev/null
}

# holds_data: prints yes when there is a table, a view or a sequence, or a large
# object, and no when there is none.
holds_data() {
    psql --no-psqlrc --no-password --quiet --tuples-only --no-align --set=ON_ERROR_STOP=1 --command \
        "SELECT CASE WHEN EXISTS (SELECT FROM pg_largeobject_metadata) OR EXISTS (SELECT FROM pg_class
            JOIN pg_namespace ON pg_namespace.oid = relnamespace
            WHERE nspname !~ '^pg_' AND nspname <> 'information_schema') THEN 'yes' ELSE 'no' END"
}

dump_database() {
    end_abandoned
    pg_dump --format=custom --no-password --lock-wait-timeout=60s
}

# count_rows: prints "ROWS TABLE" for each table of a dump, and reads it to its end:
# its list of contents comes first and is whole in a dump that was cut short.
count_rows() {
    pg_restore --data-only --file=- | awk '
        inside && $0 == "\\." { print rows, table; inside = 0; next }
        inside { rows++; next }
        match($0, /^COPY ("([^"]|"")*"|[^ ."]+)(\.("([^"]|"")*"|[^ ."]+))?/) && / FROM stdin;$/ {
            table = substr($0, 6, RLENGTH - 5); rows = 0; inside = 1
        }'
}

# restore_database ROWS: the dump takes the place of everything in the database, of
# what a later migration made too. One transaction, begun here and committed by what
# pg_restore prints last; a trigger that waits for the commit compares the rows.
restore_database() {
    end_abandoned
    {
        printf '%s\n' 'BEGIN;' 'SET LOCAL client_min_messages = error;' "SET LOCAL lock_timeout = '60s';" \
            "SELECT format('DROP SCHEMA IF EXISTS %I CASCADE', nspname) FROM pg_namespace
                WHERE nspname !~ '^pg_' AND nspname <> 'information_schema' \\gexec" \
            'CREATE SCHEMA public AUTHORIZATION pg_database_owner;' 'GRANT USAGE ON SCHEMA public TO PUBLIC;'
        expect_rows "$1"
        pg_restore --single-transaction --clean --if-exists --exit-on-error --file=-
    } | psql --no-psqlrc --no-password --quiet --set=ON_ERROR_STOP=1 --output=/dev/null
}

# expect_rows ROWS: the transaction fails at its end unless each table has its ROWS.
expect_rows() {
    local rows table
    printf 'CREATE FUNCTION pg_temp.expect_rows() RETURNS trigger LANGUAGE plpgsql AS %s\n' "\$body\$ BEGIN"
    while read -r rows table; do
        [[ -n $rows ]] || continue
        printf "IF (SELECT count(*) FROM %s) <> %s THEN RAISE EXCEPTION USING MESSAGE = '%s'; END IF;\n" \
            "$table" "$rows" "not the $rows rows of the backup: ${table//\'/\'\'}"
    done <<<"$1"
    printf '%s\n' "RETURN NULL; END \$body\$;" 'CREATE TEMPORARY TABLE expected_rows ();' \
        'CREATE CONSTRAINT TRIGGER expect_rows AFTER INSERT ON expected_rows INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION pg_temp.expect_rows();' \
        'INSERT INTO expected_rows DEFAULT VALUES;'
}
