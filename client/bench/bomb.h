// The bomb benchmark: one root that spawns without end, beside small roots that ask for four tenths
// of the node. What it costs them, and whether it has what is left. Definitions:
// docs/benchmarks.md.
#pragma once

#include <functional>

#include "client/bench/bench.h"
#include "client/bench/row.h"

namespace spillgate::bench {

// A row for a bomb of the same tenant as the small roots, then for one of another.
[[nodiscard]] Status MeasureBomb(const Options& options, const Target& target,
                                 const std::function<void(Row&)>& report);

// While small roots came beside a bomb, in seconds of all slots together.
struct BombTimes {
  double slots = 0;  // CPU time that they had
  double small = 0;  // of that, what the small roots take
  double all = 0;    // that there was
};
// What the bomb had of what the small roots left, with all that a slot does for its children.
[[nodiscard]] double BombShare(const BombTimes& times);

}  // namespace spillgate::bench
