#!/usr/bin/env bash
# One deployment at a time. Only functions; source it after output.sh, compose.sh
# and state.sh.
#
# There are two locks. The kernel's is a flock(2) on a file of the state directory:
# it ends with the last process that has the file open. The engine's is a network
# that nothing can be in (config-only), labelled with the project and its holder:
# everybody who can reach the engine sees it. Its holder has the kernel's lock, too,
# and that is how others can tell that it has ended. Go (internal/enginelock) writes
# and reads the same labels.

# take_lock: holds both locks until this process and all its children have ended, or
# leaves with 11. A caller that holds them hands the kernel's down as LOCK_FD.
take_lock() {
    local dir holder
    if [[ -n ${LOCK_FD:-} ]]; then
        [[ $LOCK_FD =~ ^[0-9]+$ && -e /proc/self/fd/$LOCK_FD ]] || fail 1 "LOCK_FD=$LOCK_FD is no open descriptor"
        # The same open file: this succeeds at once where the caller holds it.
        flock --nonblock "$LOCK_FD" || fail 11 "another deployment holds the lock"
        return 0
    fi
    dir=$(state_dir)
    (umask 077 && : >>"$dir/lock")
    exec 3>>"$dir/lock"
    flock --nonblock 3 || fail 11 "another deployment holds the lock: $(cat -- "$dir/lock")"
    holder=$(jq --null-input --compact-output --arg who "$(id -un)@$(uname -n)" --arg target "${0##*/}" \
        '{pid: $ARGS.positional[0] | tonumber, $who, $target, since: now | todate}' --args "$$")
    printf '%s\n' "$holder" >"$dir/lock"
    export LOCK_FD=3
    lock_engine "$dir" "$holder"
}

# lock_engine DIR HOLDER: takes the engine's lock for HOLDER, who holds that of DIR. No
# name decides: engines before 25 make two networks of one name. Whoever finds no lock
# makes one and looks again: of two who did so at once, at least one sees the other's,
# and withdraws for a while that is another one for each.
lock_engine() {
    local dir=$1 claim held tries=50
    LOCK_FILE=$dir/lock
    name_directory "$dir"
    claim=$(claim_of "$dir" "$2")
    while true; do
        held=$(other_lock "$claim")
        [[ -z $held ]] || fail_held "$held"
        ENGINE_LOCK=$(docker network create --config-only --label "slipway.lock=$COMPOSE_PROJECT_NAME" \
            --label "slipway.holder=$claim" "slipway.lock.$COMPOSE_PROJECT_NAME.$$-$RANDOM")
        trap unlock EXIT
        held=$(other_lock "$claim" "$ENGINE_LOCK")
        [[ -n $held ]] || return 0
        unlock_engine
        ((--tries > 0)) || fail_held "$held"
        sleep "0.$((RANDOM % 3))$((RANDOM % 10))"
    done
}

# unlock: gives the engine's lock back at the end, unless a child that goes on still has
# the kernel's: then, the next run removes it.
unlock() {
    exec 3>>"$LOCK_FILE" # another open file: a child has only the old one
    ! flock --nonblock 3 || unlock_engine
}

# unlock_engine: gives the engine's lock back. Where that fails, the next run from the
# same state directory removes it.
unlock_engine() {
    docker network rm "$ENGINE_LOCK" >/dev/null || note "the lock on the engine was not removed; the next run removes it"
    trap - EXIT
}

# fail_held LOCK: leaves, naming the holder, and how to end a lock whose holder cannot
# be looked at from here.
fail_held() {
    local id=${1%% *} claim=${1#* } advice=
    seen_here "$claim" || advice="; from here nobody can tell whether it still runs: look where it was started; only once it has ended: docker network rm $id"
    fail 11 "another deployment holds the lock on the engine: $(jq --raw-output '"pid \(.pid), \(.who), \(.target), since \(.since)"' <<<"$claim")$advice"
}

# other_lock CLAIM [BUT]: prints "ID CLAIM" of a lock of the project but BUT whose holder
# has not ended, as whoever made CLAIM can tell. Those whose holders have are removed.
other_lock() {
    local mine=$1 but=${2:-} list id claim
    list=$(docker network ls --no-trunc --filter "label=slipway.lock=$COMPOSE_PROJECT_NAME" \
        --format '{{.ID}} {{.Label "slipway.holder"}}') || return
    while read -r id claim; do
        [[ -n $id && $id != "$but" ]] || continue
        if ! has_ended "$claim" "$mine"; then
            printf '%s %s\n' "$id" "$claim"
            return
        fi
        # Somebody else may have removed it meanwhile.
        docker network rm "$id" >/dev/null 2>&1 || [[ -z $(docker network ls --quiet --filter "id=$id") ]] || return
    done <<<"$list"
}

# claim_of DIR HOLDER: HOLDER and by what others can see that it has ended: the state
# directory; where the kernel lists its lock, if it does; the container that it is in,
# if it is one of this engine.
claim_of() {
    local dir=$1 holder=$2 inode boot='' container life=''
    inode=$(stat --format %i -- "$dir/lock") || return
    if [[ -r /proc/locks ]] && listed "$inode"; then
        boot=$(</proc/sys/kernel/random/boot_id)
    fi
    container=$(sed --quiet --regexp-extended \
        's#.*/containers/([0-9a-f]{64})/hostname /etc/hostname .*#\1#p' /proc/self/mountinfo)
    if [[ -n $container ]]; then
        life=$(life_of "$container") || return
    fi
    jq --compact-output --arg directory "$(<"$dir/id"):$inode" --arg inode "$inode" --arg boot "$boot" \
        --arg container "$container" --arg life "$life" '. + {$directory} +
        if $boot == "" then {} else {$boot, $inode} end + if $life == "" then {} else {$container, $life} end' <<<"$holder"
}

# name_directory DIR: gives the state directory its name, once. Its lock is held.
name_directory() {
    [[ -s $1/id ]] || { (umask 077 && cat /proc/sys/kernel/random/uuid >"$1/id.new") && mv -- "$1/id.new" "$1/id"; }
}

# has_ended CLAIM MINE: it is proven that the holder who made CLAIM has ended: whoever
# made MINE has the lock of its state directory, the kernel lists that lock no longer,
# or its container has ended.
has_ended() {
    local claim=$1 mine=$2 container life
    [[ $(field directory "$claim") != "$(field directory "$mine")" ]] || return 0
    if in_sight "$claim"; then
        ! listed "$(field inode "$claim")"
        return
    fi
    container=$(field container "$claim")
    [[ -n $container ]] || return 1
    life=$(life_of "$container") || return 1
    [[ $life != "$(field life "$claim")" ]]
}

# seen_here CLAIM: it is seen from here that the holder still runs.
seen_here() {
    in_sight "$1" && listed "$(field inode "$1")"
}

# in_sight CLAIM: the kernel here lists every lock of the kernel that the holder runs on.
# It does so only in its first PID namespace.
in_sight() {
    [[ $(field boot "$1") == "$(</proc/sys/kernel/random/boot_id)" && -r /proc/locks ]] &&
        [[ $(readlink /proc/self/ns/pid) == 'pid:[4026531836]' ]]
}

# listed INODE: the kernel lists a flock(2) on a file with that inode. The list is
# handed out by the page, and an entry that goes away between two pages hides another
# one from that reading: so it is read ten times before a lock counts as not in it.
listed() {
    local locks
    for _ in {1..10}; do
        locks=$(</proc/locks)
        [[ ! $locks =~ \ FLOCK\ [^$'\n']*:$1\  ]] || return 0
    done
    return 1
}

# life_of CONTAINER: tells this life of it from every other; nothing where the engine
# has no such container or it does not run.
life_of() {
    local list
    list=$(docker container ls --no-trunc --quiet --filter "id=$1") || return
    [[ -z $list ]] || docker container inspect --format '{{.State.StartedAt}}' "$1"
}

# field NAME CLAIM: a field of a claim; nothing where it has none.
field() {
    jq --raw-output --arg name "$1" '.[$name] // empty' <<<"$2"
}
