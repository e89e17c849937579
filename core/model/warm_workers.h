// WarmWorkers: how many worker processes a node has. One is started for each task that waits for
// one, and those that were used least recently end when they have not been needed for a time. The
// ones used last are used first, so what stays is the most that were needed at the same time
// within that time, between `prestart` and `max`: the number follows the work, and no estimate of
// it is needed. Where `max` becomes less, those that are at work beyond it leave when they are not.
//
// Pure; O(1).
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/base/clock.h"

namespace spillgate {

struct WarmWorkers {
  std::uint32_t prestart = 1;  // kept alive without work
  std::uint32_t max = 4;
  Nanos idle = std::chrono::seconds(60);  // without work, those beyond `prestart` end

  // Whether one more is started, beside those that are starting.
  [[nodiscard]] bool Wants(std::size_t waiting, std::size_t starting, std::size_t alive) const {
    return alive < max && (waiting > starting || alive < prestart);
  }
  // How many of these are to leave, as soon as they have no work: before they get other.
  [[nodiscard]] std::size_t Surplus(std::size_t alive) const {
    return alive > max ? alive - max : 0;
  }
  // How long one stays that has no work since then, and before which `others` stay: those at work,
  // and those that were used later.
  [[nodiscard]] Instant StaysUntil(std::size_t others, Instant idle_since) const {
    return others < prestart ? kNever : After(idle_since, idle);
  }
};

}  // namespace spillgate
