// Graphs of tasks through the client library's futures: each task adds 1 to the sum of what it
// takes, so the last one's value says whether each ran once and in order. Called by RunBench.
#pragma once

#include <cstdint>
#include <vector>

#include "client/bench/bench.h"
#include "client/bench/options.h"
#include "client/bench/row.h"

namespace spillgate::bench {

// For each task, in the order of submission, the earlier ones whose results it takes. The last one
// depends on all others.
using Graph = std::vector<std::vector<std::uint32_t>>;
[[nodiscard]] Graph MakeGraph(Shape shape, std::uint32_t size);
// What the last task has to return.
[[nodiscard]] std::int64_t ValueOf(const Graph& graph);

[[nodiscard]] Result<Row> MeasureGraphs(const Benchmark& benchmark, const Options& options,
                                        const Target& target);

}  // namespace spillgate::bench
