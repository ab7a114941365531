#!/usr/bin/env bash
# The upgrade of a PostgreSQL to another major version: everything that the old server
# has goes into a new volume, by way of the new server, which nobody can reach
# meanwhile. Only functions; source it after output.sh, compose.sh and backup.sh.
#
# The old volume is read by its own server and by nothing else. The new one is filled
# in a folder of its own, FILLING, and what is there takes its place only when every
# table has the rows that the old server has. Until then, and until a server has
# written to it, another try may begin anew.

# upgrade_postgres SERVICE CONTAINER TARGET HOME: fills the volume that the compose
# files mount into SERVICE at TARGET, where the new server looks for its data in HOME,
# from the server in CONTAINER. Prints the tables with their rows.
upgrade_postgres() {
    local service=$1 old=$2 target=$3 home=$4 dir dump rows now code=0
    local -a like
    dir=$(state_dir)/upgrades
    dump=$dir/$service.sql
    make_private "$dir"
    docker rm --force "$COMPOSE_PROJECT_NAME-upgrade" >/dev/null 2>&1 || true
    docker start "$old" >/dev/null
    in_container "$old" await_server || fail "$?" "the old server does not answer"
    in_container "$old" expect_nobody >&2 || fail "$?" "the old server has to be ours alone: what others write now would be lost"
    mapfile -t like < <(in_container "$old" describe_cluster)
    ((${#like[@]} == 5)) || fail 1 "the old server does not say what it is like"
    (umask 077 && in_container "$old" dump_cluster >"$dump.partial") || code=$?
    # What is left of it may fill the disk that the state is on.
    ((code == 0)) || { rm -f -- "$dump.partial" && fail "$code" "the old server cannot be dumped"; }
    sync -- "$dump.partial"
    mv -- "$dump.partial" "$dump"
    rows=$({ in_container "$old" config_of && cat -- "$dump"; } | in_new "$service" fill_cluster "$target" "$home" "${like[@]}") ||
        fail "$?" "the new volume cannot be filled"
    now=$(in_container "$old" count_tables)
    in_container "$old" expect_nobody >&2 || fail "$?" "the old server has to be ours alone: what others have written would be lost"
    [[ $rows == "$now" ]] || fail 4 "the tables differ: $(diff <(printf '%s\n' "$now") <(printf '%s\n' "$rows") | grep '^[<>]' | head -n 5)"
    in_new "$service" move_in "$target" "$home" </dev/null || fail "$?" "the new data cannot be put in its place"
    printf '%s\n' "$rows"
}

# in_container CONTAINER FUNCTION ARGUMENT…: runs FUNCTION beside a server.
in_container() {
    local container=$1 name=$2 functions
    shift 2
    functions=$(declare -f postgres_client query await_server expect_nobody describe_cluster dump_cluster config_of count_tables)
    docker exec --interactive "$container" bash -c "set -euo pipefail; $functions; postgres_client; $name \"\$@\"" "$name" "$@"
}

# in_new SERVICE FUNCTION ARGUMENT…: runs FUNCTION in a container like that of SERVICE,
# as the user that its server runs as, who gets the place that is mounted.
in_new() {
    local service=$1 begin functions
    shift
    functions=$(declare -f query fill_cluster clear_unused checkpoint_of take_lines count_tables move_in)
    # shellcheck disable=SC2016
    begin='set -euo pipefail
        ((EUID != 0)) || { chown postgres "$2" && set -- "$(command -v gosu || command -v su-exec)" postgres bash -c "$0" "$0" "$@"; }
        ((EUID == 0)) || set -- bash -c "$0" "$0" "$@"
        exec "$@"'
    run_alone "$service" --rm --name "$COMPOSE_PROJECT_NAME-upgrade" --entrypoint bash -- \
        -c "$begin" "set -euo pipefail; FILLING=.slipway-upgrade; $functions; \"\$@\"" "$@"
}

# The functions from here on run in the containers.

query() {
    psql --no-psqlrc --no-password --quiet --tuples-only --no-align --set=ON_ERROR_STOP=1 "$@"
}

await_server() {
    local try
    for ((try = 0; try < 600; try++)); do
        ! pg_isready --quiet || return 0
        sleep 0.1
    done
    return 1
}

# expect_nobody: fails, and says who it is, when another client stays connected. A
# healthcheck comes and goes.
expect_nobody() {
    local try who
    for ((try = 0; try < 50; try++)); do
        who=$(query --command "SELECT format('%s from %s', usename, coalesce(host(client_addr), 'within')) FROM pg_stat_activity
            WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()")
        [[ -n $who ]] || return 0
        sleep 0.1
    done
    printf '%s\n' "connected: $who"
    return 1
}

# describe_cluster: its superuser, the same as SQL names it, its encoding, collation and
# character type, a line each.
describe_cluster() {
    query --field-separator=$'\n' --command "SELECT rolname, quote_ident(rolname), pg_encoding_to_char(encoding), datcollate, datctype
        FROM pg_roles, pg_database WHERE pg_roles.oid = 10 AND datname = 'template1'"
}

# dump_cluster: every database and role, with the tools of this server.
dump_cluster() {
    pg_dumpall --no-password --lock-wait-timeout=60s
}

# config_of: what the operator has told this server beside its data: who may connect,
# and what ALTER SYSTEM has set; each behind its number of lines.
config_of() {
    local name text
    for name in hba_file data_directory; do
        text=$(query --command "SHOW $name")
        [[ $name == hba_file ]] || text+=/postgresql.auto.conf
        text=$(<"$text")
        printf '%s\n' "$text" | wc -l
        printf '%s\n' "$text"
    done
}

# count_tables: "DATABASE TABLE ROWS" for each table.
count_tables() {
    local database list
    list=$(query --command 'SELECT datname FROM pg_database WHERE datallowconn AND NOT datistemplate ORDER BY datname COLLATE "C"')
    while IFS= read -r database; do
        printf '%s\n' "SELECT format('SELECT %L, count(*) FROM %I.%I;', format('%I %I.%I', current_database(), nspname, relname), nspname, relname)
            FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
            WHERE relkind IN ('r', 'm') AND relispopulated AND relpersistence <> 't' AND nspname !~ '^pg_' AND nspname <> 'information_schema'
            ORDER BY nspname COLLATE \"C\", relname COLLATE \"C\" \\gexec" | PGDATABASE=$database query --field-separator=' '
    done < <(printf '%s\n' "$list")
}

# fill_cluster TARGET HOME SUPERUSER QUOTED ENCODING COLLATION CTYPE: makes a server in FILLING,
# with the configuration and the dump on stdin; prints what count_tables does. It can be
# reached through FILLING alone.
fill_cluster() {
    local target=$1 home=$2 work=$1/$FILLING access
    clear_unused "$target" "$home"
    mkdir -m 700 "$work"
    initdb --pgdata="$work" --username="$3" --encoding="$5" --lc-collate="$6" --lc-ctype="$7" --no-sync \
        --auth-local=trust --auth-host=scram-sha-256 >&2
    access=$(take_lines)
    take_lines >"$work/postgresql.auto.conf"
    pg_ctl --pgdata="$work" --wait --timeout=600 --log="$work/slipway.log" \
        --options="-c listen_addresses='' -c unix_socket_directories='$work' -c fsync=off" start >&2 || { cat "$work/slipway.log" >&2 && return 1; }
    export PGHOST=$work PGUSER=$3 PGDATABASE=postgres
    # One role is there; the roles come first in the dump.
    LC_ALL=C awk -v made="CREATE ROLE $4;" '!found && $0 == made { found = 1; next } { print }' | query --output=/dev/null
    vacuumdb --all --analyze-only --quiet >&2
    count_tables
    pg_ctl --pgdata="$work" --wait --timeout=600 --mode=fast stop >&2
    printf '%s\n' "$access" >"$work/pg_hba.conf"
    rm -f "$work/slipway.log"
    checkpoint_of "$work" >"$work/slipway.upgrade"
    sync
}

# take_lines: the next lines of stdin, whose number comes first.
take_lines() {
    local count line
    read -r count
    while ((count-- > 0)); do
        IFS= read -r line
        printf '%s\n' "$line"
    done
}

# checkpoint_of FOLDER: where the data in it was when its server ended; whoever starts a
# server on it moves it on.
checkpoint_of() {
    LC_ALL=C pg_controldata --pgdata="$1" | awk -F ': *' '$1 == "Latest checkpoint location" { print $2 }'
}

# clear_unused TARGET HOME: removes what an earlier try has left, which no server has
# written to since. Other data is not touched: then it fails.
clear_unused() {
    local target=$1 home=$2 work=$1/$FILLING entry
    if [[ -e $home/PG_VERSION ]]; then
        [[ -e $home/slipway.upgrade && $(checkpoint_of "$home") == "$(<"$home/slipway.upgrade")" ]] ||
            { printf '%s\n' "there is a database in $home already" >&2 && return 3; }
        mkdir -p "$work"
        mv "$home/PG_VERSION" "$work/"
    fi
    if [[ -d $work ]]; then
        for entry in "$home"/*; do
            [[ $entry == */lost+found ]] || rm -rf "$entry"
        done
        rm -rf "$work"
    fi
    for entry in "$home"/*; do
        [[ $entry == */lost+found || ! -e $entry ]] || { printf '%s\n' "$home is not empty: $entry" >&2 && return 3; }
    done
}

# move_in TARGET HOME: what is in FILLING takes its place. What makes a server take it
# for its own comes last.
move_in() {
    local home=$2 work=$1/$FILLING entry
    mkdir -p "$home"
    chmod 700 "$home"
    for entry in "$work"/*; do
        [[ $entry == */PG_VERSION ]] || mv "$entry" "$home/"
    done
    sync
    mv "$work/PG_VERSION" "$home/"
    rmdir "$work"
    sync
}
