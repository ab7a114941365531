#!/usr/bin/env bash
# Builds the images of the production stack on a machine without a registry: real servers from Debian 12's packages, Caddy
# from its Go module, stand-ins for what neither has. README.md says which is which.
#
# usage: build.sh [--force] [IMAGE…]     IMAGE: postgres redis caddy prometheus node-exporter blackbox-exporter
#                                               minio loki promtail grafana uptime-kuma (all of these without one),
#                                               postgres-13 postgres-17 postgres-18 mariadb-10.11 mariadb-11.8 redis-8
#                                               mariadb-tools-10.11 mariadb-tools-11.8
#
# An image whose recipe has not changed is kept; --force builds it again, with the packages' current versions.
# Needs root, docker, mmdebstrap, and go. APT_SOURCES names the list of Debian 12's archives; the
# default is the machine's own.
# Exit: 0 built or already there, 1 failed, 2 wrong usage.
set -euo pipefail

readonly repository=slipway-test label=slipway.testimages.recipe
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
readonly here

readonly -A tags=(
    [postgres]=postgres:15 [redis]=redis:7 [caddy]=caddy:2.11 [prometheus]=prometheus:2.42
    ["node-exporter"]=node-exporter:1.5 ["blackbox-exporter"]=blackbox-exporter:0.23
    [minio]=minio-standin:1 [loki]=loki-standin:1 [promtail]=promtail-standin:1 [grafana]=grafana-standin:1
    ["uptime-kuma"]=uptime-kuma-standin:1
    ["postgres-13"]=postgres:13 ["postgres-17"]=postgres:17 ["postgres-18"]=postgres:18 ["redis-8"]=redis:8
    ["mariadb-10.11"]=mariadb:10.11 ["mariadb-11.8"]=mariadb:11.8
    ["mariadb-tools-10.11"]=mariadb:10.11-tools ["mariadb-tools-11.8"]=mariadb:11.8-tools
)
readonly order=(postgres redis caddy prometheus node-exporter blackbox-exporter minio loki promtail grafana uptime-kuma)

say() {
    printf 'testimages: %s\n' "$*" >&2
}

fail() {
    say "$*"
    exit 1
}

usage() {
    say "usage: build.sh [--force] [IMAGE…], where IMAGE is one of: ${order[*]}"
    exit 2
}

# recipe prints the digest of everything here that decides what an image contains.
recipe() {
    local name="$1" paths=("$here/build.sh") own
    own=$here/${tags[$name]%%:*}
    case "${tags[$name]}" in
        *-standin:*) paths+=("$here"/standin/{go.mod,main.go,minio.go}) ;;
        *) [[ ! -d "$own" ]] || paths+=("$own"/*) ;;
    esac
    cat "${paths[@]}" | sha256sum | cut -d ' ' -f 1
}

built() {
    local name="$1" found
    found=$(docker image inspect --format "{{index .Config.Labels \"$label\"}}" "$repository/${tags[$name]}" 2>/dev/null) || return 1
    [[ "$found" == "$(recipe "$name")" ]]
}

apt_sources() {
    local candidate
    for candidate in "${APT_SOURCES:-}" /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list; do
        if [[ -s "$candidate" ]]; then
            printf '%s\n' "$candidate"
            return
        fi
    done
    fail "no list of Debian's archives found; name one: APT_SOURCES=FILE build.sh"
}

# unpack DIRECTORY PACKAGE… lays out packages of Debian 12 and what they depend on. Nothing is installed: no maintainer
# script runs, so what such a script would have made is made in base.
unpack() {
    unpack_from bookworm "$@"
}

# unpack_from SUITE DIRECTORY PACKAGE… does so with those of another release. Testing's list may be past its date.
unpack_from() {
    local suite="$1" root="$2" sources=()
    shift 2
    [[ "$suite" != bookworm ]] || sources=("$(apt_sources)")
    local packages
    packages=$(IFS=, && printf '%s' "$*")
    if ! mmdebstrap --quiet --variant=extract --hook-dir=/usr/share/mmdebstrap/hooks/merged-usr --include="$packages" \
        --aptopt='Acquire::Check-Valid-Until "false"' "$suite" "$root" "${sources[@]}" >"$root.log" 2>&1; then
        cat "$root.log" >&2
        fail "unpack $packages: mmdebstrap failed"
    fi
}

# base ROOT [USER] makes a directory of unpacked packages one that programs can run in, and drops what none of them
# reads. USER gets the number that the official images give it.
base() {
    local root="$1" user="${2:-daemon}" applet
    rm -rf "$root"/usr/share/{doc,man,locale,info,lintian,javascript,i18n,perl,perl5} "$root"/var/{cache,lib/apt,lib/dpkg} \
        "$root"/usr/lib/*-linux-gnu/{perl,perl-base,perl5} "${root:?}/dev" "$root/etc/apt" "$root"/usr/bin/perl* "$root"/usr/lib/*-linux-gnu/libperl*
    mkdir -p "$root"/{dev,etc/ssl/certs,proc,sys,run,root,tmp,usr/local/bin,var/tmp}
    chmod 1777 "$root"/{tmp,var/tmp}
    rm -rf "$root/var/run"
    ln -s /run "$root/var/run"
    printf '%s\n' root:x:0:0:root:/root:/bin/sh "$user:x:999:999::/:/bin/sh" nobody:x:65534:65534:nobody:/:/bin/false >"$root/etc/passwd"
    printf '%s\n' root:x:0: "$user:x:999:" nogroup:x:65534: >"$root/etc/group"
    printf 'hosts: files dns\n' >"$root/etc/nsswitch.conf"
    while read -r applet; do
        [[ -e "$root/usr/bin/$applet" || -e "$root/usr/sbin/$applet" ]] || ln -s busybox "$root/usr/bin/$applet"
    done < <("$root/usr/bin/busybox" --list)
    if [[ -d "$root/usr/share/ca-certificates/mozilla" ]]; then
        cat "$root"/usr/share/ca-certificates/mozilla/*.crt >"$root/etc/ssl/certs/ca-certificates.crt"
    fi
    ldconfig -r "$root"
}

# compile MODULE FILE builds the Go program in the directory MODULE.
compile() {
    (cd "$here/$1" && CGO_ENABLED=0 go build -trimpath -ldflags '-s -w' -o "$2" .)
}

# import NAME DIRECTORY INSTRUCTION… turns a directory into the image.
import() {
    local name="$1" root="$2" instruction changes=()
    shift 2
    for instruction in "LABEL $label=$(recipe "$name")" 'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' "$@"; do
        changes+=(--change "$instruction")
    done
    tar -C "$root" -c . | docker import "${changes[@]}" - "$repository/${tags[$name]}" >/dev/null
}

build_postgres() {
    postgres_image postgres "$1" 15 bookworm /var/lib/postgresql/data /var/lib/postgresql/data
}

build_postgres-13() {
    postgres_image postgres-13 "$1" 13 bullseye /var/lib/postgresql/data /var/lib/postgresql/data 'ENV PG_MAJOR=13'
}

build_postgres-17() {
    postgres_image postgres-17 "$1" 17 trixie /var/lib/postgresql/data /var/lib/postgresql/data 'ENV PG_MAJOR=17'
}

build_postgres-18() {
    postgres_image postgres-18 "$1" 18 forky /var/lib/postgresql /var/lib/postgresql/18/docker 'ENV PG_MAJOR=18'
}

# postgres_image NAME ROOT MAJOR SUITE VOLUME PGDATA INSTRUCTION…
postgres_image() {
    local name="$1" root="$2" major="$3" suite="$4" volume="$5" pgdata="$6"
    local bin=/usr/lib/postgresql/$major/bin
    shift 6
    unpack_from "$suite" "$root" busybox-static bash libc-bin gosu "postgresql-$major"
    base "$root" postgres
    # Without its compiler the server runs the same queries, not compiled.
    rm -rf "$root"/usr/lib/*-linux-gnu/{libLLVM*,libz3*} "$root/usr/lib/postgresql/$major"/lib/{llvmjit*,bitcode}
    sed -i "s/^#listen_addresses = .*/listen_addresses = '*'/" "$root/usr/share/postgresql/$major/postgresql.conf.sample"
    install -D -m 755 "$here/postgres/docker-entrypoint.sh" "$root/usr/local/bin/docker-entrypoint.sh"
    install -d -m 1777 -o 999 -g 999 "$root$volume" "$root/run/postgresql"
    mkdir -p "$root/docker-entrypoint-initdb.d"
    import "$name" "$root" "ENV PATH=/usr/local/bin:$bin:/usr/sbin:/usr/bin:/sbin:/bin" \
        "ENV PGDATA=$pgdata" 'ENV LANG=C.UTF-8' "VOLUME $volume" 'EXPOSE 5432' \
        'ENTRYPOINT ["docker-entrypoint.sh"]' 'CMD ["postgres"]' "$@"
}

build_redis() {
    redis_image redis "$1" bookworm
}

build_redis-8() {
    redis_image redis-8 "$1" trixie
}

# redis_image NAME ROOT SUITE
redis_image() {
    local name="$1" root="$2"
    unpack_from "$3" "$root" busybox-static bash libc-bin gosu redis-server
    base "$root" redis
    install -D -m 755 "$here/redis/docker-entrypoint.sh" "$root/usr/local/bin/docker-entrypoint.sh"
    install -d -o 999 -g 999 "$root/data"
    import "$name" "$root" 'WORKDIR /data' 'VOLUME /data' 'EXPOSE 6379' 'ENTRYPOINT ["docker-entrypoint.sh"]' 'CMD ["redis-server"]'
}

build_mariadb-10.11() {
    mariadb_image mariadb-10.11 "$1" bookworm
}

build_mariadb-11.8() {
    mariadb_image mariadb-11.8 "$1" trixie
}

build_mariadb-tools-10.11() {
    mariadb_image mariadb-tools-10.11 "$1" bookworm mariadb-client
}

build_mariadb-tools-11.8() {
    mariadb_image mariadb-tools-11.8 "$1" trixie mariadb-client
}

# mariadb_image NAME ROOT SUITE [PACKAGE…]
mariadb_image() {
    local name="$1" root="$2"
    unpack_from "$3" "$root" busybox-static bash libc-bin gosu mariadb-server-core mariadb-client-core "${@:4}"
    base "$root" mysql
    install -D -m 755 "$here/mariadb/docker-entrypoint.sh" "$root/usr/local/bin/docker-entrypoint.sh"
    install -d -m 1777 -o 999 -g 999 "$root/var/lib/mysql" "$root/run/mysqld"
    import "$name" "$root" 'VOLUME /var/lib/mysql' 'EXPOSE 3306' 'ENTRYPOINT ["docker-entrypoint.sh"]' 'CMD ["mariadbd"]'
}

build_caddy() {
    local root="$1"
    unpack "$root" busybox-static libc-bin ca-certificates media-types
    base "$root"
    compile caddy "$root/usr/bin/caddy"
    mkdir -p "$root"/{data,config}/caddy "$root/etc/caddy" "$root/srv"
    import caddy "$root" 'WORKDIR /srv' 'ENV XDG_CONFIG_HOME=/config' 'ENV XDG_DATA_HOME=/data' 'EXPOSE 80' 'EXPOSE 443' \
        'EXPOSE 443/udp' 'EXPOSE 2019' 'CMD ["caddy", "run", "--config", "/etc/caddy/Caddyfile", "--adapter", "caddyfile"]'
}

build_prometheus() {
    local root="$1"
    unpack "$root" busybox-static libc-bin ca-certificates prometheus
    base "$root"
    install -d -o 65534 -g 65534 "$root/prometheus"
    import prometheus "$root" 'WORKDIR /prometheus' 'USER nobody' 'VOLUME /prometheus' 'EXPOSE 9090' \
        'ENTRYPOINT ["prometheus"]' 'CMD ["--config.file=/etc/prometheus/prometheus.yml", "--storage.tsdb.path=/prometheus"]'
}

# build_exporter NAME ROOT PROGRAM INSTRUCTION… The official images call the programs by other names than Debian does.
build_exporter() {
    local name="$1" root="$2" program="$3"
    shift 3
    unpack "$root" busybox-static libc-bin ca-certificates "prometheus-$name"
    base "$root"
    ln -s "prometheus-$name" "$root/usr/bin/$program"
    import "$name" "$root" 'USER nobody' "ENTRYPOINT [\"/bin/$program\"]" "$@"
}

build_node-exporter() {
    build_exporter node-exporter "$1" node_exporter 'EXPOSE 9100'
}

build_blackbox-exporter() {
    build_exporter blackbox-exporter "$1" blackbox_exporter 'EXPOSE 9115' \
        'CMD ["--config.file=/etc/blackbox_exporter/config.yml"]'
}

# build_standin NAME ROOT PROGRAM INSTRUCTION… All stand-ins are one tree, made once, in which the program stands behind
# every name that its originals are called by; PROGRAM is the one that this image starts.
build_standin() {
    local name="$1" root="${2%/*}/standin" program="$3" link
    shift 3
    if [[ ! -d "$root" ]]; then
        mkdir "$root"
        unpack "$root" busybox-static bash libc-bin grep
        base "$root"
        compile standin "$root/standin"
        mkdir -p "$root/app/extra" "$root/data"
        for link in usr/bin/{mc,minio,loki,promtail} run.sh app/uptime-kuma app/extra/healthcheck; do
            ln -s /standin "$root/$link"
        done
    fi
    import "$name" "$root" "ENTRYPOINT [\"$program\"]" "$@"
}

build_minio() {
    build_standin minio "$1" /usr/bin/minio 'VOLUME /data' 'EXPOSE 9000' 'EXPOSE 9001'
}

build_loki() {
    build_standin loki "$1" /usr/bin/loki 'USER 10001' 'EXPOSE 3100'
}

build_promtail() {
    build_standin promtail "$1" /usr/bin/promtail 'EXPOSE 9080'
}

build_grafana() {
    build_standin grafana "$1" /run.sh 'USER 472' 'EXPOSE 3000'
}

build_uptime-kuma() {
    build_standin uptime-kuma "$1" /app/uptime-kuma 'WORKDIR /app' 'EXPOSE 3001'
}

main() {
    local force=false names=() name scratch
    while (($# > 0)); do
        case "$1" in
            --force) force=true ;;
            *)
                [[ -n "${tags[$1]:-}" ]] || usage
                names+=("$1")
                ;;
        esac
        shift
    done
    ((${#names[@]} > 0)) || names=("${order[@]}")
    scratch=$(mktemp -d)
    # shellcheck disable=SC2064
    trap "rm -rf '$scratch'" EXIT
    for name in "${names[@]}"; do
        if [[ "$force" == false ]] && built "$name"; then
            say "$repository/${tags[$name]}: there"
            continue
        fi
        say "$repository/${tags[$name]}: building"
        mkdir -p "$scratch/$name"
        "build_$name" "$scratch/$name"
        rm -rf "${scratch:?}/$name"
    done
}

main "$@"
