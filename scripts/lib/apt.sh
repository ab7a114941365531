#!/usr/bin/env bash
# Debian's package manager, when others use it as well. Only functions; source
# it after machine.sh.
#
#   APT_LOCK_WAIT   seconds to wait while another process installs (default: 120)

# apt_install PACKAGE…: from the newest lists, asking nothing.
apt_install() {
    apt_refresh
    apt_wait
    run env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o "DPkg::Lock::Timeout=$APT_LOCK_WAIT" \
        --no-install-recommends install "$@"
}

# apt_refresh: fetches the package lists, once. One unreachable repository is no
# reason to give up: the packages may come from another.
apt_refresh() {
    [[ -z ${APT_FRESH:-} ]] || return 0
    apt_wait
    run apt-get -q -o "DPkg::Lock::Timeout=$APT_LOCK_WAIT" update ||
        note "some package lists could not be fetched; going on with the old ones"
    APT_FRESH=yes
}

# apt_stale: there is a new repository.
apt_stale() {
    APT_FRESH=
}

# apt_candidate PACKAGE: the version that would be installed, without its epoch;
# nothing when there is none.
apt_candidate() {
    local field value
    while read -r field value; do
        if [[ $field == Version: ]]; then
            printf '%s\n' "${value#*:}"
            return 0
        fi
    done < <(apt-cache --no-all-versions show "$1" 2>/dev/null)
}

# apt_wait: until nobody holds a lock of apt's or dpkg's. apt waits for dpkg's by
# itself, but neither for the lists' nor saying for whom.
apt_wait() {
    local deadline=$((SECONDS + APT_LOCK_WAIT)) holder said=
    [[ -z ${PRINT_ONLY:-} ]] || return 0
    while holder=$(apt_holder); do
        ((SECONDS < deadline)) ||
            fail 75 "apt is still in use by $holder after ${APT_LOCK_WAIT}s; try again when that is done"
        [[ $holder == "$said" ]] || note "waiting for apt, in use by $holder, at most ${APT_LOCK_WAIT}s"
        said=$holder
        sleep 0.5
    done
}

# apt_holder: the process that holds one of the locks; fails when none does.
# /proc/locks names the process and the inode; the process's open files tell
# which file system the inode is of.
apt_holder() {
    local lock inode kind pid where path
    for lock in lib/dpkg/lock-frontend lib/dpkg/lock lib/apt/lists/lock cache/apt/archives/lock; do
        lock=${SYSTEM_ROOT:-}/var/$lock
        [[ -e $lock ]] || continue
        inode=$(stat -c %i "$lock")
        while read -r _ kind _ _ pid where _; do
            [[ $kind == POSIX && ${where##*:} == "$inode" ]] || continue
            for path in /proc/"$pid"/fd/*; do
                if [[ $path -ef $lock ]]; then
                    printf '%s (pid %s)\n' "$(<"/proc/$pid/comm")" "$pid"
                    return 0
                fi
            done
        done </proc/locks
    done
    return 1
}
