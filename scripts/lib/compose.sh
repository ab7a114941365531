#!/usr/bin/env bash
# Which project the scripts work on, and the questions they ask about it. Only
# functions; source it after output.sh.
#
# Every `docker compose` command in the scripts reads the project from Compose's
# own variables (COMPOSE_PROJECT_NAME, COMPOSE_FILE, COMPOSE_ENV_FILES,
# COMPOSE_PROFILES). A caller that sets COMPOSE_FILE has decided; otherwise they
# are derived from DESTINATION and STACK_DIR, for use by hand.

JOBS_ARE_SERVICES=

# select_project: sets and exports Compose's variables.
select_project() {
    [[ -n ${COMPOSE_FILE:-} ]] || derive_files
    if [[ -z ${COMPOSE_PROJECT_NAME:-} ]]; then
        COMPOSE_PROJECT_NAME=$(ask_compose config --format json | jq --raw-output '.name // empty')
        [[ -n $COMPOSE_PROJECT_NAME ]] || fail 3 "the compose files give the project no name"
    fi
    [[ $COMPOSE_PROJECT_NAME =~ ^[a-z0-9][a-z0-9_-]*$ ]] ||
        fail 3 "\"$COMPOSE_PROJECT_NAME\" names no Compose project: lower-case letters, digits, - and _ do, beginning with a letter or a digit"
    export COMPOSE_PROJECT_NAME
    mind_own_settings
}

# mind_own_settings: what an operator's environment or env file says for his own use
# of Compose is not heard here.
mind_own_settings() {
    # The container of a job is no orphan because its profile is off just now. Compose
    # refuses both together.
    export COMPOSE_IGNORE_ORPHANS=true COMPOSE_REMOVE_ORPHANS=false
    # On stdout, progress would be mixed into a backup; for a terminal that is not
    # there, some versions refuse to build.
    export COMPOSE_STATUS_STDOUT=false COMPOSE_ANSI=auto COMPOSE_PROGRESS=auto BUILDKIT_PROGRESS=auto
}

# derive_files: the compose files, env file and profiles of DESTINATION, and the
# stack's directory as the current one. local is the first file alone; any other
# destination lays its overlay on top, always in that order.
derive_files() {
    local destination=${DESTINATION:-local} dir=${STACK_DIR:-} file env
    [[ $destination =~ ^[a-z0-9][a-z0-9-]*$ ]] || fail 3 "\"$destination\" is no name of a destination"
    [[ -n $dir ]] || dir=$(dirname -- "${BASH_SOURCE[0]}")/../../stack
    [[ -d $dir ]] || fail 3 "there is no stack at $dir: name its directory with STACK_DIR"
    cd -- "$dir" || fail 3 "the directory $dir cannot be entered"
    COMPOSE_FILE=$PWD/docker-compose.yml
    env=$PWD/.env
    if [[ $destination != local ]]; then
        COMPOSE_FILE+=:$PWD/compose.$destination.yaml
        env=$PWD/.env.$destination
        [[ -f $env ]] || fail 3 "$env is missing: write it first, as Slipway's config does"
    fi
    while IFS= read -r -d : file; do
        [[ -f $file ]] || fail 3 "$file is missing"
    done <<<"$COMPOSE_FILE:"
    if [[ -f $env ]]; then
        export COMPOSE_ENV_FILES=$env
    fi
    # Compose would name the project after its directory, and Slipway would not.
    [[ -n ${COMPOSE_PROJECT_NAME:-} ]] || has_name "$env" ||
        fail 3 "the compose files name no project: set COMPOSE_PROJECT_NAME, to what Slipway's own runs use"
    export COMPOSE_FILE COMPOSE_PATH_SEPARATOR=:
}

# has_name ENVFILE: one of the compose files, or the env file, names the project.
has_name() {
    local -a files
    IFS=: read -r -a files <<<"$COMPOSE_FILE"
    [[ ! -f $1 ]] || files+=("$1")
    grep -q -E '^(name:|COMPOSE_PROJECT_NAME=)' -- "${files[@]}"
}

# ask_compose ARG…: a question to `docker compose`. Its warnings quote fragments
# of values that hold a "$", passwords among them, so they are not shown.
ask_compose() {
    docker compose "$@" 2>/dev/null || fail 3 "the compose files do not resolve: docker compose config --quiet says why"
}

# services: the names of the active services, one a line.
services() {
    ask_compose config --services
}

# job_names: the names of the jobs that a deployment by hand runs: the services of the
# profile jobs, and of what stands under jobs: what says with slipway.backup that it
# migrates a database.
job_names() {
    model_with_jobs | jq --raw-output '.services | to_entries[] |
        select((.value.profiles // [] | index("jobs")) and
            (.value["x-job"] != true or (.value.labels // {} | has("slipway.backup")))) | .key'
}

# needs JOB: what JOB depends on, one service a line.
needs() {
    model_with_jobs | jq --raw-output --arg job "$1" '.services[$job].depends_on // {} | keys[]'
}

# run_alone SERVICE OPTION… [-- ARGUMENT…]: a one-off container of SERVICE, without its
# dependencies, of the image that is here. An older Compose has no `run --pull`, so the
# service is told by one more file.
run_alone() {
    local service=$1 dir file
    local -a options=()
    shift
    jobs_as_services || return 1
    while (($# > 0)) && [[ $1 != -- ]]; do
        options+=("$1")
        shift
    done
    (($# == 0)) || shift
    dir=$(state_dir) || return 1 # not its 3: a program's own says something else
    file=$dir/$service.alone.yaml
    (umask 077 && printf '{"services": {"%s": {"pull_policy": "never"}}}\n' "$service" >"$file") || return
    COMPOSE_FILE=$COMPOSE_FILE${COMPOSE_PATH_SEPARATOR:-:}$file \
        docker compose run --no-deps -T "${options[@]}" "$service" "$@"
}

# older_job JOB: the id of a container of JOB that runs an image other than JOB's of
# now, and so may not know the newest migrations; nothing when there is none.
older_job() {
    local live image now
    local -a ids
    live=$(live_jobs "$1")
    [[ -n $live ]] || return 0
    mapfile -t ids <<<"$live"
    image=$(model_with_jobs | jq --raw-output --arg job "$1" --arg project "$COMPOSE_PROJECT_NAME" \
        '.services[$job].image // "\($project)-\($job)"')
    now=$(docker image inspect --format '{{.Id}}' "$image")
    docker container inspect --format '{{.Image}} {{.Id}}' "${ids[@]}" |
        awk -v now="$now" '$1 != now && !found++ { print $2 }'
}

# live_jobs JOB: the id of each container of JOB that runs, whoever started it, but
# one that backs up or restores.
live_jobs() {
    containers "service=$1" | awk -v backup="$COMPOSE_PROJECT_NAME-database" \
        '($2 == "running" || $2 == "restarting") && $3 != backup { print $1 }'
}

# no_live_job: leaves with 3 while a one-off container of the project runs, such as the
# migration of a run that was killed: it may write. One that backs up, restores or
# fills the volume of an upgrade was left by a caller that has ended.
no_live_job() {
    local list name
    list=$(containers oneoff=True)
    name=$(awk -v backup="$COMPOSE_PROJECT_NAME-database" -v upgrade="$COMPOSE_PROJECT_NAME-upgrade" \
        '($2 == "running" || $2 == "restarting") && $3 != backup && $3 != upgrade && !found++ { print $3 }' <<<"$list")
    [[ -z $name ]] || fail 3 "$name still runs; wait for its end: docker wait $name"
}

# backup_of JOB: "KIND SERVICE" of the database that JOB migrates: what the label
# slipway.backup of JOB says, else the one PostgreSQL that JOB depends on, known by
# what its official image has to be told; nothing when neither is there.
backup_of() {
    model_with_jobs | jq --raw-output --arg job "$1" '
        .services as $all | $all[$job] |
        (.labels["slipway.backup"] // "" | select(. != "")) //
        ([.depends_on // {} | keys[] | select($all[.].environment // {} |
            has("POSTGRES_PASSWORD") or has("POSTGRES_PASSWORD_FILE") or has("POSTGRES_HOST_AUTH_METHOD"))] |
            select(length == 1) | "postgres \(.[0])")'
}

# job_limit JOB: for how many seconds JOB is waited for: what its label slipway.limit
# says, else an hour.
job_limit() {
    local limit seconds=0
    limit=$(model_with_jobs | jq --raw-output --arg job "$1" '.services[$job].labels["slipway.limit"] // ""')
    if [[ ${limit:=1h} =~ ^(([0-9]+)h)?(([0-9]+)m)?(([0-9]+)s)?$ ]]; then
        seconds=$((10#0${BASH_REMATCH[2]} * 3600 + 10#0${BASH_REMATCH[4]} * 60 + 10#0${BASH_REMATCH[6]}))
    fi
    ((seconds > 0)) || fail 3 "label slipway.limit of $1: \"$limit\" is no duration such as 90s, 30m or 2h"
    printf '%d\n' "$seconds"
}

# in_words SECONDS: a duration as people write it.
in_words() {
    local hours=$(($1 / 3600)) minutes=$(($1 % 3600 / 60)) seconds=$(($1 % 60)) words=
    ((hours == 0)) || words=${hours}h
    ((minutes == 0)) || words+=${minutes}m
    ((seconds == 0)) || words+=${seconds}s
    printf '%s\n' "$words"
}

model_with_jobs() {
    jobs_as_services
    COMPOSE_PROFILES=${COMPOSE_PROFILES:+$COMPOSE_PROFILES,}jobs ask_compose config --format json
}

# jobs_as_services: from here on what stands under jobs: is a service of the profile
# jobs, by one more compose file. Compose 5.6 does nothing with a job but run it: build
# and pull do not know its name, and what only a job names is in no project. Its volume
# is then one of the whole engine's, a folder is mounted for its secret, and it cannot
# start in its network. A job that its own profile switches off stays off. Said once, it
# holds for the subshells, too.
jobs_as_services() {
    local jobs dir
    [[ -z $JOBS_ARE_SERVICES ]] || return 0
    jobs=$(ask_compose config --no-interpolate --format json | jq --compact-output '
        (env.COMPOSE_PROFILES // "" | split(",")) as $on | .jobs // {} |
        map_values(select(.profiles // [] | . == [] or . - $on != . or ($on | index("*"))) |
            .profiles = ["jobs"] | .["x-job"] = true | del(.triggers, .name)) | select(. != {})') || return
    JOBS_ARE_SERVICES=yes
    [[ -n $jobs ]] || return 0
    dir=$(state_dir) || return
    (umask 077 && printf '{"services": %s, "jobs": !reset null}\n' "$jobs" >"$dir/jobs.yaml") || return
    export COMPOSE_FILE=$COMPOSE_FILE${COMPOSE_PATH_SEPARATOR:-:}$dir/jobs.yaml
}

# pullable: the services, jobs among them, whose image is built by none of them.
pullable() {
    model_with_jobs | jq --raw-output '
        [.services[] | select(.build) | .image // empty] as $built |
        .services | to_entries[] | select(.value.build | not) | select(.value.image | IN($built[]) | not) | .key'
}

# containers LABEL: "id state name" of each container of the project that has
# LABEL, com.docker.compose.LABEL in full; one-off containers among them.
containers() {
    docker container ls --all --no-trunc \
        --filter "label=com.docker.compose.project=$COMPOSE_PROJECT_NAME" \
        --filter "label=com.docker.compose.$1" \
        --format '{{.ID}} {{.State}} {{.Names}}'
}
