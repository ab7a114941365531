#!/usr/bin/env bash
# The pre_stop hooks of a service. Compose runs them at stop and down, and not where it
# replaces a container. Only functions; source it after compose.sh.

# HOOK_LIMIT: for how many seconds a hook is waited for.
readonly HOOK_LIMIT=300

# pre_stop SERVICE CONTAINER…: runs the hooks of SERVICE in each CONTAINER, in order. One
# that fails is a line on stdout, and keeps nothing from being stopped: a drain that is broken is no
# reason to go on with the version that it is broken in.
pre_stop() {
    local service=$1 hooks hook container
    shift
    hooks=$(ask_compose config --format json | jq --compact-output --arg service "$service" '
        .services[$service].pre_stop // [] | .[] |
        walk(if type == "string" then gsub("\\$\\$"; "$") else . end)') || return
    [[ -n $hooks ]] || return 0
    for container; do
        while IFS= read -r hook; do
            run_hook "$service" "$container" "$hook"
        done <<<"$hooks"
    done
}

# run_hook SERVICE CONTAINER HOOK: HOOK is what the compose files say, as JSON.
run_hook() {
    local service=$1 container=$2 hook=$3 environment code=0
    local -a options command
    mapfile -d '' -t options < <(jq --join-output '
        (.user | select(. != null) | "--user", .), (.working_dir | select(. != null) | "--workdir", .),
        (select(.privileged == true) | "--privileged") | . + "\u0000"' <<<"$hook")
    mapfile -d '' -t command < <(jq --join-output '.command[] | . + "\u0000"' <<<"$hook")
    # A file, since a value may be a secret; its format has no line breaks.
    environment=$(jq --raw-output '.environment // {} | to_entries[] | select(.value != null) |
        if .value | contains("\n") then halt_error(1) else "\(.key)=\(.value)" end' <<<"$hook" 2>/dev/null) ||
        { echo "a pre_stop hook has a variable with a line break, which docker exec cannot be given; it was not run" && return 0; }
    timeout --foreground "$HOOK_LIMIT" docker exec "${options[@]}" --env-file <(printf '%s' "${environment:+$environment$'\n'}") \
        "$container" "${command[@]}" </dev/null >&2 || code=$?
    ((code != 0)) || return 0
    if [[ $(docker container inspect --format '{{.State.Running}}' "$container" 2>/dev/null) != true ]]; then
        return 0 # it has ended by itself
    fi
    case $code in
        126 | 127) echo "there is no ${command[0]} in container ${container:0:12}: its pre_stop hook came later" ;;
        124) echo "a pre_stop hook still ran after $HOOK_LIMIT seconds in container ${container:0:12}, which is stopped all the same" ;;
        *) echo "a pre_stop hook ended with exit code $code in container ${container:0:12}, which is stopped all the same" ;;
    esac
}
