// Streams of tasks over raw connections, one thread each: what the node can do. Called by RunBench.
#pragma once

#include "client/bench/bench.h"
#include "client/bench/options.h"
#include "client/bench/row.h"

namespace spillgate::bench {

[[nodiscard]] Result<Row> MeasureStreams(const Benchmark& benchmark, const Options& options,
                                         const Target& target);

}  // namespace spillgate::bench
