#!/usr/bin/env bash
# SQLite's part of a backup. Only functions; source it after output.sh, compose.sh and
# backup.sh.
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

# finish_sqlite, holds_sqlite, fits_sqlite SERVICE: nothing is left, it may hold something,
# and the program itself says what it cannot read.
finish_sqlite() { :; }
holds_sqlite() { echo yes; }
fits_sqlite() { :; }

# server_sqlite SERVICE: there is one database, without a name.
server_sqlite() {
    printf '{"databases": [{}]}\n'
}

# in_sqlite SERVICE ARGUMENT…: runs the program of SERVICE beside it, with its volume.
in_sqlite() {
    local service=$1
    shift
    run_database "$service" -- "$@"
}
