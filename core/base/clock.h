// Time. Everything that needs the time is handed an Instant or a Clock, so that a whole node can be
// stepped through hours in a test. Instants are nanoseconds on a monotonic line with no meaning
// outside the process; what crosses a process boundary is a remaining duration, never an Instant.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

namespace spillgate {

using Nanos = std::chrono::nanoseconds;

struct Timeline {
  using duration = Nanos;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<Timeline, duration>;
  static constexpr bool is_steady = true;
};

using Instant = Timeline::time_point;

inline constexpr Instant kNever = Instant::max();

// `from + by` that stops at kNever instead of overflowing; `by` may be any non-negative duration.
[[nodiscard]] constexpr Instant After(Instant from, Nanos by) {
  return by >= kNever - from ? kNever : from + by;
}

class Clock {
 public:
  virtual ~Clock() = default;
  [[nodiscard]] virtual Instant Now() const = 0;  // safe from any thread
};

// CLOCK_MONOTONIC through the vDSO: about 30 ns a read, so once per batch and never per task.
class SteadyClock final : public Clock {
 public:
  [[nodiscard]] Instant Now() const override;
};

// Microseconds since 1970 by the wall clock, which people and other clocks may set back and forth:
// for what has to mean something to another process, never for measuring.
[[nodiscard]] std::int64_t WallMicros();

// Stands still until a test moves it.
class ManualClock final : public Clock {
 public:
  [[nodiscard]] Instant Now() const override {
    return Instant(Nanos(now_ns_.load(std::memory_order_relaxed)));
  }
  void Advance(Nanos by) { now_ns_.fetch_add(by.count(), std::memory_order_relaxed); }

 private:
  std::atomic<std::int64_t> now_ns_{1'000'000'000};
};

// CPU time of the calling thread: what it has really had, whoever else had the core meanwhile. A
// system call of about 0.3 us.
[[nodiscard]] Nanos ThreadCpuTime();

}  // namespace spillgate
