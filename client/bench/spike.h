// How fast a node comes to terms with a burst, and how fast it is as before: roots at half of its
// capacity, spikes of a multiple of it, and what became of each root by the time at which it was
// due. Definitions: docs/benchmarks.md. Called by RunBench.
#pragma once

#include <span>

#include "client/bench/bench.h"
#include "client/bench/root_stream.h"

namespace spillgate::bench {

// kSpike: spikes of the largest of `options.x`. kStorm: triggers of three times the capacity for a
// tenth of a second, on 0.8 of it, where all that is refused, late or not answered in time is sent
// again.
[[nodiscard]] Result<Row> MeasureSpike(Method method, const Options& options, const Target& target);

// From `since` to the first root after which at most 2 of the next 100 are bad; to `until`, when
// there is none before. `refusals_are_bad`: else only what was accepted and did not come in time.
[[nodiscard]] Nanos Settled(std::span<const RootOutcome> outcomes, Nanos since, Nanos until,
                            bool refusals_are_bad);

}  // namespace spillgate::bench
