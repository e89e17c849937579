// Spread: how long something takes, by the durations of the last few hundred times. Old ones fade:
// when there are enough, each count is halved. Right to within a quarter (quarter_octaves.h). Not
// thread-safe; adding is O(1), reading looks at each bucket.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "core/base/clock.h"
#include "core/base/quarter_octaves.h"

namespace spillgate {

class Spread {
 public:
  void Add(Nanos duration);
  // Whether it is time to look it through again: now and then, and after each of the first.
  [[nodiscard]] bool IsToBeRead() const;
  // 95 of 100 are no longer.
  [[nodiscard]] Nanos P95() const;
  // Half are at least so long.
  [[nodiscard]] Nanos Median() const;

 private:
  [[nodiscard]] std::size_t BucketBelow(std::uint32_t most) const;

  static constexpr std::uint32_t kMost = 256;
  static constexpr std::uint32_t kLookEvery = 8;
  std::array<std::uint16_t, quarter_octaves::kBuckets> counts_{};
  std::uint32_t total_ = 0;
};

}  // namespace spillgate
