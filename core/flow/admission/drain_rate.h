// DrainRate: how many tasks a second the node ends while some wait for a slot. What ends while none
// waits is the load, not what the node could do, so such ticks are left out. A tick in which
// nothing ends measures nothing: its time counts with the next that does. So functions that run for
// longer than a tick are measured right, and a stall leaves the rate as it was while it lasts.
#pragma once

#include <chrono>
#include <cstdint>

#include "core/flow/admission.h"

namespace spillgate::flow {

class DrainRate {
 public:
  // True if the rate is a new one.
  bool Note(const Served& served, Instant now) {
    if (now - noted_ > kPause) measuring_ = false;  // others decided meanwhile
    noted_ = now;
    const bool backlog = served.waiting > 0;
    const bool throughout = backlog && had_backlog_;
    had_backlog_ = backlog;
    if (!throughout) measuring_ = false;
    if (!throughout || served.count == 0) return false;
    // From one end to another, or the first would have come too soon.
    if (!measuring_) {
      Begin(now);
      return false;
    }
    ended_ += served.count;
    const Nanos elapsed = now - begun_;
    if ((ended_ < kEnough && elapsed < kLong) || elapsed <= Nanos(0)) return false;
    const double seconds = std::chrono::duration<double>(elapsed).count();
    const double seen = static_cast<double>(ended_) / seconds;
    per_second_ = per_second_ > 0 ? kOld * per_second_ + (1 - kOld) * seen : seen;
    Begin(now);
    return true;
  }

  // 0 as long as none was measured.
  [[nodiscard]] double per_second() const { return per_second_; }

 private:
  // Of "AB" in the comparison that this project began with: μ = .7μ + .3r.
  static constexpr double kOld = 0.7;
  // Fewer in a short time say too little: the reciprocal of one interval is twice the rate and more
  // on the mean.
  static constexpr std::uint64_t kEnough = 8;
  static constexpr Nanos kLong = std::chrono::milliseconds(10);
  static constexpr Nanos kPause = std::chrono::seconds(1);

  void Begin(Instant now) {
    measuring_ = true;
    begun_ = now;
    ended_ = 0;
  }

  Instant noted_;
  Instant begun_;
  std::uint64_t ended_ = 0;
  bool measuring_ = false;
  bool had_backlog_ = false;
  double per_second_ = 0;
};

}  // namespace spillgate::flow
