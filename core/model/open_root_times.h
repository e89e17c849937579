// OpenRootTimes: how long the tasks take that the clients of a tenant add to its open roots, and
// what was said of that: a time that is always said too short would buy what others are refused.
// Written by scheduling, on its thread; any thread may ask.
#pragma once

#include <algorithm>
#include <cstdint>

#include "core/base/clock.h"
#include "core/base/gauge.h"
#include "core/model/root_mean.h"

namespace spillgate {

class OpenRootTimes {
 public:
  static constexpr Nanos kMost = std::chrono::hours(1);  // that is said or taken

  // The slot time of a task that has ended, of the root of that order; 0 was said of those of which
  // nothing was.
  void Learn(Nanos said, Nanos took, std::uint64_t root) {
    const auto ns = static_cast<double>(std::clamp(took, Nanos(1), kMost).count());
    if (said <= Nanos(0)) return Mean(unsaid_, mean_ns_, ns, root);
    // Of each the ratio: or one of hours would answer for thousands of milliseconds.
    const double ratio = ns / static_cast<double>(std::min(said, kMost).count());
    Mean(of_said_, parts_, kParts * std::clamp(ratio, kLeast, kMostTimes), root);
  }

  // Of one of which that was said; 0: nothing is said, or known.
  [[nodiscard]] Nanos Expect(Nanos said) const {
    if (said <= Nanos(0)) return Nanos(mean_ns_.get());
    if (parts_.get() == 0) return said;  // nothing was learned
    const double ratio = static_cast<double>(parts_.get()) / kParts;
    const double ns = static_cast<double>(std::min(said, kMost).count()) * ratio;
    return std::clamp(Nanos(static_cast<std::int64_t>(ns)), Nanos(1), kMost);
  }

 private:
  static constexpr double kParts = 1 << 20;  // of 1
  // Times as long as was said. Who says far too much pays for it, and not its tenant's others.
  static constexpr double kLeast = 0.25;
  static constexpr double kMostTimes = 1024;

  static void Mean(RootMean& mean, Gauge& shown, double value, std::uint64_t root) {
    mean.Add(value, root);
    shown.Set(static_cast<std::int64_t>(mean.value()));
  }

  RootMean unsaid_;
  RootMean of_said_;
  Gauge mean_ns_;  // of those of which nothing was said
  Gauge parts_;    // what the others took, of what was said; never 0 once something was learned
};

}  // namespace spillgate
