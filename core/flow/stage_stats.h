// What one stage (one shard of it) counts about itself. Written with plain loads and stores by the
// one thread that is in the stage, except the counters of arrivals, which any upstream adds to once
// a batch; read by anyone. The command, the admin port and the tests all read these same numbers.
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "core/base/clock.h"
#include "core/flow/admission.h"

namespace spillgate::flow {

// A counter with one writer at a time.
class Counter {
 public:
  void Add(std::uint64_t n) {
    value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }
  [[nodiscard]] std::uint64_t get() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

// Durations in powers of two: bucket i counts those of [2^(i-1), 2^i) nanoseconds. One writer at a
// time.
class Histogram {
 public:
  static constexpr std::size_t kBuckets = 44;  // up to 2^43 ns, two hours and a half

  void Add(Nanos value, std::uint64_t times = 1) {
    const auto ns = static_cast<std::uint64_t>(value.count() > 0 ? value.count() : 0);
    const std::size_t width = static_cast<std::size_t>(std::bit_width(ns));
    buckets_[width < kBuckets ? width : kBuckets - 1].Add(times);
    sum_ns_.Add(ns * times);
  }
  [[nodiscard]] std::uint64_t bucket(std::size_t i) const { return buckets_[i].get(); }
  [[nodiscard]] std::uint64_t sum_ns() const { return sum_ns_.get(); }

 private:
  std::array<Counter, kBuckets> buckets_;
  Counter sum_ns_;
};

struct StageStats {
  std::array<Counter, kMaxClasses> handled;    // events that left, by class
  std::array<Histogram, kMaxClasses> wait;     // arrival to emit
  std::array<Histogram, kMaxClasses> service;  // busy time of the batch ÷ its size
  Counter batches;
  Counter busy_ns;
  std::atomic<std::uint64_t> arrived{0};
  std::atomic<std::uint64_t> kept{0};     // told to stay upstream
  std::atomic<std::uint64_t> dropped{0};  // doomed on the way in
  std::atomic<std::uint64_t> fuses{0};    // kept for want of room: an interior bound blew

  // Events at a time: by the config, and by what they cost (BatchLimit), 0 before the first tick.
  std::atomic<std::size_t> batch_most{0};
  std::atomic<std::size_t> batch_fits{0};

  // Published at each tick. A stage that holds nothing is not ticked: without occupancy, the first
  // means nothing.
  std::atomic<Instant::rep> oldest_ns{kNever.time_since_epoch().count()};  // when its oldest came
  std::atomic<std::int64_t> admits_up_to{0};                               // ControllerState::limit
  std::atomic<Nanos::rep> retry_after_ns{0};
};

}  // namespace spillgate::flow
