#!/usr/bin/env bash
# The images of releases. Only functions; source it after output.sh and compose.sh.
#
# A tag alone keeps no image: `docker image prune --all` removes every one that no
# container has. So each has a container, which is never started.

KEEPS_LABEL=slipway.keeps

# keep_images TAG IMAGE…: gives each IMAGE its TAG, and a container.
keep_images() {
    local known
    known=$(keepers)
    while (($# > 0)); do
        docker tag "$2" "$1"
        if ! grep -q -F -e "$2" <<<"$known"; then
            never_started "$2" "slipway-keeps-$COMPOSE_PROJECT_NAME" \
                --label "$KEEPS_LABEL=$COMPOSE_PROJECT_NAME" --label "$KEEPS_LABEL.image=$2" >/dev/null
            known+=" $2"
        fi
        shift 2
    done
}

# never_started IMAGE PROJECT OPTION…: creates a container of IMAGE and prints its id. What
# the image declares as a volume comes to be none; and the labels that Compose gives to an
# image that it builds would make it a service's, so it is of PROJECT.
never_started() {
    local image=$1 project=$2 path
    local -a volumes=()
    shift 2
    while IFS= read -r path; do
        [[ -z $path ]] || volumes+=(--mount "type=tmpfs,destination=$path")
    done < <(docker image inspect --format '{{range $path, $_ := .Config.Volumes}}{{println $path}}{{end}}' "$image")
    docker container create --pull never --network none --label "com.docker.compose.project=$project" "$@" \
        --entrypoint none "${volumes[@]}" "$image"
}

# drop_images [IMAGE…] -- TAG…: takes the TAGs away, and the container of whatever is
# none of the IMAGEs. One that is gone already is no fault.
drop_images() {
    local id image
    local -a wanted=()
    while (($# > 0)) && [[ $1 != -- ]]; do
        wanted+=("$1")
        shift
    done
    shift
    while read -r id image; do
        [[ -z $id || " ${wanted[*]} " == *" $image "* ]] || docker rm "$id" >/dev/null
    done <<<"$(keepers)"
    for image in "$@"; do
        docker image inspect "$image" >/dev/null 2>&1 || continue
        # One that a container of somebody else still has stays.
        docker rmi "$image" >/dev/null || note "drop: the image $image is still needed"
    done
}

# keepers: the containers that keep images of this project, "id image" on each line.
keepers() {
    docker container ls --all --no-trunc --filter "label=$KEEPS_LABEL=$COMPOSE_PROJECT_NAME" \
        --format "{{.ID}} {{.Label \"$KEEPS_LABEL.image\"}}"
}

# name_images NAME IMAGE…: gives each IMAGE the NAME that the compose files call it by.
name_images() {
    while (($# > 0)); do
        docker tag "$2" "$1"
        shift 2
    done
}
