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

}  // namespace spillgate::bench
