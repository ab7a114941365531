#!/usr/bin/env bash
# Installs what a deployment needs on Debian and Ubuntu, part by part. Repeating
# it changes nothing. Run by root; for anybody else, and on another system, it
# prints the commands instead.
#
# Exit codes: 0 the parts are there; 1 installing failed; 2 usage; 3 refused, the
# commands to run are on stdout; 10 check: a part is missing; 75 another process
# kept the package manager's lock; else that of the command that failed.
set -euo pipefail

HERE=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=lib/output.sh
source "$HERE/lib/output.sh"
# shellcheck source=lib/versions.sh
source "$HERE/lib/versions.sh"
# shellcheck source=lib/machine.sh
source "$HERE/lib/machine.sh"
# shellcheck source=lib/apt.sh
source "$HERE/lib/apt.sh"
# shellcheck source=lib/engine.sh
source "$HERE/lib/engine.sh"
# shellcheck source=lib/plugins.sh
source "$HERE/lib/plugins.sh"
# shellcheck source=lib/ssh.sh
source "$HERE/lib/ssh.sh"
# shellcheck source=lib/firewall.sh
source "$HERE/lib/firewall.sh"
# shellcheck source=lib/fail2ban.sh
source "$HERE/lib/fail2ban.sh"

usage() {
    cat <<USAGE
usage: prerequisites.sh PART…
       prerequisites.sh check PART…

Installs the parts that are missing; check only looks, and names them.

  engine     the Docker engine, $OLDEST_ENGINE or newer, running
  compose    its Compose plugin, $OLDEST_COMPOSE or newer
  buildx     its buildx plugin, $OLDEST_BUILDX or newer, for Compose $COMPOSE_WITH_BUILDX and newer
  tools      jq and curl
  firewall   UFW: SSH's own ports, 80 and 443 open
  fail2ban   fail2ban with its sshd jail

environment:
  APT_LOCK_WAIT  seconds to wait while another process installs (default: 120)
  ENGINE_WAIT    seconds until a started engine must answer (default: 60)
  SYSTEM_ROOT, PLUGIN_DIR  where the system's files and the plugins are
USAGE
}

look_tools() {
    present curl || lacks 'there is no curl' || return
    present jq || lacks 'there is no jq' || return
    printf 'jq and curl\n'
}

install_tools() {
    local packages=() tool
    for tool in jq curl; do
        present "$tool" || packages+=("$tool")
    done
    present curl || packages+=(ca-certificates)
    apt_install "${packages[@]}"
}

# lacks REASON: the answer of a look_PART that fails. One that succeeds prints
# what is there.
lacks() {
    printf '%s\n' "$1"
    return 1
}

# ask_about PART…: asks Docker where the answer is about it.
ask_about() {
    case " $* " in
        *' engine '* | *' compose '* | *' buildx '*) ask_docker ;;
    esac
}

check_parts() {
    local part found all=yes
    ask_about "$@"
    for part in "$@"; do
        if ! found=$("look_$part"); then
            printf '%s missing: %s\n' "$part" "$found"
            all=
        fi
    done
    [[ -n $all ]] || exit 10
}

install_parts() {
    local part found refused=
    ask_about "$@"
    for part in "$@"; do
        if found=$("look_$part"); then
            note "$part: nothing to do ($found)"
            continue
        fi
        note "$part: $found"
        judge_system
        if [[ -n $PRINT_ONLY ]]; then
            refused=yes
            print_part "$part"
            continue
        fi
        "install_$part"
        ask_about "$part"
        found=$("look_$part") || fail 1 "$part: still missing: $found"
        note "$part: installed ($found)"
    done
    [[ -z $refused ]] || fail 3 "$PRINT_ONLY; run the commands above"
}

# judge_system: PRINT_ONLY is why nothing may be installed here, empty when it may.
judge_system() {
    local id
    id=$(system_fact ID)
    PRINT_ONLY=
    if [[ $id != debian && $id != ubuntu ]] || ! present apt-get; then
        PRINT_ONLY="${id:-this system} is neither Debian nor Ubuntu"
    elif [[ $(id -u) != 0 ]]; then
        PRINT_ONLY='not root'
    fi
}

# print_part PART: the commands that would install it. Other package managers
# have their own names for things.
print_part() {
    if present apt-get; then
        "install_$1"
    elif present dnf; then
        foreign_part "$1" 'dnf install -y' 'moby-engine' docker-compose docker-buildx
    elif present zypper; then
        foreign_part "$1" 'zypper install -y' docker docker-compose docker-buildx
    elif present pacman; then
        foreign_part "$1" 'pacman -S --needed' docker docker-compose docker-buildx
    elif present apk; then
        foreign_part "$1" 'apk add' docker docker-cli-compose docker-cli-buildx
    else
        printf '# install %s with the package manager of this system\n' "$1"
    fi
}

# foreign_part PART INSTALL ENGINE COMPOSE BUILDX
foreign_part() {
    local part=$1 install=$2
    case $part in
        engine) printf 'sudo %s %s\nsudo systemctl enable --now docker\n' "$install" "$3" ;;
        compose) printf 'sudo %s %s\n' "$install" "$4" ;;
        buildx) printf 'sudo %s %s\n' "$install" "$5" ;;
        tools) printf 'sudo %s jq curl\n' "$install" ;;
        firewall) printf '# open in your firewall: %s\n' "$(firewall_ports | paste -s -d ' ')" ;;
        fail2ban) printf 'sudo %s fail2ban\n' "$install" ;;
    esac
}

main() {
    local verb=install_parts part
    case ${1:-} in
        -h | --help) usage && return 0 ;;
        check) verb=check_parts && shift ;;
    esac
    (($# > 0)) || usage_error 'no part is named'
    for part in "$@"; do
        case $part in
            engine | compose | buildx | tools | firewall | fail2ban) ;;
            *) usage_error "unknown part: $part" ;;
        esac
    done
    APT_LOCK_WAIT=${APT_LOCK_WAIT:-120} ENGINE_WAIT=${ENGINE_WAIT:-60}
    [[ $APT_LOCK_WAIT =~ ^[0-9]+$ && $ENGINE_WAIT =~ ^[0-9]+$ ]] || usage_error 'APT_LOCK_WAIT and ENGINE_WAIT are whole seconds'
    PLUGIN_DIR=${PLUGIN_DIR:-${SYSTEM_ROOT:-}/usr/local/lib/docker/cli-plugins}
    watch_faults
    "$verb" "$@"
}

main "$@"
