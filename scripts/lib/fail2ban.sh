#!/usr/bin/env bash
# fail2ban with its sshd jail: whoever guesses passwords is locked out for a
# while. Only functions; source it after firewall.sh.

look_fail2ban() {
    local jail=${SYSTEM_ROOT:-}/etc/fail2ban/jail.d/slipway.local
    if ! present fail2ban-client; then
        lacks 'fail2ban is not installed'
    elif [[ ! -f $jail ]]; then
        lacks 'the sshd jail is not configured'
    elif [[ $(id -u) == 0 && $(<"$jail") != "$(sshd_jail)" ]]; then # only root sees SSH's ports
        lacks 'the sshd jail is out of date'
    elif ! fail2ban_runs; then
        lacks 'fail2ban does not run'
    else
        printf 'the sshd jail is on\n'
    fi
}

# fail2ban_runs: asking its client would take longer than all other checks.
fail2ban_runs() {
    local file=${SYSTEM_ROOT:-}/var/run/fail2ban/fail2ban.pid
    [[ -r $file && -d /proc/$(<"$file") ]]
}

install_fail2ban() {
    local jail=${SYSTEM_ROOT:-}/etc/fail2ban/jail.d/slipway.local
    if ! present fail2ban-client; then
        # python3-systemd reads the journal, where a current Debian logs SSH.
        apt_install fail2ban python3-systemd
    fi
    sshd_jail | write_file "$jail"
    if with_systemd; then
        run systemctl enable fail2ban
        run systemctl restart fail2ban
        return 0
    fi
    # Without a journal it reads a log file, and refuses to start without one.
    if [[ ! -e ${SYSTEM_ROOT:-}/var/log/auth.log ]]; then
        run install -m 0640 /dev/null "${SYSTEM_ROOT:-}/var/log/auth.log"
    fi
    run mkdir -p "${SYSTEM_ROOT:-}/var/run/fail2ban"
    if fail2ban_runs; then
        run fail2ban-client reload
    else
        run fail2ban-client start
    fi
}

sshd_jail() {
    local backend=auto
    ! with_systemd || backend=systemd
    cat <<JAIL
# Written by Slipway. Put changes into a file that sorts after this one.
[sshd]
enabled = true
port = $(ssh_ports | paste -s -d ,)
backend = $backend
JAIL
}
