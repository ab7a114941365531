#!/usr/bin/env bash
# Switches UFW on for a trial: it stays on only if one more SSH connection comes in from
# where a session is now. prerequisites.sh starts it, detached, so that it goes on when
# that session is cut off. A restart of the machine within the trial leaves UFW off.
#
# usage: firewall-trial.sh FILE SECONDS
# FILE says how it stands: "on SECONDS", "kept", or "undone WHY".
#
# Exit codes: 0 kept; 1 undone.
set -euo pipefail

HERE=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=lib/output.sh
source "$HERE/lib/output.sh"
# shellcheck source=lib/machine.sh
source "$HERE/lib/machine.sh"
# shellcheck source=lib/ssh.sh
source "$HERE/lib/ssh.sh"
# shellcheck source=lib/firewall.sh
source "$HERE/lib/firewall.sh"

# tell WORD…: writes FILE, in one rename.
tell() {
    printf '%s\n' "$*" >"$FILE.new"
    mv -f "$FILE.new" "$FILE"
}

# after_restart yes|no: whether UFW is on then.
after_restart() {
    sed -i "s/^ENABLED=.*/ENABLED=$1/" "${SYSTEM_ROOT:-}/etc/ufw/ufw.conf"
}

# undo WHY: what happens unless everything goes well.
undo() {
    trap - EXIT
    ufw --force disable >&2 || true
    after_restart no || true
    tell "undone $1"
    exit 1
}

# one_more CLIENTS BEFORE: is there a connection from one of the clients that is not
# among those before?
one_more() {
    local port remote remote_port
    while read -r port remote remote_port; do
        [[ $'\n'$1$'\n' == *$'\n'$remote$'\n'* && $'\n'$2$'\n' != *$'\n'"$port $remote $remote_port"$'\n'* ]] || continue
        return 0
    done < <(ssh_connections)
    return 1
}

main() {
    FILE=$1
    local seconds=$2 clients before end
    trap 'undo "the trial of the firewall was cut short"' EXIT
    trap 'exit 1' INT TERM
    trap '' HUP
    clients=$(ssh_connections | while read -r _ remote _; do printf '%s\n' "$remote"; done | sort -u)
    [[ -n $clients ]] || undo 'no connection of SSH is found to try the firewall with'
    enable_firewall || undo "$UNPROVEN"
    after_restart no
    before=$(ssh_connections)
    tell "on $seconds"
    end=$((SECONDS + seconds))
    until one_more "$clients" "$before"; do
        ((SECONDS < end)) || undo "no other SSH connection came in within $seconds seconds"
        sleep 0.5
    done
    after_restart yes
    trap - EXIT
    tell kept
}

main "$@"
