// What no order and no admission can exceed, for the same roots. Pure; any thread.
#pragma once

#include "tests/sim/frontier/sample.h"

namespace spillgate::frontier {

// The most work that counts of roots that end by their deadline, as a ratio of the load
// (Sample::RatioOf): found for a server that is at least as strong as any node with these slots.
[[nodiscard]] double UpperBound(const Sample& sample);

}  // namespace spillgate::frontier
