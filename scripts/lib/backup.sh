#!/usr/bin/env bash
# The database's backups: how one is taken, checked and put back. Only functions;
# source it after output.sh, compose.sh and the file of each kind.
#
# A backup is a folder: manifest.json says of what it is and what is in the other files,
# one for each database. A plain file is taken for a dump of one database of which
# nothing more is known.
#
# Each KIND of database has dump_KIND, check_KIND, restore_KIND and finish_KIND, and says
# with holds_KIND, server_KIND and fits_KIND what is there.

KINDS='postgres|mariadb|redis|sqlite|volume'

# take_backup FILE KIND SERVICE [ABOUT]: FILE is a checked backup, or it is not there.
# ABOUT is a JSON object of what the manifest says beside: why, above all.
take_backup() {
    local backup kind=$2 service=$3 about=${4:-'{"why": "by hand"}'} dir code=0
    backup=$(backup_path "$1")
    dir=$(dirname -- "$backup")
    make_private "$dir" || fail 3 "the directory $dir cannot be made"
    [[ ! -e $backup ]] || fail 3 "$backup is there already"
    rm -rf -- "$backup.partial"
    (umask 077 && mkdir -- "$backup.partial" && "dump_$kind" "$service" "$backup.partial") || code=$?
    if ((code == 3)) && [[ $kind == sqlite || $kind == mariadb ]]; then
        rm -rf -- "$backup.partial"
        note "backup: there is no database yet"
        return 0
    fi
    ((code == 0)) || discard "$backup" "$code" "the backup failed"
    (umask 077 && describe "$backup.partial" "$kind" "$service" "$about") || discard "$backup" "$?" "the backup is broken"
    sync -- "$backup.partial"/* "$backup.partial"
    mv -- "$backup.partial" "$backup"
    sync -- "$dir"
}

# describe FOLDER KIND SERVICE ABOUT: writes the manifest of the dumps in FOLDER and of
# what server.json there says, once each dump has been read to its end: now, unless its
# rows were counted while it was made.
describe() {
    local folder=$1 kind=$2 service=$3 about=$4 file rows dumps='' files=''
    for file in "$folder"/*.dump; do
        rows=${file%.dump}.rows
        [[ -f $rows ]] || "check_$kind" "$service" <"$file" >"$rows" || return
        dumps+=$(describe_dump "$file" <"$rows") || return
    done
    for file in "$folder"/*.dump "$folder"/*.sql; do
        [[ ! -f $file ]] || files+=$(measure "$file") || return
    done
    printf '%s' "$dumps" | jq --slurp --slurpfile server "$folder/server.json" --slurpfile files <(printf '%s' "$files") \
        --argjson about "$about" --arg project "$COMPOSE_PROJECT_NAME" --arg kind "$kind" --arg service "$service" \
        --arg made "$(date -u +%Y-%m-%dT%H:%M:%SZ)" '
        . as $dumps | {version: 1, project: $project, kind: $kind, service: $service, made: $made}
        + $about + $server[0] + {files: ($files | add)}
        | .databases |= [to_entries[] | .value + $dumps[.key]]' >"$folder/manifest.json" || return
    rm -- "$folder/server.json" "$folder"/*.rows
}

# describe_dump FILE: which rows are in a dump, as "ROWS TABLE" on stdin says.
describe_dump() {
    jq --raw-input --null-input --arg file "${1##*/}" '{file: $file,
        rows: ([inputs | capture("^(?<rows>[0-9]+) (?<table>.+)$") | {(.table): (.rows | tonumber)}] | add // {})}'
}

# compressed: what is on stdin, compressed, of a tool that does not do so itself.
compressed() {
    gzip -1
}

# uncompressed: the dump on stdin as its tool wrote it. It need not be compressed: those of
# earlier versions are not, nor may be an operator's.
uncompressed() {
    gzip --decompress --stdout --force
}

# measure FILE: its size and digest, by its name.
measure() {
    local size digest
    size=$(stat --format %s -- "$1") || return
    digest=$(sha256sum <"$1") || return
    printf '{"%s": {"size": %d, "sha256": "%s"}}\n' "${1##*/}" "$size" "${digest%% *}"
}

# back_up_before JOB: backs up the database that JOB is going to migrate, if it holds
# data and the compose files tell how.
back_up_before() {
    local how kind service name holds
    how=$(backup_of "$1")
    if [[ -z $how ]]; then
        note "$STEP: no backup is taken, for $1 has no label slipway.backup; take one with: ${0##*/} backup FILE KIND SERVICE"
        return 0
    fi
    [[ $how =~ ^($KINDS)\ ([^ ]+)$ && ${BASH_REMATCH[2]} != "$1" ]] ||
        fail 3 "label slipway.backup of $1: \"$how\" is not \"KIND SERVICE\", where KIND is one of ${KINDS//|/, }, with another service than $1"
    kind=${BASH_REMATCH[1]} service=${BASH_REMATCH[2]}
    holds=$("holds_$kind" "$service") || fail "$?" "$service does not say whether it holds data"
    if [[ $holds == no ]]; then
        note "$STEP: no backup is taken, for $service holds no data yet"
        return 0
    fi
    name=$(next_name)
    take_backup "$name" "$kind" "$service" '{"why": "before a migration"}'
    [[ ! -e $(backup_path "$name") ]] || note "$STEP: backed up; to bring it back: ${0##*/} restore $name $kind $service"
}

# next_name: the name of the next backup. Its number, not its time, says that it is the
# newest. Go names them in the same way.
next_name() {
    local last
    last=$(last_number)
    printf '%s-%04d.dump\n' "$(date -u +%Y%m%dT%H%M%SZ)" "$((last + 1))"
}

# last_number: the number of the newest backup; 0 when there is none.
last_number() {
    local dir folder last=0
    dir=$(backup_path .)
    for folder in "$dir"/*.dump/; do
        if [[ $folder =~ /[0-9]{8}T[0-9]{6}Z-([0-9]{4,9})\.dump/$ ]] && ((10#${BASH_REMATCH[1]} > last)); then
            last=$((10#${BASH_REMATCH[1]}))
        fi
    done
    printf '%s\n' "$last"
}

# mark_migrated: notes that the database has changed since the newest backup, which is
# none any more from before the next migration.
mark_migrated() {
    local file
    file=$(backup_path .)/migrated
    [[ -d ${file%/*} ]] || return 0
    (umask 077 && last_number >"$file.new")
    sync -- "$file.new"
    mv -- "$file.new" "$file"
}

# backup_path FILE: a mere name is that of a file in the state directory's backups.
backup_path() {
    local dir
    if [[ $1 == */* ]]; then
        printf '%s\n' "$1"
        return
    fi
    dir=$(state_dir)
    case $1 in
        .) printf '%s/backups\n' "$dir" ;;
        *) printf '%s/backups/%s\n' "$dir" "$1" ;;
    esac
}

# discard BACKUP CODE SENTENCE: what is broken does not stay to be mistaken for a backup.
discard() {
    rm -rf -- "$1.partial"
    fail "$2" "$3, with exit code $2"
}

# check_backup FILE KIND SERVICE [foreign]: leaves with 3 unless FILE is whole and can be
# restored into SERVICE; prints its manifest. Where it is foreign, it may be of another
# project or of a newer server.
check_backup() {
    local backup kind=$2 service=$3 foreign=${4:-} manifest of
    backup=$(backup_path "$1")
    [[ -e $backup ]] || fail 3 "there is no backup $backup"
    if [[ ! -d $backup ]]; then
        manifest=$(manifest_of_file "$backup" "$kind" "$service") ||
            fail 3 "the backup cannot be read: it is broken, or $service is not there; nothing was changed"
        printf '%s\n' "$manifest"
        return
    fi
    manifest=$(jq --exit-status 'select(.version == 1 and (.databases | length > 0))' "$backup/manifest.json") ||
        fail 3 "$backup/manifest.json cannot be read; nothing was changed"
    of=$(jq --raw-output '.kind' <<<"$manifest")
    [[ $of == "$kind" ]] || fail 3 "it is a backup of $of and not of $kind; nothing was changed"
    jq --raw-output '.files | to_entries[] | "\(.value.sha256)  \(.key)"' <<<"$manifest" | (cd -- "$backup" && sha256sum --check --quiet --strict -) >&2 ||
        fail 3 "the backup is broken: it is not what was written; nothing was changed"
    of=$(jq --raw-output '.project' <<<"$manifest")
    [[ $of == "$COMPOSE_PROJECT_NAME" || $foreign == foreign ]] ||
        fail 3 "it is a backup of the project $of and not of $COMPOSE_PROJECT_NAME; nothing was changed"
    if [[ $foreign != foreign ]]; then
        of=$(jq --raw-output '.server' <<<"$manifest")
        "fits_$kind" "$service" "$of"
    fi
    printf '%s\n' "$manifest"
}

# not_newer SERVICE PRODUCT VERSION NOW PARTS: leaves with 3 where VERSION is newer than that
# of the server, as far as its first PARTS say.
not_newer() {
    local of now newest
    of=$(cut --delimiter . --fields "-$5" <<<"$3")
    now=$(cut --delimiter . --fields "-$5" <<<"$4")
    newest=$(printf '%s\n' "$of" "$now" | sort --version-sort | tail -n 1)
    [[ $newest == "$now" ]] || fail 3 "it is a backup of $2 $3, and $1 is $2 $4; nothing was changed"
}

# manifest_of_file FILE KIND SERVICE: what can be found out about a plain dump: it is
# of the database that the settings name.
manifest_of_file() {
    local rows dump server
    rows=$("check_$2" "$3" <"$1") || return
    dump=$(describe_dump "$1" <<<"$rows") || return
    server=$("server_$2" "$3") || return
    jq --slurp --exit-status '.[0].main as $main | .[1] as $dump |
        {main: $main, databases: [.[0].databases[] | select(.name == $main) + $dump]} | select(.databases != [])' <<<"$server$dump"
}

# put_back FILE KIND SERVICE [foreign]: the databases have the content of FILE, or what they had.
put_back() {
    local backup kind=$2 service=$3 manifest code=0
    backup=$(backup_path "$1")
    manifest=$(check_backup "$@")
    [[ -d $backup ]] || backup=$(dirname -- "$backup")
    [[ $kind != volume ]] || unused_volume "$service" || return
    note_restore "$kind $service"
    "restore_$kind" "$service" "$backup" "$manifest" >&2 || code=$?
    if ((code != 0)); then
        ! "finish_$kind" "$service" >&2 || note_restore ''
        fail "$code" "the restore failed; it replaces all of the data or none"
    fi
    mark_migrated
    note_restore ''
    case $kind in
        postgres | mariadb) note "restore: each table has the rows of the backup: $(rows_of '.databases[]' "$manifest" | paste --serial --delimiters , -)" ;;
        *) note "restore: the data is that of the backup: $(rows_of '.databases[]' "$manifest" | paste --serial --delimiters , -)" ;;
    esac
}

# note_restore TEXT: notes that a restore has begun: of which KIND and SERVICE; an empty
# text, that it has come to its end.
note_restore() {
    local file
    file=$(backup_path .)/restoring
    if [[ -n $1 ]]; then
        make_private "${file%/*}"
        (umask 077 && printf '%s\n' "$1" >"$file.new")
        sync -- "$file.new"
        mv -- "$file.new" "$file"
    else
        rm -f -- "$file"
    fi
}

# restored_service: the service whose server a restore was in when it was killed; nothing
# when there is none.
restored_service() {
    local file
    file=$(backup_path .)/restoring
    [[ ! -f $file ]] || awk '$1 != "sqlite" && $1 != "volume" { print $2 }' "$file"
}

# finish_restore: has a restore that was killed come to its end, or to nothing.
finish_restore() {
    local file kind service
    file=$(backup_path .)/restoring
    [[ -f $file ]] || return 0
    read -r kind service <"$file"
    [[ $kind =~ ^($KINDS)$ ]] || fail 3 "$file does not say what was being restored; remove it if nothing was"
    "finish_$kind" "$service" >&2 || fail "$?" "a restore was cut short, and what it has left cannot be put in order; restore the backup again"
    note "a restore that was cut short has come to its end"
    note_restore ''
}

# run_database SERVICE OPTION… -- ARGUMENT…: runs a one-off container of SERVICE beside it,
# with its volume. One whose caller was killed is ended first: who calls now holds the
# lock, so nobody waits for it.
run_database() {
    local service=$1 container=$COMPOSE_PROJECT_NAME-database list left
    shift
    list=$(containers oneoff=True) || return
    left=$(awk -v name="$container" '$3 == name { print $1 }' <<<"$list")
    [[ -z $left ]] || docker rm --force "$left" >/dev/null || return
    run_alone "$service" --rm --name "$container" "$@"
}

# rows_of DATABASE MANIFEST: "ROWS TABLE" of a database, or of several.
rows_of() {
    jq --raw-output "$1 | .rows | to_entries[] | \"\\(.value) \\(.key)\"" <<<"$2"
}
