// One task there and back, compared with a bare socket that carries as many bytes, waits in the
// same way and has the same cores. Called by RunBench.
#pragma once

#include "client/bench/bench.h"
#include "client/bench/options.h"
#include "client/bench/row.h"

namespace spillgate::bench {

// rtt, rtt-loaded and client-rtt, with everybody where `placement` says.
[[nodiscard]] Result<Row> MeasureRoundTrip(const Benchmark& benchmark, const Options& options,
                                           Placement placement, const Target& target);

}  // namespace spillgate::bench
