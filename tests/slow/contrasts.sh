#!/usr/bin/env bash
# The loads that tell controllers apart: a table of controllers and scenarios in
# build/contrasts/table.md. Takes the options of contrasts.py.
set -euo pipefail
cd "$(dirname "$0")/../.."
SPILLGATE_BIN=${SPILLGATE_BIN:-$PWD/build/release/bin} exec python3 tests/slow/contrasts.py "$@"
