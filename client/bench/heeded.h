// Which benchmarks heed an option that is not for all of them. Whoever gives it to another would
// take what that measures for what he asked for, so it is told to him. Pure; any thread.
#pragma once

#include "client/bench/options.h"
#include "core/base/result.h"

namespace spillgate::bench {

// Whether the benchmark heeds all that the options have otherwise than usual.
[[nodiscard]] Status CheckHeeded(const Benchmark& benchmark, const Options& options);

}  // namespace spillgate::bench
