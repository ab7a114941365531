#!/usr/bin/env bash
# Two sessions of SSH to a plain Debian that gets a firewall, as its first process: sessions.sh
# A client in a network namespace of its own is connected to it by a pair of virtual links.
# Each line of stdout says what was found.
set -euo pipefail

TRIAL=/run/slipway-firewall

# from_client COMMAND…: in the client's network.
from_client() {
    nsenter --target "$CLIENT" --net "$@"
}

# over_ssh PORT COMMAND…
over_ssh() {
    local port=$1
    shift
    from_client ssh -p "$port" -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o ConnectTimeout=5 -o BatchMode=yes \
        -o LogLevel=ERROR 10.99.0.1 "$@"
}

# until_said FILE WORD: waits until a file says so.
until_said() {
    until grep -qs "$2" "$1"; do sleep 0.1; done
}

set_up() {
    apt-get -q -y --no-install-recommends install ufw
    mkdir -p /root/.ssh
    ssh-keygen -q -t ed25519 -N '' -f /root/.ssh/id_ed25519
    cp /root/.ssh/id_ed25519.pub /root/.ssh/authorized_keys
    printf 'Port 2222\n' >>/etc/ssh/sshd_config
    /usr/sbin/sshd
    /usr/sbin/sshd -p 2022 # which no file tells
    unshare --net sleep infinity &
    CLIENT=$!
    until [[ $(readlink "/proc/$CLIENT/ns/net") != $(readlink /proc/self/ns/net) ]]; do sleep 0.1; done
    ip link add inside type veth peer name outside netns "$CLIENT"
    ip address add 10.99.0.1/24 dev inside
    ip link set inside up
    from_client ip address add 10.99.0.2/24 dev outside
    from_client ip link set outside up
    ufw allow out 2222/tcp
}

# begin FILE: a session that installs the firewall, without the variables of SSH, as under sudo.
begin() {
    over_ssh 2022 "env -u SSH_CONNECTION -u SSH_CLIENT -u SSH_TTY bash /slipway/scripts/prerequisites.sh firewall" >"$1" 2>&1 &
    SESSION=$!
    until_said "$TRIAL" '^on'
}

main() {
    set_up >&2
    begin /one
    printf 'during the trial: %s, policy %s\n' "$(grep ^ENABLED /etc/ufw/ufw.conf)" "$(iptables -S INPUT | head -n 1)"
    kill -KILL "$SESSION" # the session is cut off
    until_said "$TRIAL" '^undone'
    printf 'cut off: %s\n' "$(<"$TRIAL")"
    printf 'after it: %s, policy %s\n' "$(grep ^ENABLED /etc/ufw/ufw.conf)" "$(iptables -S INPUT | head -n 1)"
    printf 'new session: %s\n' "$(over_ssh 2222 echo yes)"

    rm "$TRIAL"
    begin /two
    printf 'second session: %s\n' "$(over_ssh 2222 echo yes)"
    if wait "$SESSION"; then
        printf 'kept: %s, policy %s\n' "$(grep ^ENABLED /etc/ufw/ufw.conf)" "$(iptables -S INPUT | head -n 1)"
    fi
    printf 'third session: %s\n' "$(over_ssh 2022 echo yes)"
    bash /slipway/scripts/prerequisites.sh firewall 2>&1
    pkill sshd
    ufw --force disable >&2
    bash /slipway/scripts/prerequisites.sh firewall 2>&1 || printf 'without a listener: exit %d\n' "$?"
    grep tuple /etc/ufw/user.rules
    cat /one /two >&2
}

main "$@"
