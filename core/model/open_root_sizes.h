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

  // Of one so many tasks were expected by its client (0: it did not say), and so many have come, of
  // which some were `learned` before.
  void Learn(std::uint32_t said, std::uint32_t came, std::uint32_t learned = 0) {
    if (learned == 0) LearnRoot(said);
    const std::int64_t more = std::max<std::int64_t>(0, std::int64_t{came} - learned);
    came_.Add(more);
    if (said != 0) came_of_said_.Add(more);
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
  void LearnRoot(std::uint32_t said) {
    if (roots_.get() == kWindow) {
      for (Gauge* sum : {&roots_, &came_, &said_, &came_of_said_}) sum->Set(sum->get() / 2);
    }
    roots_.Add(1);
    said_.Add(said);
  }
  static std::uint32_t Clamped(double tasks) {
    return static_cast<std::uint32_t>(std::clamp(tasks + 0.5, 1.0, 1e9));
  }

  Gauge roots_;
  Gauge came_;
  Gauge said_;
  Gauge came_of_said_;
};

}  // namespace spillgate
