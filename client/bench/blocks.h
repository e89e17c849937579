// Blocks: two kinds of round trips measured by turns, a block of one and a block of the other, so
// that what else happens on the machine hits both alike. The ratio of their medians is taken within
// each pair of blocks; the median of those ratios is the result. Pure but for the clock.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "client/bench/latencies.h"
#include "core/base/clock.h"
#include "core/base/result.h"

namespace spillgate::bench {

using Trip = std::function<Status()>;  // there and back, once

struct Comparison {
  Latencies times;             // of the first kind
  Latencies bare;              // of the second
  std::vector<double> ratios;  // one for each pair of blocks

  [[nodiscard]] double ratio() const { return MedianOf(ratios); }
};

// `pairs` of blocks in about `time`; a block has kLeastTrips trips at least.
inline constexpr std::uint32_t kPairs = 24;
inline constexpr std::uint64_t kLeastTrips = 20;
[[nodiscard]] Result<Comparison> Compare(const Trip& trip, const Trip& bare, Nanos time,
                                         const Clock& clock, std::uint32_t pairs = kPairs);

}  // namespace spillgate::bench
