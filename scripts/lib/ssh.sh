#!/usr/bin/env bash
# By which ports and from where this machine is administered: what must never be
# locked out. Only functions; source it after machine.sh.
#
# The kernel's own tables are read, /proc/net/tcp and the descriptors of processes.
# sudo, su, tmux and a lost SSH_CONNECTION change nothing about those. Addresses stay
# as the kernel writes them: words of 32 bits, in hexadecimal, the lowest byte first.

# tcp_sockets: "INODE STATE LOCAL PORT REMOTE PORT" of each socket of TCP, one a line.
# STATE is 01 for a connection and 0A for a listener; ports are decimal.
tcp_sockets() {
    local table inode state local_end remote_end
    for table in tcp tcp6; do
        [[ -r ${SYSTEM_ROOT:-}/proc/net/$table ]] || continue
        while read -r _ local_end remote_end state _ _ _ _ _ inode _; do
            [[ $state == 01 || $state == 0A ]] || continue
            printf '%s %s %s %d %s %d\n' "$inode" "$state" \
                "${local_end%:*}" "$((16#${local_end#*:}))" "${remote_end%:*}" "$((16#${remote_end#*:}))"
        done <"${SYSTEM_ROOT:-}/proc/net/$table"
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
    local id path target sockets inode rest
    sockets=$(
        for id in $(ssh_processes); do
            for path in "${SYSTEM_ROOT:-}/proc/$id/fd"/*; do
                target=$(readlink "$path" 2>/dev/null) || continue
                [[ $target != socket:* ]] || printf '%s\n' "${target//[^0-9]/}"
            done
        done | sort -u
    )
    [[ -n $sockets ]] || return 0
    tcp_sockets | while read -r inode rest; do
        [[ $'\n'$sockets$'\n' != *$'\n'$inode$'\n'* ]] || printf '%s %s\n' "$inode" "$rest"
    done
}

# listened_ports: the ports that something outside this machine can reach, one a line.
listened_ports() {
    local state address port
    tcp_sockets | while read -r _ state address port _; do
        [[ $state != 0A ]] || loopback "$address" || printf '%s\n' "$port"
    done | sort -n -u
}

# ssh_connections: "PORT REMOTE REMOTE_PORT" of each connection from outside to a port
# that is listened on: the sessions of SSH, ours and others'.
ssh_connections() {
    local listened state port remote remote_port
    listened=$(listened_ports)
    ssh_sockets | while read -r _ state _ port remote remote_port; do
        [[ $state == 01 && $'\n'$listened$'\n' == *$'\n'$port$'\n'* ]] || continue
        loopback "$remote" || printf '%s %s %s\n' "$port" "$remote" "$remote_port"
    done | sort -u
}

# ssh_ports: every port by which SSH can be reached now or after its restart, one
# a line: as configured, as listened on, as connected, as passed on by systemd.
ssh_ports() {
    local state address port
    {
        if present sshd; then
            sshd -T 2>/dev/null | sed -n -e 's/^port //p' -e 's/^listenaddress .*:\([0-9]*\)$/\1/p' || true
        fi
        if with_systemd && systemctl is-active --quiet ssh.socket; then
            systemctl show ssh.socket --property=Listen --value | sed -n 's/^.*:\([0-9]*\) (Stream)$/\1/p' || true
        fi
        ssh_sockets | while read -r _ state address port _; do
            [[ $state != 0A ]] || loopback "$address" || printf '%s\n' "$port"
        done
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
