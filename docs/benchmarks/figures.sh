#!/usr/bin/env bash
# All that docs/benchmarks.md says of overload, from one command: the searched settings, the sweep,
# what tells controllers apart, faults, the crowd, and single runs. Some five hours on two cores
# that do nothing else; each part goes on where it was interrupted, and can be named to run alone.
#   docs/benchmarks/figures.sh [tune|sweep|contrasts|scenarios|crowd|runs]…
set -euo pipefail
cd "$(dirname "$0")/../.."
export SPILLGATE_BIN=${SPILLGATE_BIN:-$PWD/build/release/bin}
out=build/figures
mkdir -p "$out"

# run NAME COMMAND…: its lines of JSON to build/figures/NAME.jsonl, unless they are there already, of
# these programs and arguments. A void run fails, says so, and is done again by the next call.
run() {
  local name=$1 code=0 of
  of=$( (cat "$SPILLGATE_BIN"/spillgate{,d} && echo "${@:2}") | sha256sum)
  [[ ! -s $out/$name.jsonl || $(cat "$out/$name.of" 2>/dev/null) != "$of" ]] || return 0
  rm -f "$out/$name.jsonl"
  echo "$of" >"$out/$name.of"
  echo "$name: ${*:2}"
  "$SPILLGATE_BIN/spillgate" bench "${@:2}" -o json >"$out/$name.part" || code=$?
  if ((code)); then failed+=("$name"); else mv "$out/$name.part" "$out/$name.jsonl"; fi
}

runs() {
  run spike spike --x 10 --spikes 20 --seconds 1
  run storm storm --spikes 6 --seconds 1
  run storm-budget storm --spikes 6 --seconds 1 --retry-budget 0.1
  run bomb-100us bomb --seconds 2 --service 100us --children 1000000
  run bomb-10ms bomb --seconds 2 --service 10ms --children 1500
  run burst overload --seconds 3 --x 0.7,1,2,10 --burst 8
  run turnaround overload --seconds 3 --x 0.7,1,2,10 --service 100us --clients cooperative \
    --turnaround 100us
  [[ ! -s $out/spike.jsonl ]] ||
    python3 docs/benchmarks/plot_spike.py "$out/spike.jsonl" -o "$out/spike.svg"
}

failed=()
for part in "${@:-tune sweep contrasts scenarios crowd runs}"; do
  for each in $part; do
    case $each in
      tune) python3 tests/slow/tune.py || failed+=("$each") ;;
      sweep) tests/slow/overload.sh --minutes 300 || failed+=("$each") ;;
      contrasts) tests/slow/contrasts.sh || failed+=("$each") ;;
      scenarios) tests/slow/scenarios.sh || failed+=("$each") ;;
      crowd) tests/slow/crowd.sh || failed+=("$each") ;;
      runs) runs ;;
      *)
        echo "usage: docs/benchmarks/figures.sh [tune|sweep|contrasts|scenarios|crowd|runs]…" >&2
        exit 2
        ;;
    esac
  done
done
((${#failed[@]} == 0)) || { echo "failed or void: ${failed[*]}" >&2 && exit 1; }
