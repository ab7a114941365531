#!/usr/bin/env bash
# Would the engine make these containers? Only it knows all that it refuses. Only
# functions; source it after output.sh.
#
# A container of each service is created and never started: of an image without
# content, in no network, with no volume, under a name that nobody else has. What only
# the image tells is looked at in a container of that image, which is not started either.

# rehearse FILE SERVICE…: for each service of the compose file FILE that is refused,
# prints its name, a tab and why, and leaves with 3. FILE names the image, and gives
# each service the label, as forget_rehearsal knows them.
rehearse() {
    local file=$1 service said refused=
    # What Compose finds of a project it would make anew.
    local -a stage=(docker compose --progress quiet --project-directory "$PWD" --file "$file"
        --project-name "slipway-rehearsal-$$-$RANDOM")
    shift
    forget_rehearsal
    docker import - "slipway-rehearsal:$COMPOSE_PROJECT_NAME" < <(tar --create --files-from /dev/null) >/dev/null
    if ! "${stage[@]}" create "$@" >&2; then
        "${stage[@]}" config --quiet || { forget_rehearsal && fail 1 "$file cannot be read"; }
        for service in "$@"; do
            said=$("${stage[@]}" create "$service" 2>&1) && continue
            printf '%s\t%s\n' "$service" "${said##*$'\n'}"
            refused=yes
        done
    fi
    forget_rehearsal
    [[ -z $refused ]] || fail 3 "the engine refuses containers"
}

# stage_images IMAGE…: creates a container of each image and prints its id, a line each,
# for a caller who looks into it.
stage_images() {
    local image
    forget_rehearsal
    for image in "$@"; do
        never_started "$image" slipway-rehearsal --label "slipway.rehearsal=$COMPOSE_PROJECT_NAME"
    done
}

# forget_rehearsal: removes what a rehearsal of this project made, or left when it was
# killed.
forget_rehearsal() {
    local list
    list=$(docker container ls --all --quiet --filter "label=slipway.rehearsal=$COMPOSE_PROJECT_NAME")
    # shellcheck disable=SC2086 # ids, one a line
    [[ -z $list ]] || docker container rm --force $list >/dev/null
    list=$(docker image ls --quiet "slipway-rehearsal:$COMPOSE_PROJECT_NAME")
    [[ -z $list ]] || docker image rm "slipway-rehearsal:$COMPOSE_PROJECT_NAME" >/dev/null
}
