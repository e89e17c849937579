#!/usr/bin/env bash
# All that docs/benchmarks.md says of overload, from one command: the searched settings, the sweep,
# what tells controllers apart, faults, the crowd, and single runs, which are held against what they
# should be; last the pictures and the rows that the page has. Five to six hours on two cores that
# do nothing else, of which the sweep has four at most; each part goes on where it was interrupted,
# and can be named to run alone. Builds the programs, with what measures beside them, unless
# SPILLGATE_BIN names the folder of some.
#   docs/benchmarks/figures.sh [tune|sweep|contrasts|slots|scenarios|crowd|runs|plots]…
set -euo pipefail
cd "$(dirname "$0")/../.."
[[ -n ${SPILLGATE_BIN:-} ]] || ops/build release all
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
  run spike spike --x 10 --spikes 20 --seconds 2
  run storm storm --spikes 6 --seconds 1
  run storm-budget storm --spikes 6 --seconds 1 --retry-budget 0.1
  run bomb-100us bomb --seconds 2 --service 100us --children 1000000
  run bomb-10ms bomb --seconds 2 --service 10ms --children 1500
  run fair fair --x 15 --seconds 4
  run fair-100 fair --x 100 --service 10ms --seconds 4
  run critical-100us overload --service 100us --critical 0.3 --x 2,10 --seconds 8
  run fan-10ms overload --mix exponential --shape fan --service 10ms --x 1,10 --seconds 30
  run burst overload --seconds 3 --x 0.7,1,2,10 --burst 8
  run turnaround overload --seconds 3 --x 0.7,1,2,10 --service 100us --clients cooperative \
    --turnaround 100us
  python3 tests/slow/goals.py "$out" || failed+=(goals)
}

# Two and a half minutes, which are begun anew.
slots() {
  tests/slow/slots.sh >"$out/slots.part" && mv "$out/slots.part" "$out/slots.jsonl"
}

# What of these the page shows: pictures, and the rows of the sweep as they were measured.
plots() {
  local rows=docs/benchmarks/overload part
  if [[ -s $out/spike.jsonl ]]; then
    python3 docs/benchmarks/plot_spike.py "$out/spike.jsonl" -o docs/benchmarks/spike.svg ||
      failed+=(spike.svg)
  fi
  for part in build/overload/*-*.jsonl; do
    [[ ! -s $part ]] || cp "$part" "$rows/"
  done
  tests/slow/overload.sh --report --out "$rows" >"$out/report.log" || failed+=(report)
  grep -E '"case": "spin-(1ms-(constant|bimodal)|10us-constant)-single-raw"' "$rows/all.jsonl" \
    >"$out/singles.jsonl" || true
  python3 docs/benchmarks/plot.py "$out/singles.jsonl" -o docs/benchmarks/overload.svg \
    --title 'One slot: goodput by offered load' || failed+=(overload.svg)
}

failed=()
for part in "${@:-tune sweep contrasts slots scenarios crowd runs plots}"; do
  for each in $part; do
    case $each in
      tune) python3 tests/slow/tune.py || failed+=("$each") ;;
      sweep) tests/slow/overload.sh --minutes 240 || failed+=("$each") ;;
      contrasts) tests/slow/contrasts.sh || failed+=("$each") ;;
      slots) slots || failed+=("$each") ;;
      scenarios) tests/slow/scenarios.sh || failed+=("$each") ;;
      crowd) tests/slow/crowd.sh || failed+=("$each") ;;
      runs) runs ;;
      plots) plots ;;
      *)
        echo "usage: docs/benchmarks/figures.sh" \
          "[tune|sweep|contrasts|slots|scenarios|crowd|runs|plots]…" >&2
        exit 2
        ;;
    esac
  done
done
((${#failed[@]} == 0)) || { echo "failed or void: ${failed[*]}" >&2 && exit 1; }
