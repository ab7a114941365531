#!/usr/bin/env bash
# What the scripts say. Only functions; source it after `set -euo pipefail`.
#
# stdout carries answers, stderr carries progress. A failure is said twice: one
# sentence on stderr for a person, and, when FAULT_FILE names a file or a
# descriptor (/dev/fd/4), one JSON object there for the caller:
#   {"script":"deploy.sh","line":42,"exit_code":17}

# note SENTENCE: progress.
note() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
}

# watch_faults: from here on, a command that fails unchecked is reported before
# the shell leaves with that command's exit code.
watch_faults() {
    FAULT_REPORTED=
    set -o errtrace
    trap 'on_error $? "${BASH_SOURCE[0]}" "$LINENO"' ERR
}

# on_error CODE SCRIPT LINE: the ERR trap. The innermost command is the one to
# blame, so what its callers report after it, on the way out, is left out.
on_error() {
    local code=$1 script=$2 line=$3
    [[ -z ${FAULT_REPORTED:-} ]] || return 0
    record_fault "$code" "$script" "$line"
    # A subshell leaves the sentence to its parent; 3, 4 and 11 come from fail, in
    # a subshell or another script, which has said why.
    ((BASH_SUBSHELL > 0 || code == 3 || code == 4 || code == 11)) ||
        note "${STEP:+$STEP: }failed at ${script##*/} line $line with exit code $code"
}

# record_fault CODE SCRIPT LINE: writes the JSON object, once.
record_fault() {
    local code=$1 script=$2 line=$3
    FAULT_REPORTED=yes
    [[ -n ${FAULT_FILE:-} && ! -s $FAULT_FILE ]] || return 0
    printf '{"script":"%s","line":%d,"exit_code":%d}\n' "${script##*/}" "$line" "$code" >>"$FAULT_FILE"
}

# fail CODE SENTENCE: leaves with CODE after saying why.
fail() {
    local code=$1
    shift
    note "${STEP:+$STEP: }$*"
    record_fault "$code" "${BASH_SOURCE[1]}" "${BASH_LINENO[0]}"
    exit "$code"
}

# usage_error SENTENCE: the caller's mistake, not a fault of the deployment.
usage_error() {
    note "$*; see ${0##*/} --help"
    exit 2
}
