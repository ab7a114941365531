#!/usr/bin/env bash
# SQLite's part of a backup. Only functions; source it after output.sh and compose.sh.
#
# One-off containers of SERVICE do the work, whose program answers `backup -`,
# `inspect -` and `restore -`; `backup` exits 3 when there is no database yet.

# dump_sqlite SERVICE FOLDER: writes a copy of the database and server.json.
dump_sqlite() {
    in_sqlite "$1" backup - </dev/null >"$2/0000.dump" || return
    printf '{"databases": [{}], "lacks": []}\n' >"$2/server.json"
}

# check_sqlite SERVICE: "ROWS TABLE" for each, where the program says the rows in JSON.
check_sqlite() {
    in_sqlite "$1" inspect - | jq --raw-input --raw-output 'fromjson? | objects | to_entries[] | "\(.value) \(.key)"'
}

# restore_sqlite SERVICE FOLDER MANIFEST: the database has the content of the copy in
# FOLDER.
restore_sqlite() {
    in_sqlite "$1" restore - <"$2/$(jq --raw-output '.databases[0].file' <<<"$3")"
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
