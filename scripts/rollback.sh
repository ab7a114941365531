#!/usr/bin/env bash
# Brings an earlier release of a stack back, by hand: for when Mage cannot be used.
# `mage rollback` does more: it replaces only what differs, one service at a time, and
# verifies from outside.
#
# Exit codes: 0 done; 2 usage; 3 refused, nothing was touched; 5 failed; 11 another
# deployment holds the lock.
set -euo pipefail

HERE=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=lib/output.sh
source "$HERE/lib/output.sh"
# shellcheck source=lib/compose.sh
source "$HERE/lib/compose.sh"
# shellcheck source=lib/state.sh
source "$HERE/lib/state.sh"
# shellcheck source=lib/lock.sh
source "$HERE/lib/lock.sh"
# shellcheck source=lib/release.sh
source "$HERE/lib/release.sh"

usage() {
    cat <<'USAGE'
usage: rollback.sh [--keep-migrations] [RELEASE]
       rollback.sh --list

Brings RELEASE back, or the last verified one before the present. Images and files
are those that were kept; no registry, build or checkout is needed. The data stays as
it is.

  --list              print the releases, the newest first
  --keep-migrations   the release can live with data that has newer migrations

environment: that of deploy.sh. STATE_DIR alone is enough, and COMPOSE_PROJECT_NAME where
STATE_DIR is the usual one; COMPOSE_ENV_FILES names the env file with today's secrets.
USAGE
}

# told: one line for each release, the newest first: its record and its outcome, as JSON.
told() {
    local folder record outcome
    for folder in "$DIR"/releases/*/; do
        record=${folder}release.json outcome=${folder}outcome.json
        [[ $folder != *.unfinished/ && ! -L ${folder%/} && -f $record ]] || continue
        [[ -f $outcome ]] || outcome=/dev/null
        jq --compact-output --slurpfile outcome "$outcome" '. + {outcome: ($outcome[0] // {state: "running"})}' "$record"
    done | tac
}

# one ID: the release of that name; without one, what a rollback that did not come to its
# end was bringing back, else the last verified one before the present that is not like it.
one() {
    local current
    current=$(basename -- "$(readlink -- "$DIR/releases/current" || true)")
    told | jq --slurp --compact-output --arg id "$1" --arg current "$current" '
        (map(select(.id == $current))[0] // {}) as $now |
        (if $id == "" and $now.backTo and $now.outcome.state != "verified" then $now.backTo else $id end) as $id |
        map(select(if $id != "" then .id == $id
            else .outcome.state == "verified" and .content != $now.content and ($now == {} or .id < $now.id) end))[0] // empty'
}

# refuse_migrated RELEASE: leaves with 3 where the data has migrations that it has not.
refuse_migrated() {
    local present=''
    [[ ! -f $DIR/releases/migrations ]] || present=$(cat -- "$DIR/releases/migrations")
    [[ -z $present || $present == "$(jq --raw-output '.migrations // ""' <<<"$1")" ]] ||
        fail 3 "the data has newer migrations than this release; --keep-migrations, if it can live with them"
}

# refuse_lacking RELEASE: leaves with 3 where an image or a file of it is gone.
refuse_lacking() {
    local name id path
    while read -r path; do
        [[ -z $path || -e $DIR/files/$path ]] || fail 3 "the copy $DIR/files/$path of this release is gone"
    done < <(jq --raw-output '.files // [] | .[].path' <<<"$1")
    while read -r name id; do
        docker image inspect "$id" >/dev/null 2>&1 || fail 3 "the image $name ($id) of this release is gone"
    done < <(jq --raw-output '.images[] | "\(.name) \(.id)"' <<<"$1")
}

bring_back() {
    local release=$1 id list
    local -a pairs=()
    id=$(jq --raw-output .id <<<"$release")
    list=$(jq --raw-output '[.images[] | select(.name | contains("@") | not)] | unique_by(.name)[] | .name, .id' <<<"$release")
    [[ -z $list ]] || mapfile -t pairs <<<"$list"
    name_images "${pairs[@]}"
    docker compose up -d --no-build --pull never >&2 || fail 5 "release $id is not up; what runs: docker compose -p $COMPOSE_PROJECT_NAME ps"
    ln -sfn -- "$id" "$DIR/releases/current"
    "$HERE/health-check.sh" wait "${HEALTH_TIMEOUT:-300}" || fail 5 "release $id is up and not healthy"
    note "release $id serves"
}

main() {
    local keep='' id='' release
    STEP=rollback
    while (($# > 0)); do
        case $1 in
            --keep-migrations) keep=yes ;;
            --list) id=--list ;;
            --help | -h)
                usage
                return
                ;;
            -*) usage_error "there is no option \"$1\"" ;;
            *) id=$1 ;;
        esac
        shift
    done
    watch_faults
    # A release needs no checkout, and where the state is may be known without one.
    COMPOSE_FILE=${COMPOSE_FILE:-} COMPOSE_PROJECT_NAME=${COMPOSE_PROJECT_NAME:-}
    [[ -n ${STATE_DIR:-}$COMPOSE_PROJECT_NAME ]] || select_project
    DIR=$(state_dir)
    export STATE_DIR=$DIR
    if [[ $id == --list ]]; then
        told | jq --raw-output '"\(.id)  \(.made)  \(.outcome.state)  \(.revision // "")"'
        return
    fi
    release=$(one "$id")
    [[ -n $release ]] || fail 3 "there is no such release in $DIR: rollback.sh --list prints them"
    COMPOSE_PROJECT_NAME=$(jq --raw-output .project <<<"$release")
    COMPOSE_FILE=$DIR/releases/$(jq --raw-output .id <<<"$release")/compose.yaml
    COMPOSE_ENV_FILES=$(env_files)
    COMPOSE_PROFILES=$(jq --raw-output '.profiles // [] | join(",")' <<<"$release")
    export COMPOSE_PROJECT_NAME COMPOSE_FILE COMPOSE_ENV_FILES COMPOSE_PROFILES COMPOSE_PATH_SEPARATOR=:
    mind_own_settings
    [[ -n $keep ]] || refuse_migrated "$release"
    refuse_lacking "$release"
    take_lock
    bring_back "$release"
}

# env_files: the secrets that the releases name, and the operator's own, which win.
env_files() {
    local kept=$DIR/secrets.env
    [[ -f $kept ]] || kept=/dev/null
    printf '%s\n' "$kept${COMPOSE_ENV_FILES:+,$COMPOSE_ENV_FILES}"
}

main "$@"
