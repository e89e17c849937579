// OpenRootSizes: how many tasks the open roots of a tenant bring, and what was said of that: an
// estimate that is always too low would buy what others are refused. Written under the task table's
// lock; any thread may ask.
#pragma once

#include <algorithm>
#include <cstdint>

#include "core/base/gauge.h"

namespace spillgate {

class OpenRootSizes {
 public:
  static constexpr std::int64_t kWindow = 64;  // roots; older ones fade

  // One was closed, of which so many tasks were expected by its client (0: it did not say), and
  // came.
  void Learn(std::uint32_t said, std::uint32_t came) {
    if (roots_.get() == kWindow) {
      for (Gauge* sum : {&roots_, &came_, &said_, &came_of_said_}) sum->Set(sum->get() / 2);
    }
    roots_.Add(1);
    came_.Add(came);
    if (said == 0) return;
    said_.Add(said);
    came_of_said_.Add(came);
  }

  // How many tasks a root brings of which that was said.
  [[nodiscard]] std::uint32_t Expect(std::uint32_t said) const {
    if (said == 0) {
      const std::int64_t roots = roots_.get();
      return roots == 0 ? 1
                        : Clamped(static_cast<double>(came_.get()) / static_cast<double>(roots));
    }
    const std::int64_t of_roots = said_.get();
    if (of_roots == 0) return said;
    return Clamped(said *
                   (static_cast<double>(came_of_said_.get()) / static_cast<double>(of_roots)));
  }

 private:
  static std::uint32_t Clamped(double tasks) {
    return static_cast<std::uint32_t>(std::clamp(tasks + 0.5, 1.0, 1e9));
  }

  Gauge roots_;
  Gauge came_;
  Gauge said_;
  Gauge came_of_said_;
};

}  // namespace spillgate
