// Spread: how durations are spread, four buckets to the octave from 128 ns up, so right to within a
// quarter. One writer at a time, any readers; a reader that keeps what it has seen knows what came
// since.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "core/base/clock.h"
#include "core/flow/stage_stats.h"

namespace spillgate::flow {

class Spread {
 public:
  static constexpr std::size_t kBuckets = 128;  // up to 2^39 ns, nine minutes
  using Counts = std::array<std::uint64_t, kBuckets>;

  void Add(Nanos value) { buckets_[BucketOf(value)].Add(1); }
  void AddTo(Counts& counts) const {
    for (std::size_t i = 0; i < kBuckets; ++i) counts[i] += buckets_[i].get();
  }

  [[nodiscard]] static std::size_t BucketOf(Nanos value) {
    constexpr auto kLeast = std::uint64_t{1} << (kFirstOctave - 1);
    const auto ns = static_cast<std::uint64_t>(std::max<Nanos::rep>(0, value.count()));
    const int octave = std::bit_width(std::max(ns, kLeast));
    const std::uint64_t quarter = (std::max(ns, kLeast) >> (octave - 3)) & 3;
    return std::min(static_cast<std::size_t>(octave - kFirstOctave) * 4 + quarter, kBuckets - 1);
  }
  // No duration in the bucket is below it. The first bucket has also all that is less than it could
  // tell apart.
  [[nodiscard]] static Nanos LowerEnd(std::size_t bucket) {
    return bucket == 0 ? Nanos(0) : End(bucket, 4);
  }
  [[nodiscard]] static Nanos UpperEnd(std::size_t bucket) { return End(bucket, 5); }

 private:
  static constexpr int kFirstOctave = 8;

  [[nodiscard]] static Nanos End(std::size_t bucket, std::size_t quarters) {
    const std::size_t octave = bucket / 4 + kFirstOctave;
    return Nanos(static_cast<std::int64_t>((bucket % 4 + quarters) << (octave - 3)));
  }

  std::array<Counter, kBuckets> buckets_;
};

}  // namespace spillgate::flow
