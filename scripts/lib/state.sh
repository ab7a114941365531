#!/usr/bin/env bash
# Where the state of a project is, and whether it may be trusted. Only functions;
# source it after output.sh and compose.sh.

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
    [[ $dir == /* ]] || dir=$PWD/$dir
    check_trust "$dir"
    if [[ ! -d $dir ]]; then
        make_private "$dir" || fail 3 "the state directory $dir cannot be made"
        check_trust "$dir" # in a folder like /tmp somebody may have been faster
    fi
    [[ -w $dir ]] || fail 3 "the state directory $dir is another user's: run as that user, or name another with STATE_DIR"
    # Others have to see which projects are there; each project's directory is closed.
    [[ $EUID != 0 || ${dir%/*} != "$root" ]] || chmod 0755 -- "$root"
    printf '%s\n' "$dir"
}

# make_private DIR: a directory for its owner alone, unless it is there.
make_private() {
    [[ -d $1 ]] || { mkdir -p -- "$(dirname -- "$1")" && mkdir -m 0700 -- "$1"; }
}

# check_trust DIR: leaves with 3 where somebody else could put another thing in the
# place of what is in the state directory DIR, or on the way to it: root and this user
# may own it, nobody else may write. Go decides in the same way.
check_trust() {
    local dir=$1 found link links
    check_way "$dir" "$dir"
    [[ -d $dir ]] || return 0
    # What vanishes meanwhile, a run has removed.
    found=$(find "$dir/" -mindepth 1 '(' '!' -uid "$EUID" '!' -uid 0 -o '!' -type l -perm /022 ')' -print -quit 2>/dev/null) || true
    [[ -z $found ]] || check_part "$dir" "$found" last
    found=$(find "$dir/" -mindepth 1 '!' -type d '!' -type f '!' -type l -print -quit 2>/dev/null) || true
    [[ -z $found ]] || distrust "$dir" "$found" "is neither a file nor a folder" "rm $found"
    links=$(find "$dir/" -mindepth 1 -type l 2>/dev/null) || true
    while IFS= read -r link; do
        [[ -z $link ]] || check_way "$dir" "$link"
    done <<<"$links"
}

# check_way DIR PATH: looks at each part of PATH in turn, from the root on and through
# symbolic links, so that nobody can exchange what was looked at before.
check_way() {
    local dir=$1 rest=$2 at=/ next target last links=0
    check_part "$dir" /
    while [[ -n ${rest//\//} ]]; do
        while [[ $rest == /* ]]; do rest=${rest#/}; done
        next=${at%/}/${rest%%/*}
        rest=${rest#"${rest%%/*}"}
        if [[ -L $next ]]; then
            ((++links <= 40)) || fail 3 "state directory $dir: $2 leads through too many symbolic links"
            check_part "$dir" "$next"
            target=$(readlink -- "$next") || return
            [[ $target != /* ]] || at=/
            rest=$target$rest
        elif [[ -e $next ]]; then
            last=
            [[ -n ${rest//\//} ]] || last=last
            check_part "$dir" "$next" "$last"
            at=$next
        else
            return 0
        fi
    done
}

# check_part DIR PATH [last]: refuses what belongs to somebody else, and what others
# can write to. On the way to the last part, what others put into a folder like /tmp
# is their own, and a group of which the user is the only member is the user.
check_part() {
    local dir=$1 path=$2 last=${3:-} uid group mode owner fix
    read -r uid group mode owner < <(stat --format '%u %g %a %U' -- "$path")
    if [[ $uid != 0 && $uid != "$EUID" ]]; then
        [[ $owner != UNKNOWN ]] || owner=$uid
        fix="sudo chown -h $(own_name) $path"
        [[ $path != "$dir"* ]] || fix="sudo chown -hR $(own_name) $dir"
        distrust "$dir" "$path" "belongs to $owner, who could change what $(own_name) runs" "$fix"
    fi
    if [[ -L $path ]] || (((8#$mode & 8#022) == 0)); then return 0; fi
    if [[ -z $last && -d $path ]]; then
        (((8#$mode & 8#1000) == 0)) || return 0
        if (((8#$mode & 8#002) == 0)) && own_group "$path" "$group"; then return 0; fi
    fi
    distrust "$dir" "$path" "has mode $mode: others can write to it, and change what $(own_name) runs" "chmod go-w $path"
}

# distrust DIR PATH WHY FIX: leaves.
distrust() {
    fail 3 "state directory $1: $2 $3; look at what is there; if nobody has tampered with it: $4; or name another directory with STATE_DIR"
}

# own_group PATH GROUP: the group of the folder is this user's own: it has their name,
# nobody else is in it, and no access control list lets in others.
own_group() {
    local list name entry
    list=$(LC_ALL=C ls -ld -- "$1") && [[ ${list%% *} != *+ ]] || return 1
    name=$(own_name)
    entry=$(getent group "$2") || return 1
    [[ $entry == "$name:"*: || $entry == "$name:"*":$name" ]] || return 1
    ! getent passwd | awk -F: -v gid="$2" -v name="$name" '$4 == gid && $1 != name { found = 1 } END { exit !found }'
}

# own_name: prints this user's name; else their number.
own_name() {
    id --user --name 2>/dev/null || true
}
