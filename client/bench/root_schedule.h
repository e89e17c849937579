// RootSchedule: the roots of a load as they are drawn from its seed: when each is due, and what it
// costs. Whoever knows the load draws the same ones again (tests/sim/frontier does). One thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <random>

#include "client/bench/root_cost.h"
#include "client/bench/root_load.h"
#include "core/base/clock.h"

namespace spillgate::bench {

class RootSchedule {
 public:
  static constexpr Nanos kNone = Nanos::max();

  RootSchedule() = default;  // of no roots
  explicit RootSchedule(const RootLoad& load);

  // Of an open loop: when the next root is due, from the beginning; kNone: none comes any more. By
  // the load's time it is over, whatever is due after that.
  [[nodiscard]] Nanos due() const { return due_; }
  // Of the load's, that this root is of.
  [[nodiscard]] std::size_t phase() const { return phase_; }
  // What this root costs. From then on it is about the next one.
  [[nodiscard]] Cost Take();

 private:
  [[nodiscard]] Nanos NextDue();
  [[nodiscard]] Cost NextCost();
  [[nodiscard]] bool IsLastPhase() const { return phase_ + 1 >= load_.phases.size(); }

  RootLoad load_;
  std::mt19937_64 random_;
  std::optional<Cost> opposite_;  // of the root drawn last
  Nanos due_ = kNone;
  std::uint32_t in_burst_ = 0;  // roots that are still to come at that time
  double rate_ = 0;
  std::size_t phase_ = 0;
  Nanos phase_ends_ = kNone;
};

}  // namespace spillgate::bench
