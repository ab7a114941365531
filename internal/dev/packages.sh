#!/usr/bin/env bash
# Installs the Debian packages that the chores of this repository need.
#
# When: `mage test` and `mage dev:lint` call it with what is missing.
# Exit codes: 0 installed; 3 not root, the command to run is on stdout; 75 another
# process kept the package manager's lock; else apt's.
set -euo pipefail

LIB=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)/../../scripts/lib
# shellcheck source=../../scripts/lib/output.sh
source "$LIB/output.sh"
# shellcheck source=../../scripts/lib/machine.sh
source "$LIB/machine.sh"
# shellcheck source=../../scripts/lib/apt.sh
source "$LIB/apt.sh"

main() {
    (($# > 0)) || usage_error 'no package is named'
    APT_LOCK_WAIT=${APT_LOCK_WAIT:-300}
    watch_faults
    if [[ $(id -u) != 0 ]]; then
        printf 'sudo apt-get install -y %s\n' "$*"
        fail 3 'not root; run the command above'
    fi
    apt_install "$@"
}

main "$@"
