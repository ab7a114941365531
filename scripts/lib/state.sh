#!/usr/bin/env bash
# Where the state of a project is. Only functions; source it after output.sh and
# compose.sh.

# state_dir: prints where the lock is: STATE_DIR; else the project's directory in the
# system's, where it is there or for root; else .deploy beside the compose files, where
# it is there; else the user's own state directory, or .deploy without a home. One that
# is there and cannot be used is an error. Go decides in the same way.
state_dir() {
    local root=/var/lib/slipway dir beside own=${XDG_STATE_HOME:-}
    dir=$root/$COMPOSE_PROJECT_NAME
    beside=$(dirname -- "${COMPOSE_FILE%%:*}")/.deploy/$COMPOSE_PROJECT_NAME
    if [[ $own != /* && ${HOME:-} == /* && -w $HOME ]]; then
        own=$HOME/.local/state
    fi
    if [[ -n ${STATE_DIR:-} ]]; then
        dir=$STATE_DIR
    elif [[ -e $root && ! -x $root ]]; then
        fail 3 "$root is closed to you: let root deploy from it once more, or: sudo chmod 0755 $root"
    elif [[ $EUID != 0 && ! -e $dir ]]; then
        dir=$beside
        [[ -e $beside || $own != /* ]] || dir=$own/slipway/$COMPOSE_PROJECT_NAME
    fi
    make_private "$dir" || fail 3 "the state directory $dir cannot be made"
    [[ -w $dir ]] || fail 3 "the state directory $dir is another user's: run as that user, or name another with STATE_DIR"
    # Others have to see which projects are there; each project's directory is closed.
    [[ $EUID != 0 || ${dir%/*} != "$root" ]] || chmod 0755 -- "$root"
    printf '%s\n' "$dir"
}

# make_private DIR: a directory for its owner alone, unless it is there.
make_private() {
    [[ -d $1 ]] || { mkdir -p -- "$(dirname -- "$1")" && mkdir -m 0700 -- "$1"; }
}
