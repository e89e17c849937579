// Latencies: a histogram of times, exact to 1.6 %, in 30 KiB whatever is put in; and the median of
// a few numbers. What is between two buckets is told as the upper end, so no figure is better than
// what was measured. What never came takes longer than all that did. One thread; merged afterwards.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "core/base/clock.h"

namespace spillgate::bench {

class Latencies {
 public:
  static constexpr Nanos kEndless = Nanos::max();

  void Add(Nanos time, std::uint64_t count = 1);
  void AddEndless(std::uint64_t count = 1);
  void Add(const Latencies& other);

  [[nodiscard]] std::uint64_t count() const { return count_; }  // with what never came
  [[nodiscard]] Nanos max() const { return max_; }              // of what came
  // The least time that at least this share of all did not exceed; 0 when there are none. At most
  // the longest; kEndless where too many never came.
  [[nodiscard]] Nanos Quantile(double share) const;
  // Halfway between the two in the middle, where there are two.
  [[nodiscard]] Nanos Median() const;

 private:
  [[nodiscard]] Nanos AtRank(std::uint64_t rank) const;

  // Times below 2^kExact ns have a bucket each; above, each doubling is cut into 2^kExact.
  static constexpr int kExact = 6;
  static constexpr std::size_t kBuckets = (64 - kExact) << kExact;

  [[nodiscard]] static std::size_t BucketOf(std::uint64_t ns);
  [[nodiscard]] static std::uint64_t EndOf(std::size_t bucket);  // the largest time in it

  std::array<std::uint64_t, kBuckets> buckets_{};
  std::uint64_t count_ = 0;
  Nanos max_{0};
};

// Infinity for kEndless.
[[nodiscard]] double Micros(Nanos time);
// Of an even number, the mean of the two in the middle; of none, 0.
[[nodiscard]] double MedianOf(std::vector<double> numbers);

}  // namespace spillgate::bench
