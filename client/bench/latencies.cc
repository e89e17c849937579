#include "client/bench/latencies.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

namespace spillgate::bench {

std::size_t Latencies::BucketOf(std::uint64_t ns) {
  if (ns < (1ULL << kExact)) return ns;
  const int shift = std::bit_width(ns) - 1 - kExact;
  return (static_cast<std::size_t>(shift) << kExact) + (ns >> shift);
}

std::uint64_t Latencies::EndOf(std::size_t bucket) {
  if (bucket < (1ULL << kExact)) return bucket;
  const std::size_t shift = (bucket >> kExact) - 1;
  return (((bucket & ((1ULL << kExact) - 1)) + (1ULL << kExact) + 1) << shift) - 1;
}

void Latencies::Add(Nanos time, std::uint64_t count) {
  const auto ns = static_cast<std::uint64_t>(std::max(time, Nanos(0)).count());
  buckets_[BucketOf(ns)] += count;
  count_ += count;
  if (count > 0) max_ = std::max(max_, time);
}

void Latencies::AddEndless(std::uint64_t count) {
  count_ += count;
}

void Latencies::Add(const Latencies& other) {
  for (std::size_t i = 0; i < kBuckets; ++i) buckets_[i] += other.buckets_[i];
  count_ += other.count_;
  max_ = std::max(max_, other.max_);
}

Nanos Latencies::Quantile(double share) const {
  const double wanted = std::ceil(std::clamp(share, 0.0, 1.0) * static_cast<double>(count_));
  return AtRank(std::max<std::uint64_t>(1, static_cast<std::uint64_t>(wanted)));
}

Nanos Latencies::Median() const {
  const Nanos lower = AtRank((count_ + 1) / 2);
  const Nanos upper = AtRank(count_ / 2 + 1);
  return upper == kEndless ? upper : (lower + upper) / 2;
}

// From 1.
Nanos Latencies::AtRank(std::uint64_t rank) const {
  if (count_ == 0) return Nanos(0);
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < kBuckets; ++i) {
    seen += buckets_[i];
    if (seen >= rank) return std::min(max_, Nanos(static_cast<std::int64_t>(EndOf(i))));
  }
  return kEndless;
}

double Micros(Nanos time) {
  if (time == Latencies::kEndless) return std::numeric_limits<double>::infinity();
  return std::chrono::duration<double, std::micro>(time).count();
}

double MedianOf(std::vector<double> numbers) {
  if (numbers.empty()) return 0;
  const std::size_t half = numbers.size() / 2;
  std::sort(numbers.begin(), numbers.end());
  return numbers.size() % 2 != 0 ? numbers[half] : (numbers[half - 1] + numbers[half]) / 2;
}

}  // namespace spillgate::bench
