#!/usr/bin/env bash
# At twice what a node can do: a client that does not read, workers that stand still, a disk that
# stops, a config that changes. Takes the options of scenarios.py.
set -euo pipefail
cd "$(dirname "$0")/../.."
SPILLGATE_BIN=${SPILLGATE_BIN:-$PWD/build/release/bin} exec python3 tests/slow/scenarios.py "$@"
