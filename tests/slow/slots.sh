#!/usr/bin/env bash
# CPU slots that follow what runs against each fixed number, on a load that shifts; two and a half
# minutes. Takes the options of slots.py.
set -euo pipefail
cd "$(dirname "$0")/../.."
SPILLGATE_BIN=${SPILLGATE_BIN:-$PWD/build/release/bin} \
  exec python3 tests/slow/slots.py "$@"
