#!/usr/bin/env bash
# What is to be kept of a plain volume, or of a folder of the host: all of it, as a tar,
# compressed. Only functions; source it after output.sh, compose.sh and backup.sh.
#
# Nobody writes meanwhile: the services that have it are stopped and started again. It
# is packed and unpacked as root, in a container of an image of the stack that has sh
# and tar, with nothing of the service but the volume. A restore unpacks beside what is
# there, and the two are exchanged by renames; an exchange that was begun is gone on
# with, before anybody writes again.

# dump_volume VOLUME FOLDER: writes a tar of it and server.json.
dump_volume() {
    server_volume >"$2/server.json"
    while_stopped "$1" in_volume "$1" pack </dev/null | compressed >"$2/0000.dump"
}

# check_volume VOLUME: "FILES files" for the tar on stdin.
check_volume() {
    uncompressed | { tar --list --file - && cat >/dev/null; } | awk '$0 != "./" { files++ } END { print files + 0, "files" }'
}

# restore_volume VOLUME FOLDER MANIFEST: it has the content of the tar in FOLDER.
restore_volume() {
    local volume=$1 files
    in_volume "$volume" exchange_files </dev/null || return
    files=$(rows_of '.databases[0]' "$3") || return
    uncompressed <"$2/$(jq --raw-output '.databases[0].file' <<<"$3")" | in_volume "$volume" unpack "${files%% *}" || return
    in_volume "$volume" exchange_files </dev/null
}

# unused_volume VOLUME: leaves with 3 while a container runs that can write to it.
unused_volume() {
    local list
    list=$(holders_of "$1" running) || return
    [[ -z $list ]] || fail 3 "stop first what has $1: ${list//$'\n'/, }"
}

# finish_volume VOLUME: an exchange that was begun has come to its end. One in a volume that
# is gone needs none.
finish_volume() {
    local name there
    name=$(model_with_jobs | jq --raw-output --arg key "$1" '.volumes[$key].name // ""') || return
    if [[ -n $name ]]; then
        there=$(docker volume ls --quiet --filter "name=^$name\$") || return
        [[ -n $there ]] || return 0
    fi
    while_stopped "$1" in_volume "$1" exchange_files </dev/null
}

# holds_volume, fits_volume VOLUME: it may hold something, and is of no server.
holds_volume() { echo yes; }
fits_volume() { :; }

# server_volume: what a tar does not hold.
server_volume() {
    printf '{"databases": [{}], "lacks": ["extended attributes and access control lists"]}\n'
}

# place_of VOLUME: how a container mounts it: a volume of the compose files, which has to be
# there, or the folder that they mount.
place_of() {
    local name folder
    name=$(model_with_jobs | jq --raw-output --arg key "$1" '.volumes[$key].name // ""') || return
    if [[ -n $name ]]; then
        docker volume inspect --format '{{.Name}}' "$name" >/dev/null || fail 3 "there is no volume $name yet: deploy once"
        printf 'type=volume,source=%s,target=/volume,volume-nocopy\n' "$name"
        return
    fi
    folder=$(realpath --no-symlinks --canonicalize-missing -- "$1") || return
    [[ -d $folder ]] || fail 3 "there is no volume \"$1\" in the compose files, and no folder $folder"
    printf 'type=bind,source=%s,target=/volume\n' "$folder"
}

# holders_of VOLUME [running]: the services whose containers, or running ones, can write to
# it. Whoever else has it, of another project or by hand, would go on writing.
holders_of() {
    local place source list known id names oneoff service project mode
    local -a all=(--all)
    [[ ${2:-} != running ]] || all=()
    place=$(place_of "$1") || return
    source=${place#*source=}
    source=${source%%,target=*}
    list=$(docker container ls "${all[@]}" --no-trunc --filter "volume=$source" \
        --format '{{.ID}} {{.Names}} {{.Label "com.docker.compose.oneoff"}} {{.Label "com.docker.compose.service"}} {{.Label "com.docker.compose.project"}}') || return
    known=$(services) || return
    while read -r id names oneoff service project; do
        [[ -n $id && $names != "$COMPOSE_PROJECT_NAME-database" ]] || continue
        mode=$(docker container inspect --format "{{range .Mounts}}{{if or (eq .Name \"$source\") (eq .Source \"$source\")}}{{.RW}} {{end}}{{end}}" "$id") || return
        [[ $mode == *true* ]] || continue
        if [[ $project == "$COMPOSE_PROJECT_NAME" && $oneoff == False && $'\n'$known$'\n' == *$'\n'$service$'\n'* ]]; then
            printf '%s\n' "$service"
        elif [[ $project == "$COMPOSE_PROJECT_NAME" && $oneoff == False && ${2:-} == running ]]; then
            fail 3 "container $names of service $service, which is not to run, has $1 and may write: docker rm --force $names"
        elif [[ ${2:-} == running ]]; then
            fail 3 "container $names has $1, too, and may write: stop it first, or wait for its end: docker wait $names"
        fi
    done <<<"$list" | sort --unique
}

# while_stopped VOLUME COMMAND…: runs COMMAND while none of the services that have VOLUME
# runs. Those that did run again afterwards, whatever comes of it. It has a shell of its
# own, whose end leaves that of the caller alone.
while_stopped() (
    local list code=0
    local -a services=()
    list=$(holders_of "$1" running) || return
    [[ -z $list ]] || mapfile -t services <<<"$list"
    shift
    if ((${#services[@]} > 0)); then
        # shellcheck disable=SC2064 # these services
        trap "step_start ${services[*]@Q}" EXIT
        trap 'exit 130' INT TERM
        step_stop "${services[@]}" || code=$?
    fi
    ((code != 0)) || "$@" || code=$?
    if ((${#services[@]} > 0)); then
        trap - EXIT INT TERM
        step_start "${services[@]}" || return
    fi
    return "$code"
)

# in_volume VOLUME FUNCTION ARGUMENT…: runs FUNCTION where VOLUME is mounted. One whose
# caller was killed is ended first.
in_volume() {
    local place image container=$COMPOSE_PROJECT_NAME-database
    place=$(place_of "$1") || return
    image=$(image_with_tar) || return
    shift
    remove_container "$container"
    docker run --interactive --rm --name "$container" --pull never --network none --user 0:0 --workdir / --mount "$place" --entrypoint sh "$image" \
        -c "set -eu; $(declare -f pack unpack exchange_files)"$'\n"$@"' "$1" "$@"
}

# remove_container NAME: it is gone, and its name is free.
remove_container() {
    local try
    for ((try = 0; try < 100; try++)); do
        docker container inspect --format '{{.Id}}' "$1" >/dev/null 2>&1 || return 0
        docker rm --force "$1" >/dev/null 2>&1 || sleep 0.1 # it may be about to go by itself
    done
}

# image_with_tar: an image that a container of the project has, with sh and tar.
image_with_tar() {
    local list image
    local -a ids
    list=$(docker container ls --all --quiet --filter "label=com.docker.compose.project=$COMPOSE_PROJECT_NAME") || return
    [[ -n $list ]] || fail 3 "the project has no container: deploy once"
    mapfile -t ids <<<"$list"
    list=$(docker container inspect --format '{{.Image}}' "${ids[@]}" | sort --unique) || return
    for image in $list; do
        if docker run --rm --pull never --network none --read-only --entrypoint sh "$image" -c 'command -v tar' >/dev/null 2>&1; then
            printf '%s\n' "$image"
            return
        fi
    done
    fail 3 "no image of the stack has sh and tar, which it takes to copy a volume: have one of its services use an image with them"
}

# The functions from here on run in the container, whose shell may be busybox's.

# pack: a tar of what is there, once an exchange that was begun has come to its end.
pack() {
    exchange_files
    tar --numeric-owner -C /volume -cf - .
}

# unpack FILES: puts the tar on stdin beside what is there, and fails unless it has as many.
unpack() {
    local found
    cd /volume || return
    mkdir .slipway.new
    if ! tar --numeric-owner -C .slipway.new -xpf - || ! cat >/dev/null || ! sync; then
        rm -rf .slipway.new
        return 1
    fi
    found=$(find .slipway.new -mindepth 1 -print0 | tr -cd '\0' | wc -c)
    if [ "$found" -ne "$1" ]; then
        echo "there are $found files, and $1 in the backup" >&2
        rm -rf .slipway.new
        return 1
    fi
    mv .slipway.new .slipway.ready
    sync
}

# exchange_files: what unpack has made ready takes the place of what is there, and what it had
# not is gone. It may end at any instant, and be begun again.
exchange_files() {
    local entry
    cd /volume || return
    if [ -d .slipway.ready ]; then
        mkdir -p .slipway.old
        for entry in ./* ./.[!.]* ./..?*; do
            case $entry in ./.slipway.* | ./lost+found) continue ;; esac
            if [ -e "$entry" ] || [ -L "$entry" ]; then mv "$entry" .slipway.old/; fi
        done
        sync
        mv .slipway.ready .slipway.moving
    fi
    if [ -d .slipway.moving ]; then
        chown "$(stat -c %u:%g .slipway.moving)" .
        chmod "$(stat -c %a .slipway.moving)" .
        [ ! -d ./lost+found ] || rm -rf .slipway.moving/lost+found # each file system has its own
        for entry in .slipway.moving/* .slipway.moving/.[!.]* .slipway.moving/..?*; do
            if [ -e "$entry" ] || [ -L "$entry" ]; then mv "$entry" ./; fi
        done
        sync
        rmdir .slipway.moving
    fi
    rm -rf .slipway.old .slipway.new
}
