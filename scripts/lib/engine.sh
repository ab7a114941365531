#!/usr/bin/env bash
# The Docker engine: Docker's own packages where their repository is reachable,
# else the distribution's. Only functions; source it after versions.sh and apt.sh.
#
#   ENGINE_WAIT   seconds until a started engine must answer (default: 60)

# The fingerprint of the key that signs Docker's repository, as Docker publishes it.
DOCKER_KEY=9DC858229FC7DD38854AE2D88D81803C0EBFCD88

# ask_docker: what is there, in one question: ENGINE_VERSION, COMPOSE_VERSION,
# BUILDX_VERSION, each empty when it is not. The client answers about its plugins
# without an engine, too.
ask_docker() {
    local answer=() pair
    ENGINE_VERSION='' COMPOSE_VERSION='' BUILDX_VERSION=''
    present docker || return 0
    read -r -a answer < <(timeout 10 docker info --format \
        '{{if .Info}}engine={{.ServerVersion}}{{end}}{{range .ClientInfo.Plugins}} {{.Name}}={{.Version}}{{end}}' 2>/dev/null) || true
    for pair in "${answer[@]}"; do
        case $pair in
            engine=*) ENGINE_VERSION=${pair#engine=} ;;
            compose=*) COMPOSE_VERSION=${pair#compose=} && COMPOSE_VERSION=${COMPOSE_VERSION#v} ;;
            buildx=*) BUILDX_VERSION=${pair#buildx=} && BUILDX_VERSION=${BUILDX_VERSION#v} ;;
        esac
    done
}

look_engine() {
    if ! present docker; then
        lacks 'there is no docker command'
    elif [[ -z $ENGINE_VERSION ]]; then
        lacks 'the engine does not answer'
    elif ! at_least "$OLDEST_ENGINE" "$ENGINE_VERSION"; then
        lacks "engine $ENGINE_VERSION is older than $OLDEST_ENGINE"
    else
        printf '%s\n' "$ENGINE_VERSION"
    fi
}

install_engine() {
    local socket=${SYSTEM_ROOT:-}/var/run/docker.sock
    case ${DOCKER_HOST:-} in
        ssh://* | tcp://*)
            refuse 'DOCKER_HOST names an engine elsewhere, which has to be started there'
            return 0
            ;;
    esac
    if [[ -n $ENGINE_VERSION ]]; then
        refuse "engine $ENGINE_VERSION has to be upgraded by hand: https://docs.docker.com/engine/install/"
        return 0
    fi
    if [[ -S $socket && ! -w $socket ]]; then
        note 'the engine is not open to this user; log in again after the command'
        run usermod -aG docker "$(id -un)"
        return 0
    fi
    if ! present docker || ! present dockerd; then
        engine_packages
    fi
    start_engine
}

engine_packages() {
    local packages=(docker.io ca-certificates)
    if docker_repository; then
        apt_install docker-ce docker-ce-cli containerd.io
        return 0
    fi
    apt_refresh
    # Newer releases keep the client in a package of its own.
    [[ -z $(apt_candidate docker-cli) ]] || packages+=(docker-cli)
    # Debian 13 has dropped it.
    with_systemd || [[ -z $(apt_candidate cgroupfs-mount) ]] || packages+=(cgroupfs-mount)
    apt_install "${packages[@]}"
}

# docker_repository: makes Docker's packages known; fails when their repository
# cannot be reached or has nothing for this release.
docker_repository() {
    local base codename key sources=${SYSTEM_ROOT:-}/etc/apt/sources.list.d/docker.sources
    [[ -z $(apt_candidate docker-ce) ]] || return 0
    base=https://download.docker.com/linux/$(system_fact ID)
    codename=$(system_fact VERSION_CODENAME)
    [[ -n $codename ]] || return 1
    if ! present curl; then
        apt_install curl ca-certificates || return 1
    fi
    present curl || return 1
    curl -fsSL -o /dev/null --max-time 5 "$base/dists/$codename/Release" 2>/dev/null || return 1
    key=$(curl -fsSL --max-time 20 "$base/gpg") || return 1
    if ! is_docker_key "$key"; then
        note "the key at $base/gpg is not the one with the fingerprint $DOCKER_KEY, and is not installed; Docker's repository is left out"
        return 1
    fi
    write_file "${SYSTEM_ROOT:-}/etc/apt/keyrings/docker.asc" <<<"$key" || return 1
    write_file "$sources" <<SOURCES || return 1
Types: deb
URIs: $base
Suites: $codename
Components: stable
Signed-By: /etc/apt/keyrings/docker.asc
SOURCES
    apt_stale
    apt_refresh
    [[ -z ${PRINT_ONLY:-} && -z $(apt_candidate docker-ce) ]] || return 0
    run rm -f "$sources"
    return 1
}

# is_docker_key KEY: is that one key, with Docker's fingerprint? In a file of several
# a wrong one could stand beside the right one, and apt would believe either.
is_docker_key() {
    local home listed field after='' found=()
    present gpg || apt_install gnupg || return 1
    present gpg || return 1
    home=$(mktemp -d)
    listed=$(gpg --homedir "$home" --batch --show-keys --with-colons 2>/dev/null <<<"$1") || listed=
    rm -rf "$home"
    while IFS=: read -r -a field; do
        [[ $after != pub || ${field[0]:-} != fpr ]] || found+=("${field[9]}")
        after=${field[0]:-}
    done <<<"$listed"
    [[ ${found[*]} == "$DOCKER_KEY" ]]
}

start_engine() {
    local log=${SYSTEM_ROOT:-}/var/log/dockerd.log pid=
    if with_systemd; then
        run systemctl enable --now docker
    else
        if present cgroupfs-mount && ! grep -q -E ' cgroup2? ' /proc/self/mounts; then
            run cgroupfs-mount
        fi
        [[ ! -r ${SYSTEM_ROOT:-}/var/run/docker.pid ]] || pid=$(<"${SYSTEM_ROOT:-}/var/run/docker.pid")
        # The package may have started it; a pid file outlives a crash.
        if [[ -z $pid || ! -d /proc/$pid ]]; then
            run_daemon "$log" dockerd
        fi
    fi
    [[ -n ${PRINT_ONLY:-} ]] || wait_for_engine "$log"
}

wait_for_engine() {
    local log=$1 deadline=$((SECONDS + ENGINE_WAIT)) ended=
    note "waiting for the engine, at most ${ENGINE_WAIT}s"
    while true; do
        # Asked before the engine is, so that a last-moment answer counts.
        ! daemon_ended || ended=yes
        ask_docker
        [[ -z $ENGINE_VERSION ]] || return 0
        [[ -z $ended ]] || break
        ((SECONDS < deadline)) || break
        sleep 0.2
    done
    if with_systemd; then
        fail 1 "the engine does not answer after ${ENGINE_WAIT}s; look with: journalctl -u docker"
    fi
    tail -n 20 "$log" >&2 || true
    [[ -z $ended ]] || fail 1 "the engine ended right after its start; look into $log"
    fail 1 "the engine does not answer after ${ENGINE_WAIT}s; look into $log"
}
