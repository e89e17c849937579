#!/usr/bin/env bash
# A real Prometheus scrapes a node and evaluates every expression of the dashboard and of the alert
# rules, which promtool checks.
set -euo pipefail
cd "$(dirname "$0")/../.."
command -v prometheus promtool >/dev/null ||
  { echo "prometheus.sh: no prometheus here; ops/deps all installs it" >&2 && exit 1; }
SPILLGATE_PROMETHEUS=1 exec python3 tests/e2e/metrics_test.py "$@"
