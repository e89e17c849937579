// Transit: how long frames of one connection were under way, by the clock that their sender put
// into them. The two clocks need not agree: what a frame took beyond the least that any took of
// late is the time that it waited in a queue of the kernel. "Of late" is five to ten seconds: long
// enough that the queue was empty once, short enough that clocks which drift apart by 100 parts in
// a million look like a queue of no more than a millisecond.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>

#include "core/base/clock.h"

namespace spillgate::net {

class Transit {
 public:
  // Of a frame that was sent at `sent_us` of its sender's clock (0: it does not say).
  [[nodiscard]] Nanos Of(std::uint64_t sent_us, Instant now) {
    if (sent_us == 0) return Nanos(0);
    const auto received =
        std::chrono::duration_cast<std::chrono::microseconds>(now.time_since_epoch());
    // A sender may claim any time at all: only what can be subtracted is looked at.
    const auto sent = static_cast<std::int64_t>(std::min<std::uint64_t>(sent_us, kMostUs));
    const std::int64_t lag = received.count() - sent;
    if (now - began_ >= kWindow) {
      before_ = now - began_ >= 2 * kWindow ? kNone : least_;
      least_ = kNone;
      began_ = now;
    }
    least_ = std::min(least_, lag);
    return std::chrono::microseconds(lag - std::min(least_, before_));
  }

 private:
  static constexpr Nanos kWindow = std::chrono::seconds(5);
  static constexpr std::int64_t kNone = std::numeric_limits<std::int64_t>::max();
  static constexpr std::uint64_t kMostUs = std::uint64_t{1} << 52;

  Instant began_{};              // of this window
  std::int64_t least_ = kNone;   // in it
  std::int64_t before_ = kNone;  // in the one before
};

}  // namespace spillgate::net
