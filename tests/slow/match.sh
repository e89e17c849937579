#!/usr/bin/env bash
# A hundred games of the search over tasks against the same search on one thread: more won than
# lost, with 1.5 times the rollouts a move, and no move late. SPILLGATE_MATCH is another number.
set -euo pipefail
cd "$(dirname "$0")/../.."
SPILLGATE_MATCH=${SPILLGATE_MATCH:-100} SPILLGATE_BIN=${SPILLGATE_BIN:-$PWD/build/release/bin} \
  exec python3 tests/e2e/mcts_test.py -k stronger "$@"
