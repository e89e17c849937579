// GivenLately: how much of a resource somebody was given in the last moments, as a part of it. A
// sliding window of two counters: the one that is being filled, and of the one before it as much as
// the window still covers. What is given for longer than a window counts in those that follow.
// One thread adds, any thread reads; who reads while a window ends may be wrong by what is in one.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "core/base/clock.h"
#include "core/base/gauge.h"

namespace spillgate {

class GivenLately {
 public:
  // Long enough for some fifty runs of a millisecond, short enough that what is over is forgotten
  // before anybody would miss it.
  static constexpr Nanos kWindow = std::chrono::milliseconds(50);
  [[nodiscard]] static std::int64_t WindowOf(Instant now) {
    return now.time_since_epoch() / kWindow;
  }

  void Add(std::int64_t node_time, Instant now) {
    const std::int64_t window = WindowOf(now);
    if (window > window_.get()) {
      const Counts counts = At(window);
      before_.Set(counts.before);
      given_.Set(counts.given);
      window_.Set(window);
    }
    given_.Add(node_time);
  }

  // 0 to 1.
  [[nodiscard]] double Part(Instant now) const {
    const std::int64_t window = WindowOf(now);
    const Counts counts = At(window);
    const Nanos into = now.time_since_epoch() - window * kWindow;
    const double covered = 1 - Windows(into.count());
    return std::min(1.0, Windows(counts.before) * covered + Windows(counts.given));
  }

 private:
  struct Counts {
    std::int64_t before = 0;
    std::int64_t given = 0;
  };
  static double Windows(std::int64_t ns) {
    return static_cast<double>(ns) / static_cast<double>(kWindow.count());
  }
  // As they are when that window has begun.
  [[nodiscard]] Counts At(std::int64_t window) const {
    static constexpr std::int64_t kFull = kWindow.count();
    static constexpr std::int64_t kForgotten = 1 << 20;  // windows: so that nothing overflows
    const std::int64_t passed = std::clamp<std::int64_t>(window - window_.get(), 0, kForgotten);
    if (passed == 0) return {before_.get(), given_.get()};
    const std::int64_t given = given_.get();
    return {std::clamp<std::int64_t>(given - (passed - 1) * kFull, 0, kFull),
            std::max<std::int64_t>(0, given - passed * kFull)};
  }

  Gauge window_;
  Gauge before_;
  Gauge given_;
};

}  // namespace spillgate
