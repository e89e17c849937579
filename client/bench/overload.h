// What a node makes of more than it can do: roots of known cost at multiples of its capacity, each
// with the same deadline, and how much of their work was of use. Definitions: docs/benchmarks.md.
// Called by RunBench.
#pragma once

#include <functional>

#include "client/bench/bench.h"

namespace spillgate::bench {

// A row for each of `options.x`, in order, all of them against the capacity that was measured
// before the first and after the last: so they are reported together.
[[nodiscard]] Status MeasureOverload(const Options& options, const Target& target,
                                     const std::function<void(Row&)>& report);

}  // namespace spillgate::bench
