// Quarter octaves: buckets for durations, four to each doubling from 128 ns up to nine minutes, so
// right to within a quarter. The first bucket has also all that is less than it could tell apart,
// the last all that is longer.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "core/base/clock.h"

namespace spillgate::quarter_octaves {

inline constexpr std::size_t kBuckets = 128;
inline constexpr int kFirstOctave = 8;

[[nodiscard]] inline std::size_t BucketOf(Nanos value) {
  constexpr auto kLeast = std::uint64_t{1} << (kFirstOctave - 1);
  const auto ns =
      std::max(kLeast, static_cast<std::uint64_t>(std::max<Nanos::rep>(0, value.count())));
  const int octave = std::bit_width(ns);
  const std::uint64_t quarter = (ns >> (octave - 3)) & 3;
  return std::min(static_cast<std::size_t>(octave - kFirstOctave) * 4 + quarter, kBuckets - 1);
}

// No duration in the bucket is below its lower end, or, but for the last, at or above its upper
// end.
[[nodiscard]] inline Nanos UpperEnd(std::size_t bucket) {
  const std::size_t octave = bucket / 4 + kFirstOctave;
  return Nanos(static_cast<std::int64_t>((bucket % 4 + 5) << (octave - 3)));
}
[[nodiscard]] inline Nanos LowerEnd(std::size_t bucket) {
  return bucket == 0 ? Nanos(0) : UpperEnd(bucket - 1);
}

}  // namespace spillgate::quarter_octaves
