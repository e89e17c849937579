// Spread: how durations are spread, counted by quarter octaves. One writer at a time, any readers;
// a reader that keeps what it has seen knows what came since.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "core/base/clock.h"
#include "core/base/quarter_octaves.h"
#include "core/flow/stage_stats.h"

namespace spillgate::flow {

class Spread {
 public:
  using Counts = std::array<std::uint64_t, quarter_octaves::kBuckets>;

  void Add(Nanos value) { buckets_[quarter_octaves::BucketOf(value)].Add(1); }
  void AddTo(Counts& counts) const {
    for (std::size_t i = 0; i < counts.size(); ++i) counts[i] += buckets_[i].get();
  }

 private:
  std::array<Counter, quarter_octaves::kBuckets> buckets_;
};

}  // namespace spillgate::flow
