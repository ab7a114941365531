#!/usr/bin/env bash
# UFW with SSH, HTTP and HTTPS open, and everything else closed. Only functions;
# source it after apt.sh and ssh.sh.
#
# Ports that Docker publishes pass UFW by: the stack binds what is not meant for
# the world to 127.0.0.1.
#
# Nobody is locked out: without a listener of SSH it refuses; the port and the address
# of each session are let in; what the kernel got is looked at; and where there is a
# session, firewall-trial.sh keeps the firewall only if one more can be opened.

look_firewall() {
    local port ports
    present ufw || lacks 'ufw is not installed' || return
    grep -qs '^ENABLED=yes' "${SYSTEM_ROOT:-}/etc/ufw/ufw.conf" || lacks 'ufw is not enabled' || return
    ports=$(firewall_ports)
    if [[ -r ${SYSTEM_ROOT:-}/etc/ufw/user.rules ]]; then # by root only
        for port in $ports; do
            [[ $(ufw_admits "$port") != no ]] || lacks "port $port is closed" || return
        done
    fi
    printf 'open: %s\n' "${ports//$'\n'/ }"
}

install_firewall() {
    local port
    if with_systemd && systemctl is-active --quiet firewalld; then
        refuse "firewalld is active; open these ports there instead: $(firewall_ports | paste -s -d ' ')"
        return 0
    fi
    if [[ -z ${PRINT_ONLY:-} ]] && ! ssh_listens; then
        fail 3 'no SSH server is found to listen, so nobody knows which port must stay open;' \
            'start it, or set a firewall up by hand and leave this part out'
    fi
    present ufw || apt_install ufw
    # Before it is enabled: whoever installs this is connected over one of them.
    for port in $(firewall_ports); do
        [[ $(ufw_admits "$port") != no ]] || run ufw allow "$port/tcp"
    done
    if [[ -n ${PRINT_ONLY:-} ]]; then
        run ufw --force enable
        printf '# keep this session until a second one has connected; from the console: ufw disable\n'
    elif ufw_is_on; then
        prove_firewall || fail 1 "$UNPROVEN"
    elif [[ -z $(ssh_clients) ]]; then
        enable_firewall || fail 3 "$UNPROVEN; the firewall is off again"
    else
        admit_sessions
        try_firewall
    fi
}

firewall_ports() {
    local ports
    ports=$(ssh_ports)
    printf '%s\n' "${ports:-22}" 80 443
}

# admit_sessions: a rule of the operator's that lets in some addresses only, or shuts
# some out, may mean those of a session.
admit_sessions() {
    local port client
    while read -r port client; do
        if [[ $client == *:* ]] && ! grep -qis '^IPV6=yes' "${SYSTEM_ROOT:-}/etc/default/ufw"; then
            fail 3 "a session of SSH comes from $client, and IPV6 in /etc/default/ufw is not yes, so that it would be locked out"
        fi
        [[ $(ufw_admits "$port" "$client") == yes ]] ||
            run ufw prepend allow proto tcp from "$client" to any port "$port" </dev/null
    done < <(ssh_clients)
}

# try_firewall: hands over to firewall-trial.sh, which goes on if this session ends,
# and waits for what came of it.
try_firewall() {
    local trial=${SYSTEM_ROOT:-}/run/slipway-firewall seconds=120 said='' state why
    local end=$((SECONDS + seconds + 60))
    run rm -f "$trial"
    if with_systemd; then
        run systemd-run --quiet --collect bash "$HERE/firewall-trial.sh" "$trial" "$seconds"
    else
        run_daemon "${SYSTEM_ROOT:-}/var/log/slipway-firewall.log" bash "$HERE/firewall-trial.sh" "$trial" "$seconds"
    fi
    while ((SECONDS < end)); do
        state='' why=''
        { read -r state why <"$trial"; } 2>/dev/null || true
        case $state in
            kept) return 0 ;;
            undone) fail 3 "$why; the firewall is off again" ;;
            on)
                [[ -n $said ]] || note "firewall: on, for $why seconds. Open one more SSH connection from where you are," \
                    'to keep it: ssh -o ControlPath=none …; else it goes off again by itself'
                said=yes
                ;;
        esac
        sleep 0.2
    done
    fail 1 'the trial of the firewall has ended without a word; look with: ufw status'
}

# enable_firewall: on if it is proven to let SSH in, else off. UNPROVEN is why.
enable_firewall() {
    if run ufw --force enable && prove_firewall; then
        return 0
    fi
    UNPROVEN=${UNPROVEN:-'ufw cannot be enabled'}
    run ufw --force disable
    return 1
}

# ufw_is_on: has the kernel its rules, and will it have them after a restart?
ufw_is_on() {
    grep -qs '^ENABLED=yes' "${SYSTEM_ROOT:-}/etc/ufw/ufw.conf" && chained 4
}

# chained 4|6: do connections come to the rules of UFW's user?
chained() {
    local v=${1#4}
    "ip${v}tables" -w -C INPUT -j "ufw$v-before-input" 2>/dev/null &&
        "ip${v}tables" -w -C "ufw$v-before-input" -j "ufw$v-user-input" 2>/dev/null
}

# prove_firewall: does the kernel have, word for word, the rules that let SSH in?
# UNPROVEN says what it lacks.
prove_firewall() {
    local port client
    UNPROVEN=
    for port in $(ssh_ports); do
        proven "$port" || UNPROVEN="port $port, by which SSH comes in, would be closed"
    done
    while read -r port client; do
        proven "$port" "$client" || UNPROVEN="port $port would be closed for $client, where a session of SSH comes from"
    done < <(ssh_clients)
    [[ -z $UNPROVEN ]]
}

# proven PORT [CLIENT]: the rule that lets it in, by UFW's file, is in the kernel.
proven() {
    local v='' rule found=
    local -a words
    [[ ${2:-} != *:* ]] || v=6
    chained "${v:-4}" || return 1
    while read -r rule; do
        [[ $rule != *--log-prefix* ]] || continue
        read -r -a words <<<"${rule//\'/}"
        "ip${v}tables" -w -C "${words[@]:1}" 2>/dev/null || return 1
        found=yes
    done < <(admitting "$@")
    [[ -n $found ]]
}

# ufw_admits PORT [CLIENT]: "yes", "no", or "some" where a rule names addresses or an
# interface: an operator who lets in only some has meant it. For a CLIENT, "yes" means
# that it is let in for certain.
ufw_admits() {
    local answer
    answer=$(judge_rules "$@" | tail -n 1)
    printf '%s\n' "${answer:-no}"
}

# admitting PORT [CLIENT]: what iptables was told for the rule that lets it in.
admitting() {
    judge_rules "$@" | sed '$d'
}

# judge_rules PORT [CLIENT]: goes through the rules, the first of which that fits
# decides; prints what iptables was told for the one that lets PORT in, then the
# verdict. The comments of user.rules are UFW's own record of its rules, which it reads
# itself:
#   ### tuple ### ACTION PROTO PORTS TO PORTS FROM [APP APP] DIRECTION[_INTERFACE]
# where ACTION is allow, limit, deny or reject, with _log or _log-all, or route:…
judge_rules() {
    local port=$1 client=${2:-} file line verdict='' kept='' shut='' narrow current=
    local -a f
    file=${SYSTEM_ROOT:-}/etc/ufw/user.rules
    [[ $client != *:* ]] || file=${SYSTEM_ROOT:-}/etc/ufw/user6.rules
    [[ -r $file ]] || return 0
    while read -r line; do
        if [[ $line == -A* && -n $current ]]; then
            kept+=$line$'\n'
        fi
        [[ $line == '### tuple ### '* ]] || continue
        [[ $verdict != yes && $verdict != no ]] || break
        current=
        read -r -a f <<<"${line%% comment=*}"
        f=("${f[@]:3}")
        [[ ${#f[@]} -eq 6 || ${#f[@]} -eq 8 ]] && f+=(in) # as UFW once wrote them
        [[ ${f[0]} != route:* && ${f[-1]} =~ ^in(_|$) && ${f[1]} =~ ^(tcp|any)$ ]] || continue
        among "$port" "${f[2]}" || continue
        narrow=
        [[ ${f[3]} =~ ^(any|0\.0\.0\.0/0|::/0)$ && ${f[4]} == any && ${f[-1]} == in ]] || narrow=yes
        if [[ ! ${f[5]} =~ ^(any|0\.0\.0\.0/0|::/0)$ ]]; then
            [[ -z $narrow && -n $client && ${f[5]} == "$client" ]] || narrow=yes
        fi
        case ${f[0]%%_*} in
            allow | limit)
                if [[ -z $narrow && -z $shut ]]; then
                    verdict=yes kept='' current=yes
                elif [[ -z $client && -z $verdict ]]; then
                    verdict=some current=yes
                fi
                ;;
            *)
                if [[ -z $narrow ]]; then
                    verdict=${verdict:-no}
                    break
                fi
                [[ -z $client ]] || shut=yes # perhaps this one
                ;;
        esac
    done <"$file"
    printf '%s%s\n' "$kept" "${verdict:-no}"
}

# among PORT LIST: is it in UFW's list, like any, 22, 80,443 or 6000:6007?
among() {
    local part
    [[ $2 != any ]] || return 0
    for part in ${2//,/ }; do
        if [[ $part == *:* ]]; then
            ((${part%:*} > $1 || $1 > ${part#*:})) || return 0
        else
            [[ $part != "$1" ]] || return 0
        fi
    done
    return 1
}
