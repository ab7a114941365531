#!/usr/bin/env bash
# UFW with SSH, HTTP and HTTPS open, and everything else closed. Only functions;
# source it after apt.sh.
#
# Ports that Docker publishes pass UFW by: the stack binds what is not meant for
# the world to 127.0.0.1.

look_firewall() {
    local port
    present ufw || lacks 'ufw is not installed' || return
    grep -qs '^ENABLED=yes' "${SYSTEM_ROOT:-}/etc/ufw/ufw.conf" || lacks 'ufw is not enabled' || return
    if [[ -r ${SYSTEM_ROOT:-}/etc/ufw/user.rules ]]; then # by root only
        for port in $(firewall_ports); do
            ufw_allows "$port" || lacks "port $port is closed" || return
        done
    fi
    printf 'open: %s\n' "$(firewall_ports | paste -s -d ' ')"
}

install_firewall() {
    local port
    if with_systemd && systemctl is-active --quiet firewalld; then
        refuse "firewalld is active; open these ports there instead: $(firewall_ports | paste -s -d ' ')"
        return 0
    fi
    present ufw || apt_install ufw
    # Before it is enabled: whoever installs this is connected over one of them.
    for port in $(firewall_ports); do
        ufw_allows "$port" || run ufw allow "$port/tcp"
    done
    run ufw --force enable
}

firewall_ports() {
    ssh_ports
    printf '80\n443\n'
}

# ufw_allows PORT: is there a rule for it, from wherever? An operator who lets in
# only some addresses has meant it. The comments of user.rules are UFW's own
# record of its rules: ### tuple ### allow tcp 22 0.0.0.0/0 any 0.0.0.0/0 in
ufw_allows() {
    local port=$1 mark action proto ports
    [[ -r ${SYSTEM_ROOT:-}/etc/ufw/user.rules ]] || return 1
    while read -r _ mark _ action proto ports _; do
        [[ $mark == tuple && $action =~ ^(allow|limit) && $proto =~ ^(tcp|any)$ ]] || continue
        [[ ",$ports," != *",$port,"* ]] || return 0
    done <"${SYSTEM_ROOT:-}/etc/ufw/user.rules"
    return 1
}

# ssh_ports: every port by which SSH can be reached now or after its restart, one
# a line: as configured, as listened on, as connected, as passed on by systemd.
ssh_ports() {
    local port found
    found=$(
        if present sshd; then
            sshd -T 2>/dev/null | sed -n -e 's/^port //p' -e 's/^listenaddress .*:\([0-9]*\)$/\1/p' || true
        fi
        if present ss; then
            while read -r _ _ _ port _; do
                printf '%s\n' "${port##*:}"
            done < <(ss -H -t -a -n -p 2>/dev/null | grep -F '"sshd' || true)
        fi
        if with_systemd && systemctl is-active --quiet ssh.socket; then
            systemctl show ssh.socket --property=Listen --value | sed -n 's/^.*:\([0-9]*\) (Stream)$/\1/p' || true
        fi
        read -r _ _ _ port <<<"${SSH_CONNECTION:-}" && printf '%s\n' "$port"
    )
    sort -n -u <<<"${found:-22}" | sed '/^$/d'
}
