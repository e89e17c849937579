#!/usr/bin/env bash
# Hostile bytes, too many connections, and clients that are slow: the node serves the others on.
# Takes the options of floods.py.
set -euo pipefail
cd "$(dirname "$0")/../.."
exec python3 tests/slow/floods.py "$@"
