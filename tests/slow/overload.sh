#!/usr/bin/env bash
# Goodput at 0.3 to 10 times what a node can do, against what any node could reach. Takes the
# options of overload.py; goes on where it was interrupted.
set -euo pipefail
cd "$(dirname "$0")/../.."
SPILLGATE_BIN=${SPILLGATE_BIN:-$PWD/build/release/bin} exec python3 tests/slow/overload.py "$@"
