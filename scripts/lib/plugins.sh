#!/usr/bin/env bash
# Docker's Compose and buildx plugins: a package where one is new enough, else
# built as the module plugins.mod beside the scripts pins them. Only functions;
# source it after engine.sh.

look_compose() { look_plugin "$COMPOSE_VERSION" "$OLDEST_COMPOSE"; }

look_buildx() {
    if [[ -n $COMPOSE_VERSION ]] && ! at_least "$COMPOSE_WITH_BUILDX" "$COMPOSE_VERSION"; then
        printf 'Compose %s builds by itself\n' "$COMPOSE_VERSION"
    else
        look_plugin "$BUILDX_VERSION" "$OLDEST_BUILDX"
    fi
}

look_plugin() {
    local version=$1 minimum=$2
    if ! present docker; then
        lacks 'there is no docker command to plug it in'
    elif [[ -z $version ]]; then
        lacks 'the plugin is not installed'
    elif ! at_least "$minimum" "$version"; then
        lacks "version $version is older than $minimum"
    else
        printf '%s\n' "$version"
    fi
}

install_compose() {
    plugin_package docker-compose "$OLDEST_COMPOSE" docker-compose-plugin docker-compose-v2 docker-compose ||
        plugin_build docker-compose github.com/docker/compose/v5 cmd internal.Version
}

install_buildx() {
    plugin_package docker-buildx "$OLDEST_BUILDX" docker-buildx-plugin docker-buildx ||
        plugin_build docker-buildx github.com/docker/buildx cmd/buildx version.Version
}

# plugin_package NAME MINIMUM PACKAGE…: installs the first package that is new
# enough; fails when none is.
plugin_package() {
    local name=$1 minimum=$2 package version
    shift 2
    # One built earlier comes first in Docker's search and would hide the package.
    [[ ! -e $PLUGIN_DIR/$name ]] || return 1
    apt_refresh
    for package in "$@"; do
        version=$(apt_candidate "$package")
        if [[ -n $version ]] && at_least "$minimum" "$version"; then
            apt_install "$package" && return 0
        fi
    done
    return 1
}

# plugin_build NAME MODULE COMMAND VARIABLE: the version is stamped in, because
# Compose refuses to build with a buildx that cannot tell its own.
plugin_build() {
    local name=$1 module=$2 command=$3 variable=$4 version built module_dir build
    if ! present go; then
        refuse "$name: no package is new enough, and there is no go on PATH to build it: install Go from https://go.dev/dl/"
        return 0
    fi
    BUILD_DIR=$(mktemp -d)
    trap 'rm -rf "$BUILD_DIR"' EXIT
    export HOME=${HOME:-$BUILD_DIR} # go keeps its cache below it
    cp "$HERE/plugins.mod" "$BUILD_DIR/go.mod"
    cp "$HERE/plugins.sum" "$BUILD_DIR/go.sum"
    version=$(GOWORK=off go list -C "$BUILD_DIR" -m -f '{{.Version}}' "$module")
    built=$BUILD_DIR/$name module_dir=$BUILD_DIR
    [[ -z ${PRINT_ONLY:-} ]] || built=$PWD/$name module_dir=$PWD/$name.module
    build=(go build -C "$module_dir" -trimpath -ldflags "-s -w -X $module/$variable=$version" -o "$built" "$module/$command")
    if [[ -n ${PRINT_ONLY:-} ]]; then
        printf 'mkdir -p %q && cp %q %q && cp %q %q\n' "$module_dir" "$HERE/plugins.mod" "$module_dir/go.mod" "$HERE/plugins.sum" "$module_dir/go.sum"
        printf 'CGO_ENABLED=0 GOWORK=off'
        printf ' %q' "${build[@]}"
        printf '\n'
    else
        note "building $name $version; this takes a few minutes"
        CGO_ENABLED=0 GOWORK=off "${build[@]}" >&2
    fi
    run install -D -m 0755 "$built" "$PLUGIN_DIR/.$name.new"
    run mv -f "$PLUGIN_DIR/.$name.new" "$PLUGIN_DIR/$name"
    rm -rf "$BUILD_DIR"
}
