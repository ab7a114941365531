#!/usr/bin/env bash
# Looks at the machine and the stack; changes nothing.
#
# When: before a deployment (preflight), after its containers are up (wait), and
# once they are healthy, from outside (verify). deploy.sh calls all three.
#
# Exit codes: 0 well; 2 usage; 3 pre-flight refused; 4 not healthy.
set -euo pipefail

HERE=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=lib/output.sh
source "$HERE/lib/output.sh"
# shellcheck source=lib/versions.sh
source "$HERE/lib/versions.sh"
# shellcheck source=lib/compose.sh
source "$HERE/lib/compose.sh"

usage() {
    cat <<'USAGE'
usage: health-check.sh preflight
       health-check.sh wait [SECONDS [SERVICE…]]
       health-check.sh verify

  preflight   Docker, Compose, the engine, disk space and ports; lists every
              failure with its remedy
  wait        until every service, or each SERVICE, is healthy; a one-off
              service that exited 0 counts (SECONDS: 300 by default)
  verify      asks each of the URLs in VERIFY_URLS, three times in a row

The environment is that of deploy.sh.
USAGE
}

# refuse SENTENCE REMEDY: one failed check; the others still run.
refuse() {
    note "$1"
    printf '  hint: %s\n' "$2" >&2
    REFUSED=$((REFUSED + 1))
}

preflight() {
    REFUSED=0
    check_commands
    if ((REFUSED == 0)); then
        check_disk
        select_project
        check_ports
    fi
    ((REFUSED == 0)) || fail 3 "$REFUSED of the checks failed"
}

check_commands() {
    local command version
    for command in docker jq curl flock; do
        [[ -n $(command -v "$command") ]] || refuse "$command is not installed" "bash $HERE/prerequisites.sh tools engine"
    done
    [[ -n $(command -v docker) ]] || return 0
    if ! version=$(docker compose version --short 2>/dev/null); then
        refuse "docker has no compose plugin" "bash $HERE/prerequisites.sh compose buildx"
    elif ! at_least "$OLDEST_COMPOSE" "${version#v}"; then
        refuse "Compose $version is older than $OLDEST_COMPOSE" "bash $HERE/prerequisites.sh compose buildx"
    fi
    if ! version=$(docker version --format '{{.Server.Version}}' 2>/dev/null); then
        refuse "the Docker engine does not answer" "systemctl start docker, or join the group docker"
    elif ! at_least "$OLDEST_ENGINE" "$version"; then
        refuse "engine $version is older than $OLDEST_ENGINE" "upgrade Docker: https://docs.docker.com/engine/install/"
    fi
}

# Ten gigabytes where the images will be; at the root when the engine is remote.
check_disk() {
    local dir free
    dir=$(docker info --format '{{.DockerRootDir}}')
    [[ -d $dir ]] || dir=/
    free=$(df --output=avail --block-size=1G -- "$dir" | tail -n 1)
    ((free >= ${MIN_DISK_GB:-10})) ||
        refuse "only $((free)) GB of disk are free" "docker system df shows what takes the space"
}

# Every port the stack publishes is free, or this stack's own containers hold it.
check_ports() {
    local port ports held
    held=$(held_ports)
    ports=$(ask_compose config --format json |
        jq --raw-output '[.services[].ports // [] | .[] | select(.protocol != "udp") | .published // empty] | unique[]')
    for port in $ports; do
        [[ $'\n'$held$'\n' != *$'\n'$port$'\n'* ]] || continue
        ! port_taken "$port" || refuse "port $port is taken by something else" "ss -ltnp 'sport = :$port' names it"
    done
}

# held_ports: the ports that this project's containers publish, one a line.
held_ports() {
    local list
    local -a ids
    list=$(docker container ls --quiet --filter "label=com.docker.compose.project=$COMPOSE_PROJECT_NAME")
    [[ -n $list ]] || return 0
    mapfile -t ids <<<"$list"
    docker container inspect \
        --format '{{range .HostConfig.PortBindings}}{{range .}}{{println .HostPort}}{{end}}{{end}}' "${ids[@]}"
}

# port_taken PORT: something on this machine listens there.
port_taken() {
    (exec 4<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

# wait_healthy SECONDS SERVICE…: two good looks in a row without a restart between
# them, so that a crash loop is not taken for health in the instant it is up.
wait_healthy() {
    local deadline=$((SECONDS + $1)) look before='' unwell said=''
    shift
    while :; do
        look=$(look_at "$@")
        unwell=$(not_ok "$look")
        if [[ -z $unwell ]]; then
            [[ $look != "$before" ]] || return 0
            before=$look
        elif [[ $unwell != "$said" ]]; then
            note "waiting: ${unwell//$'\n'/; }"
            said=$unwell
            before=
        fi
        if [[ $'\n'$look == *$'\n'failed* ]]; then
            break
        fi
        ((SECONDS < deadline)) || break
        sleep 0.5
    done
    explain "$look"
    fail 4 "not healthy: ${unwell//$'\n'/; }"
}

# look_at SERVICE…: one line a container, "ok|waiting|failed ID START SERVICE WHY".
# START tells one life of a container from the next.
look_at() {
    local service list
    local -a ids
    for service in "$@"; do
        list=$(containers "service=$service")
        if [[ -z $list ]]; then
            printf 'waiting - - %s has no container\n' "$service"
            continue
        fi
        mapfile -t ids < <(awk '{ print $1 }' <<<"$list")
        docker container inspect "${ids[@]}" | jq --raw-output '
            .[] | select(.Config.Labels["com.docker.compose.oneoff"] != "True") |
            .State as $state | .HostConfig.RestartPolicy.Name as $policy |
            (if $state.Status == "running" then
                if $state.Health == null then ["ok", "runs"]
                elif $state.Health.Status == "healthy" then ["ok", "is healthy"]
                else ["waiting", "is \($state.Health.Status)"] end
            elif $state.Error != "" then ["failed", "did not start"]
            elif $state.Status == "exited" and ($policy == "no" or $policy == "") then
                if $state.ExitCode == 0 then ["ok", "is done"]
                else ["failed", "exited with code \($state.ExitCode)"] end
            else ["waiting", "is \($state.Status), last exit code \($state.ExitCode)"] end) as [$verdict, $why] |
            "\($verdict) \(.Id) \($state.StartedAt) \(.Config.Labels["com.docker.compose.service"]) \($why)"'
    done
}

# not_ok LOOK: what is still to wait for, "SERVICE WHY" a line.
not_ok() {
    awk '$1 != "ok" { sub(/^[^ ]+ [^ ]+ [^ ]+ /, ""); print }' <<<"$1"
}

# explain LOOK: the last lines and the last check of each container that is not ok.
explain() {
    local verdict id service
    while read -r verdict id _ service _; do
        [[ $verdict != ok && $id != - ]] || continue
        note "$service: last lines"
        docker logs --tail 20 "$id" >&2 || note "$service: the log cannot be read"
        docker container inspect "$id" |
            jq --raw-output '.[].State | .Error, (.Health.Log // [] | last | .Output // empty) | select(. != "")' >&2
    done <<<"$1"
}

wait_for() {
    local seconds=${1:-300} list
    [[ $seconds =~ ^[0-9]+$ ]] || usage_error "\"$seconds\" is no number of seconds"
    (($# == 0)) || shift
    select_project
    if (($# == 0)); then
        list=$(services)
        mapfile -t list <<<"$list"
        set -- "${list[@]}"
    fi
    wait_healthy "$seconds" "$@"
}

# verify: from outside, and in a row, for one answer may be luck.
verify() {
    local -a urls
    local pass url
    read -r -a urls <<<"${VERIFY_URLS:-}"
    if ((${#urls[@]} == 0)); then
        note 'nothing is asked from outside: VERIFY_URLS names no URL'
        return
    fi
    for pass in 1 2 3; do
        for url in "${urls[@]}"; do
            curl --fail --silent --show-error --max-time 10 --output /dev/null -- "$url" ||
                fail 4 "GET $url failed in pass $pass of 3"
        done
    done
    note "answered 3 times in a row: ${urls[*]}"
}

main() {
    (($# > 0)) || usage_error "what to check is missing"
    local check=$1
    shift
    case $check in
        --help | -h)
            usage
            return
            ;;
        wait) ;;
        preflight | verify) (($# == 0)) || usage_error "$check takes no argument" ;;
        *) usage_error "there is no check \"$check\"" ;;
    esac
    watch_faults
    case $check in
        preflight) preflight ;;
        wait) wait_for "$@" ;;
        verify) verify ;;
    esac
}

main "$@"
