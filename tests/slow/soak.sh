#!/usr/bin/env bash
# Ten minutes at twice what the node can run. SPILLGATE_SOAK_SECONDS makes it shorter or longer.
set -euo pipefail
cd "$(dirname "$0")/../.."
exec python3 tests/slow/soak.py "$@"
