// Batches of tasks through the client library, a thread and a connection for each client: what a
// C++ user gets. Called by RunBench.
#pragma once

#include "client/bench/bench.h"
#include "client/bench/options.h"
#include "client/bench/row.h"

namespace spillgate::bench {

[[nodiscard]] Result<Row> MeasureLibraryBatches(const Benchmark& benchmark, const Options& options,
                                                const Target& target);

}  // namespace spillgate::bench
