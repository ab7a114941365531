#!/usr/bin/env bash
# Deploys a Compose stack: every docker command that changes something is here or in
# lib/*.sh.
#
# Without a step it does the whole deployment, by hand, in eight:
#   1 pre-flight   2 pull   3 build   4 migrate   5 up   6 wait   7 verify   8 cleanup
# With one it does that alone; this is how Slipway calls it.
#
# Exit codes: 0 done; 2 usage; 3 refused, nothing was touched; 4 the stack is not
# healthy; 11 another deployment holds the lock; 12 a job still runs at its limit; else
# that of the command that failed.
set -euo pipefail

HERE=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=lib/output.sh
source "$HERE/lib/output.sh"
# shellcheck source=lib/compose.sh
source "$HERE/lib/compose.sh"
# shellcheck source=lib/hooks.sh
source "$HERE/lib/hooks.sh"
# shellcheck source=lib/state.sh
source "$HERE/lib/state.sh"
# shellcheck source=lib/lock.sh
source "$HERE/lib/lock.sh"
# shellcheck source=lib/postgres.sh
source "$HERE/lib/postgres.sh"
# shellcheck source=lib/sqlite.sh
source "$HERE/lib/sqlite.sh"
# shellcheck source=lib/mariadb.sh
source "$HERE/lib/mariadb.sh"
# shellcheck source=lib/redis.sh
source "$HERE/lib/redis.sh"
# shellcheck source=lib/volume.sh
source "$HERE/lib/volume.sh"
# shellcheck source=lib/backup.sh
source "$HERE/lib/backup.sh"
# shellcheck source=lib/release.sh
source "$HERE/lib/release.sh"
# shellcheck source=lib/rehearsal.sh
source "$HERE/lib/rehearsal.sh"
# shellcheck source=lib/upgrade.sh
source "$HERE/lib/upgrade.sh"

TIMED_OUT=124 # of timeout(1)

usage() {
    cat <<'USAGE'
usage: deploy.sh [--skip-checks] [--no-build]
       deploy.sh STEP [ARGUMENT…]

Deploys the stack in eight steps, or does one step.

  --skip-checks            leave out step 1, the pre-flight checks
  --no-build               leave out step 3: use the images that are there

  rehearse FILE SERVICE…   create containers of services of FILE, never start them
  stage IMAGE…             create a container of each image, never start it; print its id
  unstage                  remove what rehearse and stage made
  pull [SERVICE…]          fetch the images of services, by hand those that are missing
  build [SERVICE…]         build images
  start SERVICE…           start services that are down; touch none that runs
  stop SERVICE…            stop services, keep their containers
  hooks SERVICE CONTAINER…  run the pre_stop hooks of a service in its containers
  halt CONTAINER…          stop containers, keep them
  aside CONTAINER…         give containers other names, so that theirs are free
  backup FILE KIND SERVICE [ABOUT]   write a checked copy of a database
  check FILE KIND SERVICE [foreign]    look whether such a copy is whole and fits
  restore FILE KIND SERVICE [foreign]  put such a copy in the place of its content
  finish                   have a restore that was killed come to its end, or to nothing
  upgrade SERVICE CONTAINER TARGET HOME  fill the new volume of a PostgreSQL, mounted
                           at TARGET, its data in HOME, from its old container
  migrate JOB              run a one-off job; adopt it when it already runs
  up [SERVICE [REPLICAS]]  bring a service, or all, to its configuration
  renew SERVICE REPLICAS…  recreate the containers of services, changed or not
  unlink NETWORK…          remove networks, whoever was in them stopped beforehand
  beside SERVICE REPLICAS  add new containers of a service beside its old ones
  reload CONTAINER exec COMMAND… | signal NAME   have a proxy look names up again
  retire CONTAINER…        stop and remove containers, keep their volumes
  version IMAGE PROGRAM    have a program of an image say its version
  keep TAG IMAGE…          give images of a release tags and keep them from being pruned
  drop [IMAGE…] -- TAG…    take such tags away, and keep the IMAGEs alone
  name NAME IMAGE…         give images of a release the names that its files call them by
  cleanup                  remove this project's dangling images
  down                     stop and remove the project, keep its volumes

KIND is postgres, mariadb or redis; sqlite, which the program of SERVICE copies itself;
or volume, with the name of a volume of the compose files as SERVICE: who writes to it
is stopped meanwhile. FILE without a slash is in the backups of STATE_DIR. Stop what writes before a restore. A copy of
another project, or of a newer server, is refused without the word foreign.

In the eight steps, a backup precedes the migration: of the PostgreSQL that the job
depends on, or as the job's label slipway.backup says: "KIND SERVICE".

A job is waited for as long as its label slipway.limit says (default: 1h). One that still
runs then is not stopped, as it may be half done; the next migrate waits for it again.

environment:
  DESTINATION   local (default), production, …: which overlay and env file
  STACK_DIR     the directory of docker-compose.yml (default: ../stack)
  STATE_DIR     the directory of the lock (default: /var/lib/slipway/PROJECT)
  VERIFY_URLS   what step 7 asks: URLs with a blank between
  HEALTH_TIMEOUT  seconds that step 6 waits (default: 300)
  COMPOSE_FILE, COMPOSE_PROJECT_NAME, COMPOSE_ENV_FILES, COMPOSE_PROFILES,
  LOCK_FD, FAULT_FILE  set by a caller that has decided; see lib/*.sh
USAGE
}

step_pull() {
    jobs_as_services
    if (($# == 0)); then
        local list
        list=$(pullable)
        [[ -n $list ]] || return 0
        mapfile -t list <<<"$list"
        docker compose pull --policy missing "${list[@]}" >&2
        return
    fi
    docker compose pull --policy always "$@" >&2
}

step_rehearse() {
    (($# > 1)) || usage_error "rehearse needs a FILE and a SERVICE"
    rehearse "$@"
}

step_stage() {
    (($# > 0)) || usage_error "stage needs an IMAGE"
    stage_images "$@"
}

step_unstage() { forget_rehearsal; }

step_build() {
    jobs_as_services
    if (($# == 0)); then
        local -x COMPOSE_PROFILES=${COMPOSE_PROFILES:+$COMPOSE_PROFILES,}jobs
    fi
    # An attestation carries the time of the build: the same content would be another image.
    BUILDX_NO_DEFAULT_ATTESTATIONS=1 docker compose build "$@" >&2
}

step_start() {
    (($# > 0)) || usage_error "start needs a SERVICE"
    heal_names "$@"
    docker compose up -d --no-deps --no-recreate --no-build --pull never "$@" >&2
}

step_stop() {
    (($# > 0)) || usage_error "stop needs a SERVICE"
    docker compose stop "$@" >&2
}

step_hooks() {
    (($# > 1)) || usage_error "hooks needs a SERVICE and its CONTAINERs"
    pre_stop "$@"
}

step_halt() {
    (($# > 0)) || usage_error "halt needs a CONTAINER"
    docker stop "$@" >/dev/null
}

# Compose knows its containers by their labels, and gives them their names when it
# makes them anew.
step_aside() {
    (($# > 0)) || usage_error "aside needs a CONTAINER"
    local id name
    for id in "$@"; do
        name=$(docker container inspect --format '{{.Name}}' "$id")
        [[ $name == *-aside-"${id:0:12}" ]] || docker rename "$id" "${name#/}-aside-${id:0:12}"
    done
}

step_backup() {
    [[ ($# -eq 3 || $# -eq 4) && $2 =~ ^($KINDS)$ ]] || usage_error "backup needs a FILE, a KIND and a SERVICE"
    take_backup "$@"
}

step_check() {
    of_backup "$@"
    check_backup "$@" >/dev/null
}

step_restore() {
    of_backup "$@"
    no_live_job
    put_back "$@"
}

step_finish() {
    no_live_job
    finish_restore
}

step_upgrade() {
    (($# == 4)) || usage_error "upgrade needs a SERVICE, its old CONTAINER, a TARGET and a HOME"
    no_live_job
    upgrade_postgres "$@"
}

# of_backup FILE KIND SERVICE [foreign]
of_backup() {
    [[ ($# -eq 3 || ($# -eq 4 && $4 == foreign)) && $2 =~ ^($KINDS)$ ]] ||
        usage_error "$STEP needs a FILE, a KIND and a SERVICE, and takes the word foreign behind them"
}

step_migrate() {
    (($# == 1)) || usage_error "migrate needs one JOB"
    jobs_as_services
    run_job "$1"
}

# run_job JOB [COMMAND…]: adopts the container of JOB that runs, or else starts one,
# behind COMMAND. It is detached and has a name of its own: a run that was killed
# leaves it going, the engine refuses a second one, and the next run adopts it.
run_job() {
    local job=$1 container=$COMPOSE_PROJECT_NAME-$1 live limit
    shift
    limit=$(job_limit "$job")
    clear_job "$job" "$container"
    live=$(live_jobs "$job")
    if [[ -n $live ]]; then
        note "migrate: $job already runs; waiting for it"
        container=${live%%$'\n'*}
    else
        "$@"
        run_alone "$job" --detach --name "$container" >/dev/null
    fi
    finish_job "$job" "$container" "$limit"
    mark_migrated
}

# finish_job JOB CONTAINER LIMIT: waits for its end, for LIMIT seconds, and leaves with
# its exit code if it failed. It is not stopped at the limit: what it has begun, only it
# can finish.
finish_job() {
    local job=$1 container=$2 limit=$3 end=$((SECONDS + $3)) left code asked=0
    # A log that cannot be read does not decide whether the job succeeded.
    timeout --foreground "$limit" docker logs --follow --tail 20 "$container" >&2 || asked=$?
    ((asked == 0 || asked == TIMED_OUT)) || note "migrate: the log of $job cannot be read"
    left=$((end > SECONDS ? end - SECONDS : 1))
    asked=0
    code=$(timeout --foreground "$left" docker wait "$container") || asked=$?
    ((asked != TIMED_OUT)) ||
        fail 12 "$job still runs after its limit of $(in_words "$limit"). It was not stopped; docker logs --follow $container shows it"
    ((asked == 0)) || fail "$asked" "the end of $job cannot be awaited"
    ((code == 0)) || fail "$code" "$job ended with exit code $code; its container is kept"
    docker rm "$container" >/dev/null
}

# clear_job JOB NAME: removes what an earlier run left. What never started or is
# paused would be a second migration the moment it went on.
clear_job() {
    local job=$1 own=$2 list id state name
    list=$(containers "service=$job")
    while read -r id state name; do
        case $state in
            '' | running | restarting) ;;
            # Not by force: one that the engine is starting just now is adopted.
            created) docker rm "$id" >/dev/null 2>&1 || note "migrate: $name is being started" ;;
            paused | removing | dead) docker rm --force "$id" >/dev/null ;;
            *) [[ $name != "$own" ]] || docker rm "$id" >/dev/null ;;
        esac
    done <<<"$list"
}

# heal_names [SERVICE…]: a recreate that was cut short leaves the new container as
# <id>_NAME, never started; of another service it may be going on just now, so that
# only these are looked at, or all where none is named. Compose would start it under that name and keep it. It is removed
# while the old one is there, and else takes its name: with the old one gone, it
# alone still refers to their anonymous volumes. A paused one goes on: Compose cannot
# start it, and what it was paused for, the deployment does not know.
heal_names() {
    local list id state name service
    list=$(docker container ls --all --no-trunc \
        --filter "label=com.docker.compose.project=$COMPOSE_PROJECT_NAME" --filter label=com.docker.compose.oneoff=False \
        --format '{{.ID}} {{.State}} {{.Names}} {{.Label "com.docker.compose.service"}}')
    while read -r id state name service; do
        (($# == 0)) || [[ " $* " == *" $service "* ]] || continue
        [[ $state != paused ]] || docker unpause "$id" >/dev/null
        [[ $name =~ ^[0-9a-f]{12}_(.+)$ ]] || continue
        if [[ $list != *" ${BASH_REMATCH[1]} "* ]]; then
            docker rename "$id" "${BASH_REMATCH[1]}"
        elif [[ $state == created ]]; then
            docker rm "$id" >/dev/null
        fi
    done <<<"$list"
}

step_up() {
    (($# <= 2)) || usage_error "up takes one SERVICE and its REPLICAS"
    heal_names "${@:1:1}"
    case $# in
        0) docker compose up -d --no-build --pull never >&2 ;;
        1) docker compose up -d --no-deps --no-build --pull never "$1" >&2 ;;
        2) docker compose up -d --no-deps --no-build --pull never --scale "$1=$2" "$1" >&2 ;;
    esac
}

# Compose does not see that the contents of a mounted file changed.
step_renew() {
    (($# > 0 && $# % 2 == 0)) || usage_error "renew needs a SERVICE and its REPLICAS, or several such pairs"
    local -a scales=() services=()
    while (($# > 0)); do
        scales+=(--scale "$1=$2")
        services+=("$1")
        shift 2
    done
    heal_names "${services[@]}"
    docker compose up -d --no-deps --force-recreate --no-build --pull never "${scales[@]}" "${services[@]}" >&2
}

# A proxy that looked its upstreams up when it started is told to do so again.
step_reload() {
    [[ $# -gt 2 && ($2 == exec || $2 == signal) ]] || usage_error "reload needs a CONTAINER, and exec COMMAND… or signal NAME"
    local container=$1 how=$2
    shift 2
    if [[ $how == signal ]]; then
        docker kill --signal "$1" "$container" >/dev/null
    else
        docker exec "$container" "$@" >&2
    fi
}

# A changed network has to be made anew, and the engine removes none that somebody is in.
# What was in it is stopped beforehand; it comes back with the next renew.
step_unlink() {
    (($# > 0)) || usage_error "unlink needs a NETWORK"
    local network list id
    for network in "$@"; do
        list=$(docker network ls --quiet --filter "name=^$network\$")
        [[ -n $list ]] || continue
        list=$(docker network inspect --format '{{range $id, $_ := .Containers}}{{println $id}}{{end}}' "$network")
        for id in $list; do
            docker network disconnect --force "$network" "$id"
        done
        docker network rm "$network" >/dev/null
    done
}

step_beside() {
    (($# == 2)) || usage_error "beside needs a SERVICE and its REPLICAS"
    heal_names "$1"
    docker compose up -d --no-deps --no-recreate --no-build --pull never --scale "$1=$2" "$1" >&2
}

step_retire() {
    (($# > 0)) || usage_error "retire needs a CONTAINER"
    local container
    for container in "$@"; do
        docker stop "$container" >/dev/null
        docker rm "$container" >/dev/null
    done
}

# What a server calls itself, before it gets near any data; 127 where it is not there.
step_version() {
    (($# == 2)) || usage_error "version needs an IMAGE and a PROGRAM"
    docker run --rm --pull never --network none --read-only --entrypoint "$2" "$1" --version
}

step_keep() {
    (($# > 0 && $# % 2 == 0)) || usage_error "keep needs a TAG and an IMAGE, or more such pairs"
    keep_images "$@"
}

step_drop() {
    [[ " $* " == *" -- "* ]] || usage_error "drop needs -- between IMAGEs and TAGs"
    drop_images "$@"
}

step_name() {
    (($# > 0 && $# % 2 == 0)) || usage_error "name needs a NAME and an IMAGE, or more such pairs"
    name_images "$@"
}

# The engine prunes for one project at a time and refuses whoever asks meanwhile.
step_cleanup() {
    local code tries=5
    while true; do
        code=0
        docker image prune --force --filter "label=com.docker.compose.project=$COMPOSE_PROJECT_NAME" >&2 || code=$?
        ((code != 0 && --tries > 0)) || break
        sleep 1
    done
    ((code == 0)) || fail "$code" "dangling images cannot be removed"
}

# Compose leaves the containers of jobs, and with one of them its network.
step_down() {
    local list id
    no_live_job
    list=$(containers oneoff=True)
    while read -r id _; do
        [[ -z $id ]] || step_retire "$id"
    done <<<"$list"
    jobs_as_services
    docker compose --profile '*' down >&2
}

# migrate_all: by hand nobody else starts the databases, waits for them and has them
# backed up, or looks whether what still runs knows the newest migrations.
migrate_all() {
    local job jobs list older limit restoring
    local -a databases
    restoring=$(restored_service)
    if [[ -n $restoring ]]; then
        step_start "$restoring"
        "$HERE/health-check.sh" wait "${HEALTH_TIMEOUT:-300}" "$restoring"
    fi
    finish_restore
    jobs_as_services
    jobs=$(job_names)
    for job in $jobs; do
        list=$(needs "$job")
        if [[ -n $list ]]; then
            mapfile -t databases <<<"$list"
            step_start "${databases[@]}"
            "$HERE/health-check.sh" wait "${HEALTH_TIMEOUT:-300}" "${databases[@]}"
        fi
        limit=$(job_limit "$job")
        older=$(older_job "$job")
        while [[ -n $older ]]; do
            note "migrate: $job of another image still runs; waiting for it, to migrate behind it"
            finish_job "$job" "$older" "$limit"
            older=$(older_job "$job")
        done
        run_job "$job" back_up_before "$job"
    done
}

# act NUMBER NAME COMMAND…: one of the eight steps, announced.
act() {
    local number=$1
    STEP=$2
    note "step $number/8 $STEP"
    shift 2
    "$@"
}

deploy() {
    local checks=$1 build=$2
    if [[ $checks == yes ]]; then
        act 1 pre-flight "$HERE/health-check.sh" preflight
    else
        note "step 1/8 pre-flight skipped: --skip-checks"
    fi
    select_project
    take_lock
    act 2 pull step_pull
    if [[ $build == yes ]]; then
        act 3 build step_build
    else
        note "step 3/8 build skipped: --no-build"
    fi
    act 4 migrate migrate_all
    act 5 up step_up
    act 6 wait "$HERE/health-check.sh" wait "${HEALTH_TIMEOUT:-300}"
    act 7 verify "$HERE/health-check.sh" verify
    act 8 cleanup step_cleanup
}

main() {
    local checks=yes build=yes
    STEP=
    if (($# > 0)) && [[ $1 != -* ]]; then
        case $1 in
            rehearse | stage | unstage | pull | build | start | stop | hooks | halt | aside | backup | check | restore | finish | upgrade | migrate | up | renew | unlink | reload | beside | retire | version | keep | drop | name | cleanup | down) ;;
            *) usage_error "there is no step \"$1\"" ;;
        esac
        STEP=$1
        shift
        watch_faults
        select_project
        take_lock
        "step_$STEP" "$@"
        return
    fi
    while (($# > 0)); do
        case $1 in
            --skip-checks) checks=no ;;
            --no-build) build=no ;;
            --help | -h)
                usage
                return
                ;;
            *) usage_error "there is no option \"$1\"" ;;
        esac
        shift
    done
    watch_faults
    deploy "$checks" "$build"
}

main "$@"
