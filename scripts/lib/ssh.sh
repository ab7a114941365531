#!/usr/bin/env bash
# By which ports and from where this machine is administered: what must never be
# locked out. Only functions; source it after machine.sh.
#
# The kernel's own tables are read, /proc/net/tcp and the descriptors of processes.
# sudo, su, tmux and a lost SSH_CONNECTION change nothing about those. Addresses stay
# as the kernel writes them: words of 32 bits, in hexadecimal, the lowest byte first.

# tcp_sockets: "INODE STATE LOCAL REMOTE" of each connection, STATE 01, and listener, 0A,
# of TCP, one a line. LOCAL and REMOTE are ADDRESS:PORT, both in hexadecimal.
tcp_sockets() {
    local table
    for table in tcp tcp6; do # without IPv6 there is one of them
        [[ ! -r ${SYSTEM_ROOT:-}/proc/net/$table ]] ||
            awk '$4 == "01" || $4 == "0A" { print $10, $4, $2, $3 }' "${SYSTEM_ROOT:-}/proc/net/$table"
    done
}

# loopback ADDRESS: is it 127.0.0.0/8 or ::1?
loopback() {
    [[ $1 == ??????7F || $1 == 0000000000000000FFFF0000??????7F || $1 == 00000000000000000000000001000000 ]]
}

# ssh_processes: the ids of the processes that serve SSH, and of our own ancestors:
# a session's server is among them, whatever its name.
ssh_processes() {
    local path name id=$$
    for path in "${SYSTEM_ROOT:-}"/proc/[0-9]*; do
        { read -r name <"$path/comm"; } 2>/dev/null || continue
        [[ $name != sshd* && $name != dropbear ]] || printf '%s\n' "${path##*/}"
    done
    while [[ $id =~ ^[0-9]+$ ]] && ((id > 1)); do
        printf '%s\n' "$id"
        id=$(sed -n 's/^PPid:[[:space:]]*//p' "${SYSTEM_ROOT:-}/proc/$id/status" 2>/dev/null) || return 0
    done
}

# ssh_sockets: those of tcp_sockets that belong to one of ssh_processes.
ssh_sockets() {
    local id
    local -a folders=()
    for id in $(ssh_processes); do
        folders+=("${SYSTEM_ROOT:-}/proc/$id/fd")
    done
    awk 'NR == FNR { if (gsub(/[^0-9]/, "")) own[$0]; next } $1 in own' \
        <(
            find "${folders[@]}" -lname 'socket:*' -printf '%l\n' 2>/dev/null || true
            printf '\n'
        ) <(tcp_sockets)
}

# listened_ports: the ports that something outside this machine can reach, one a line.
listened_ports() {
    tcp_sockets | listeners
}

# listeners: the ports of the listeners among sockets of stdin.
listeners() {
    local state here
    while read -r _ state here _; do
        [[ $state != 0A ]] || loopback "${here%:*}" || printf '%d\n' "$((16#${here##*:}))"
    done | sort -n -u
}

# ssh_connections: "PORT REMOTE REMOTE_PORT" of each connection from outside to a port
# that is listened on: the sessions of SSH, ours and others'.
ssh_connections() {
    local listened state here there port
    listened=$(listened_ports)
    ssh_sockets | while read -r _ state here there; do
        port=$((16#${here##*:}))
        [[ $state == 01 && $'\n'$listened$'\n' == *$'\n'$port$'\n'* ]] || continue
        loopback "${there%:*}" || printf '%d %s %s\n' "$port" "${there%:*}" "${there##*:}"
    done | sort -u
}

# ssh_ports: every port by which SSH can be reached now or after its restart, one
# a line: as configured, as listened on, as connected, as passed on by systemd.
ssh_ports() {
    local port
    {
        if present sshd; then
            sshd -T 2>/dev/null | sed -n -e 's/^port //p' -e 's/^listenaddress .*:\([0-9]*\)$/\1/p' || true
        fi
        if with_systemd && systemctl is-active --quiet ssh.socket; then
            systemctl show ssh.socket --property=Listen --value | sed -n 's/^.*:\([0-9]*\) (Stream)$/\1/p' || true
        fi
        ssh_sockets | listeners
        ssh_connections | while read -r port _; do printf '%s\n' "$port"; done
        read -r _ _ _ port <<<"${SSH_CONNECTION:-}" && printf '%s\n' "$port"
    } | sort -n -u | sed '/^$/d'
}

# ssh_listens: is one of these ports listened on?
ssh_listens() {
    local port listened
    listened=$(listened_ports)
    for port in $(ssh_ports); do
        [[ $'\n'$listened$'\n' != *$'\n'$port$'\n'* ]] || return 0
    done
    return 1
}

# ssh_clients: "PORT ADDRESS", in words, of where sessions come from, one a line.
ssh_clients() {
    local port remote client
    {
        ssh_connections | while read -r port remote _; do
            printf '%s %s\n' "$port" "$(address_in_words "$remote")"
        done
        read -r client _ _ port <<<"${SSH_CONNECTION:-}" && printf '%s %s\n' "$port" "$client"
    } | sed -e 's/%.*//' -e '/ 127\./d' -e '/ ::1$/d' -e '/^ *$/d' | sort -u
}

# address_in_words HEX: 010200C0 is 192.0.2.1.
address_in_words() {
    local hex=$1 word words='' at
    if [[ $hex == 0000000000000000FFFF0000???????? ]]; then
        hex=${hex:24}
    fi
    if ((${#hex} == 8)); then
        printf '%d.%d.%d.%d\n' "$((16#${hex:6:2}))" "$((16#${hex:4:2}))" "$((16#${hex:2:2}))" "$((16#${hex:0:2}))"
        return
    fi
    for at in 0 8 16 24; do
        word=${hex:at:8}
        words+=$(printf ':%x:%x' "$((16#${word:6:2}${word:4:2}))" "$((16#${word:2:2}${word:0:2}))")
    done
    printf '%s\n' "${words#:}"
}
