#!/usr/bin/env bash
# Runs a command in the system below ROOT, as the first process of namespaces made
# by unshare(1): enter.sh ROOT shared|alone REPOSITORY COMMAND…
# What is mounted here ends with the namespace.
set -euo pipefail

main() {
    local root=$1 network=$2 repository=$3 directory
    shift 3
    # The engine looks for the mount that holds its data.
    mount --bind "$root" "$root"
    mount -t proc proc "$root/proc"
    mount -t sysfs sysfs "$root/sys"
    mount --rbind /dev "$root/dev"
    mount -t tmpfs tmpfs "$root/run"
    mkdir -p "$root/run/sshd" "$root/run/lock"
    for directory in slipway usr/local/go go/modules go/cache; do
        mkdir -p "$root/$directory"
    done
    mount --bind "$repository" "$root/slipway"
    mount -o remount,bind,ro "$root/slipway"
    mount --bind "$(go env GOROOT)" "$root/usr/local/go"
    mount --bind "$(go env GOMODCACHE)" "$root/go/modules"
    mount --bind "$(go env GOCACHE)" "$root/go/cache"
    if [[ $network == alone ]]; then
        ip link set lo up
    fi
    # Not chroot: a process that enters a container afterwards would look for its program from the root of the mounts.
    cd "$root"
    mkdir -p outside
    pivot_root . outside
    umount -l /outside
    exec env -i HOME=/root GOPROXY=off GOMODCACHE=/go/modules GOCACHE=/go/cache \
        PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/go/bin "$@"
}

main "$@"
