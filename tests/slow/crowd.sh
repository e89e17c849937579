#!/usr/bin/env bash
# Ten minutes at ten times what a node can do, over a thousand connections. Takes the options of
# crowd.py.
set -euo pipefail
cd "$(dirname "$0")/../.."
SPILLGATE_BIN=${SPILLGATE_BIN:-$PWD/build/release/bin} exec python3 tests/slow/crowd.py "$@"
