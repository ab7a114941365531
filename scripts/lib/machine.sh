#!/usr/bin/env bash
# Changes to the machine, in one place: made by root on Debian and Ubuntu, and
# printed for everybody else. Only functions; source it after output.sh.
#
#   PRINT_ONLY    set: print the commands to stdout instead of running them
#   SYSTEM_ROOT   prefix of the system's own files, for an image prepared offline

# run COMMAND…: what changes the machine. Nothing but the three standard streams
# is handed on: a daemon started below would keep the deployment's lock for ever.
run() (
    if [[ -n ${PRINT_ONLY:-} ]]; then
        printf 'sudo'
        printf ' %q' "$@"
        printf '\n'
        exit
    fi
    close_inherited
    exec "$@" >&2
)

# run_daemon LOG COMMAND…: the same for what goes on when this script has ended.
run_daemon() {
    local log=$1
    shift
    if [[ -n ${PRINT_ONLY:-} ]]; then
        printf 'sudo sh -c %q\n' "setsid $* >>$log 2>&1 </dev/null &"
        return
    fi
    (
        close_inherited
        exec setsid "$@" >>"$log" 2>&1 </dev/null
    ) &
    DAEMON_PID=$!
}

# daemon_ended: has the daemon started here gone already?
daemon_ended() {
    [[ -n ${DAEMON_PID:-} ]] && ! kill -0 "$DAEMON_PID" 2>/dev/null
}

close_inherited() {
    local path number
    for path in /proc/"$BASHPID"/fd/*; do
        number=${path##*/}
        ((number <= 2)) || exec {number}>&-
    done
}

# write_file PATH: makes standard input its content, in one rename, unless it is
# so already.
write_file() {
    local path=$1 content temp
    content=$(cat)
    if [[ -f $path && $(<"$path") == "$content" ]]; then
        return 0
    fi
    run mkdir -p "${path%/*}"
    if [[ -n ${PRINT_ONLY:-} ]]; then
        printf "sudo tee %q >/dev/null <<'END'\n%s\nEND\n" "$path" "$content"
        return 0
    fi
    temp=$(mktemp "$path.XXXXXX")
    printf '%s\n' "$content" >"$temp"
    chmod 0644 "$temp"
    mv -f "$temp" "$path"
}

# refuse SENTENCE: it cannot be done here. The commands for the other parts are
# still printed, where they are all that is wanted.
refuse() {
    if [[ -z ${PRINT_ONLY:-} ]]; then
        fail 3 "$*"
    fi
    note "$*"
}

# present COMMAND: is it on PATH?
present() {
    command -v "$1" >/dev/null
}

# with_systemd: is PID 1 systemd?
with_systemd() {
    [[ -d ${SYSTEM_ROOT:-}/run/systemd/system ]]
}

# system_fact NAME: a value of os-release(5), which is a shell script.
system_fact() (
    [[ -r ${SYSTEM_ROOT:-}/etc/os-release ]] || exit 0
    # shellcheck source=/dev/null
    source "${SYSTEM_ROOT:-}/etc/os-release"
    printf '%s\n' "${!1:-}"
)
