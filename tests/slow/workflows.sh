#!/usr/bin/env bash
# Every recorded workflow through every build that there is: release, and with sanitizers.
set -euo pipefail
cd "$(dirname "$0")/../.."
[[ -d ../shared/workflows ]] ||
  { echo "skipped: there are no records of workflows in $PWD/../shared/workflows" && exit 0; }

# Of the preset file's test presets, which ctest would set.
export ASAN_OPTIONS=strict_string_checks=1:check_initialization_order=1
export UBSAN_OPTIONS=print_stacktrace=1
export TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1
# This compiler's thread sanitizer is lost on kernels that randomise addresses by more than 28 bits.
fixed=()
! setarch -R true 2>/dev/null || fixed=(setarch -R)

builds=()
if [[ -n ${SPILLGATE_BIN:-} ]]; then
  builds=("$SPILLGATE_BIN")
else
  for preset in release asan-ubsan tsan; do
    if [[ -x build/$preset/bin/spillgated && -x build/$preset/bin/spillgate ]]; then
      builds+=("$PWD/build/$preset/bin")
    else
      echo "skipped: build/$preset has no programs; ops/build $preset all makes them"
    fi
  done
fi
((${#builds[@]})) || { echo "workflows.sh: nothing is built; run ops/build" >&2 && exit 1; }
for bin in "${builds[@]}"; do
  echo "== $bin"
  SPILLGATE_BIN=$bin "${fixed[@]}" python3 tests/slow/workflows.py "$@"
done
