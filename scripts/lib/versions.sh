#!/usr/bin/env bash
# The oldest versions that a stack can be deployed with, in one place: the scripts
# source it, and Go reads the assignments, so they are of plain values.
# shellcheck disable=SC2034

OLDEST_ENGINE=20.10
OLDEST_COMPOSE=2.26

# From this version on, Compose leaves building to the buildx plugin, and refuses
# one that is older than that. Before it, Compose builds by itself.
COMPOSE_WITH_BUILDX=2.37
OLDEST_BUILDX=0.17

# at_least MINIMUM VERSION
at_least() {
    printf '%s\n' "$1" "$2" | sort -C -V
}
