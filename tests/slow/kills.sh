#!/usr/bin/env bash
# kill -9 of the node and of its workers, 20 times each (SPILLGATE_KILLS), at level async.
set -euo pipefail
cd "$(dirname "$0")/../.."
exec python3 tests/slow/kills.py "$@"
