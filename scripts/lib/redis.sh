#!/usr/bin/env bash
# Redis's part of a backup, and Valkey's. Only functions; source it after output.sh,
# compose.sh and backup.sh.
#
# The server loads its data when it starts. So a restore stops it, puts the dump into the
# place that the server reads, by one rename, and starts it again: that is the dump file,
# or, where it keeps an append-only log, the base of that log.

# dump_redis SERVICE FOLDER: has the server save, and writes the file and server.json.
dump_redis() {
    server_redis "$1" >"$2/server.json" || return
    in_redis "$1" save_now </dev/null >"$2/0000.dump"
}

# check_redis SERVICE: "KEYS keys" for the dump on stdin, which has to be whole.
check_redis() {
    in_redis "$1" count_keys
}

# restore_redis SERVICE FOLDER MANIFEST: the server has the keys of the dump in FOLDER. One
# that cannot load them gets back what it had.
restore_redis() {
    local service=$1 folder=$2 manifest=$3 keys place code=0
    keys=$(rows_of '.databases[0]' "$manifest") || return
    place=$(in_redis "$service" take_in <"$folder/$(jq --raw-output '.databases[0].file' <<<"$manifest")") || return
    step_stop "$service" || code=$?
    ((code != 0)) || beside_redis "$service" put_in "$place" || code=$?
    serve_redis "$service" "${keys%% *}" || code=$?
    if ((code != 0)); then
        step_stop "$service" || return
        beside_redis "$service" put_again "$place" || return
        serve_redis "$service" || return
    fi
    in_redis "$service" tidy </dev/null || return
    return "$code"
}

# serve_redis SERVICE [KEYS]: starts it, and fails unless it is well and has loaded as many.
serve_redis() {
    step_start "$1" || return
    "$HERE/health-check.sh" wait "${HEALTH_TIMEOUT:-300}" "$1" || return
    [[ -z ${2:-} ]] || in_redis "$1" compare_keys "$2" </dev/null
}

# finish_redis SERVICE: what a restore that was killed has left is gone.
finish_redis() {
    in_redis "$1" tidy </dev/null
}

# holds_redis SERVICE: prints yes when there is a key, and no when there is none.
holds_redis() {
    in_redis "$1" holds_keys </dev/null
}

# server_redis SERVICE: what is to be said of the server, as one JSON object.
server_redis() {
    local version
    version=$(in_redis "$1" redis_version_of </dev/null) || return
    printf '{"server": "%s", "databases": [{}], "lacks": ["the users and the configuration of the server"]}\n' "$version"
}

# fits_redis SERVICE VERSION: leaves with 3 unless the server can take a backup of that
# version: of no newer series, and not of the other product.
fits_redis() {
    local now of=Redis is=Redis
    now=$(in_redis "$1" redis_version_of </dev/null) || fail 3 "$1 does not say which version it is; nothing was changed"
    [[ $2 != *-Valkey ]] || of=Valkey
    [[ $now != *-Valkey ]] || is=Valkey
    [[ $of == "$is" ]] || fail 3 "it is a backup of $of ${2%-*}, and $1 is $is ${now%-*}; nothing was changed"
    not_newer "$1" "$of" "${2%-*}" "${now%-*}" 2
}

# in_redis SERVICE FUNCTION ARGUMENT…: runs FUNCTION in the server's container.
in_redis() {
    local service=$1
    shift
    docker compose exec -T "$service" sh -c "$(redis_functions)"$'\nredis_client; "$@"' "$1" "$@"
}

# beside_redis SERVICE FUNCTION ARGUMENT…: runs FUNCTION beside the server's place, while
# the server is stopped.
beside_redis() {
    local service=$1
    shift
    run_database "$service" --entrypoint sh -- -c "$(redis_functions)"$'\n"$@"' "$1" "$@" </dev/null
}

redis_functions() {
    printf 'set -eu\n%s\n' "$(declare -f redis_client ask_redis info_of config_of_redis save_now count_keys compare_keys holds_keys redis_version_of \
        take_in last_of put_in put_again tidy)"
}

# The functions from here on run in the containers, whose shell may be busybox's.

# redis_client: what to ask with, and the password, read where it is.
redis_client() {
    if ! CLI=$(command -v redis-cli || command -v valkey-cli) || ! CHECK=$(command -v redis-check-rdb || command -v valkey-check-rdb); then
        echo "the server's image has not redis-cli and redis-check-rdb, or valkey-cli and valkey-check-rdb" >&2
        return 1
    fi
    if [ -n "${REDIS_PASSWORD_FILE:-}" ]; then
        REDIS_PASSWORD=$(cat "$REDIS_PASSWORD_FILE")
    fi
    if [ -n "${REDIS_PASSWORD:-}" ]; then
        export REDISCLI_AUTH="$REDIS_PASSWORD"
    fi
    # Not PING: that is an error as long as a server could not save.
    [ "$(ask_redis ECHO slipway)" = slipway ] || { echo "the server does not answer: $(ask_redis ECHO slipway)" >&2 && return 1; }
}

ask_redis() {
    "$CLI" --no-auth-warning "$@" | tr -d '\r'
}

# info_of FIELD: what the server says of itself; nothing where it does not know.
info_of() {
    ask_redis INFO | awk -F : -v field="$1" '$1 == field { print $2 }'
}

# config_of_redis NAME: a value of the configuration; nothing where there is none.
config_of_redis() {
    ask_redis CONFIG GET "$1" | sed -n 2p
}

# save_now: the server saves, and the file is printed. One save at a time is possible, and
# none while the log is rewritten.
save_now() {
    local said
    while said=$(ask_redis BGSAVE); do
        case $said in
            *started*) break ;;
            *progress* | *"child process"*) sleep 0.5 ;;
            *) echo "the server does not save: $said" >&2 && return 1 ;;
        esac
    done
    while [ "$(info_of rdb_bgsave_in_progress)" = 1 ]; do
        sleep 0.1
    done
    [ "$(info_of rdb_last_bgsave_status)" = ok ] || { echo "the server cannot save; its log says why" >&2 && return 1; }
    cat "$(config_of_redis dir)/$(config_of_redis dbfilename)"
}

# count_keys: prints "KEYS keys" for the dump on stdin, and reads it to its end.
count_keys() {
    local said
    said=$("$CHECK" /dev/stdin) || { printf '%s\n' "$said" >&2 && return 1; }
    printf '%s\n' "$said" | awk '/ keys read$/ { print $(NF - 2), "keys"; found = 1 } END { exit !found }'
}

# compare_keys KEYS: fails unless the server has loaded as many, of which some may have been
# past their time. One that does not say so has no more than that.
compare_keys() {
    local loaded now
    while [ "$(info_of loading)" = 1 ]; do
        sleep 0.1
    done
    loaded=$(info_of rdb_last_load_keys_loaded)
    if [ -n "$loaded" ]; then
        loaded=$((loaded + $(info_of rdb_last_load_keys_expired)))
        [ "$loaded" = "$1" ] || { echo "the server has loaded $loaded of the $1 keys" >&2 && return 1; }
        return 0
    fi
    now=$(ask_redis INFO keyspace | awk -F '[=,]' '/^db/ { keys += $2 } END { print keys + 0 }')
    if [ "$now" -gt "$1" ] || { [ "$now" = 0 ] && [ "$1" != 0 ]; }; then
        echo "the server has $now of the $1 keys" >&2
        return 1
    fi
}

holds_keys() {
    if ask_redis INFO keyspace | grep -q '^db'; then echo yes; else echo no; fi
}

# redis_version_of: such as 8.0.2, or 8.1.1-Valkey.
redis_version_of() {
    local valkey
    valkey=$(info_of valkey_version)
    if [ -n "$valkey" ]; then echo "$valkey-Valkey"; else info_of redis_version; fi
}

# take_in: puts the dump on stdin beside the server's data, checked, and prints where it
# will have to go: the dump file, the log of a server before 7, or the manifest of its log.
take_in() {
    local dir place
    tidy
    dir=$(config_of_redis dir)
    place=$dir/$(config_of_redis dbfilename)
    if [ "$(config_of_redis appendonly)" = yes ]; then
        place=$dir/$(config_of_redis appendfilename)
        [ -z "$(config_of_redis appenddirname)" ] || place=$dir/$(config_of_redis appenddirname)/$(config_of_redis appendfilename).manifest
    fi
    if ! (umask 077 && cat >"$dir/.slipway.rdb") || ! "$CHECK" "$dir/.slipway.rdb" >&2; then
        rm -f "$dir/.slipway.rdb"
        return 1
    fi
    chown "$(stat -c %u:%g "$dir")" "$dir/.slipway.rdb"
    sync
    printf '%s\n' "$place"
}

# last_of KIND MANIFEST: the greatest number of a file of that KIND, b or i.
last_of() {
    awk -v kind="$1" '{ for (i = 1; i < NF; i += 2) { is[$i] = $(i + 1) } if (is["type"] == kind && is["seq"] > last) { last = is["seq"] } } END { print last + 0 }' "$2"
}

# put_in PLACE: what take_in has put beside the data takes its PLACE, by one rename. What
# was there is kept as well.
put_in() {
    local place="$1" dir base log name owner
    dir=${place%/*}
    case $place in
        *.manifest)
            [ -f "$dir/../.slipway.rdb" ] || { echo "$dir is not where the server has its data: is it in a volume?" >&2 && return 1; }
            owner=$(stat -c %u:%g "$place")
            name=${place##*/} name=${name%.manifest}
            base=$(($(last_of b "$place") + 1)) log=$(($(last_of i "$place") + 1))
            mv "$dir/../.slipway.rdb" "$dir/$name.$base.base.rdb"
            : >"$dir/$name.$log.incr.aof"
            printf 'file %s seq %d type b\nfile %s seq %d type i\n' "$name.$base.base.rdb" "$base" "$name.$log.incr.aof" "$log" >"$dir/.slipway.manifest"
            chown "$owner" "$dir/$name.$log.incr.aof" "$dir/.slipway.manifest"
            ln -f "$place" "$dir/.slipway.old"
            sync
            mv "$dir/.slipway.manifest" "$place"
            ;;
        *)
            [ -f "$dir/.slipway.rdb" ] || { echo "$dir is not where the server has its data: is it in a volume?" >&2 && return 1; }
            if [ -f "$place" ]; then ln -f "$place" "$dir/.slipway.old"; else : >"$dir/.slipway.none"; fi
            mv "$dir/.slipway.rdb" "$place"
            ;;
    esac
    sync
}

# put_again PLACE: what was there before put_in is there again: of a server that has never
# saved, nothing.
put_again() {
    local dir="${1%/*}"
    [ ! -f "$dir/.slipway.old" ] || mv "$dir/.slipway.old" "$1"
    [ ! -f "$dir/.slipway.none" ] || rm -f "$1" "$dir/.slipway.none"
    sync
}

# tidy: what a restore has left beside the data, and no server will read, is gone.
tidy() {
    local dir logs file
    dir=$(config_of_redis dir)
    logs=$dir/$(config_of_redis appenddirname)
    if [ "$logs" != "$dir/" ] && [ -f "$logs/.slipway.old" ]; then
        while read -r _ file _; do
            grep -q -F "file $file " "$logs"/*.manifest || rm -f "$logs/$file"
        done <"$logs/.slipway.old"
        rm -f "$logs/.slipway.old"
    fi
    rm -f "$dir/.slipway.rdb" "$dir/.slipway.old" "$dir/.slipway.none" "$logs/.slipway.manifest"
}
