// The bomb benchmark: one root that spawns without end, beside small roots that ask for four tenths
// of the node. What it costs them, and whether it has what is left. Definitions:
// docs/benchmarks.md.
#pragma once

#include <functional>

#include "client/bench/bench.h"
#include "client/bench/row.h"
#include "core/base/clock.h"

namespace spillgate::bench {

// A row for a bomb of the same tenant as the small roots, then for one of another.
[[nodiscard]] Status MeasureBomb(const Options& options, const Target& target,
                                 const std::function<void(Row&)>& report);

struct BombTimes {
  Nanos expected{0};  // that it would take with all that small roots leave, if they always came
  Nanos beside{0};    // from its beginning to when the last of them had ended
  Nanos took{0};
};
// Slot time that a bomb had beside the small roots, to what they left, which is `left` of all.
// After them it has all of it, whatever its share was.
[[nodiscard]] double BombShare(const BombTimes& times, double left);

}  // namespace spillgate::bench
