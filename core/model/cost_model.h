// What functions cost, learned: the mean slot time of each, over its last runs. Slot time is the
// time that a lease was held times the slots in it, so that costs of different shapes add up. Owned
// and called by one stage, on its thread; every call is O(1). Memory grows with the largest
// function id, of which the node has a bounded number.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "core/base/clock.h"
#include "core/base/ids.h"
#include "core/model/resources.h"

namespace spillgate {

inline constexpr std::int64_t kOneSlot = 1000;  // units of slots are thousandths, as in Resources

// Slots that a lease of these resources takes: the most of any kind but memory; one for what holds
// none.
[[nodiscard]] std::int64_t SlotUnits(const Resources& held);

// The one formula for cost. Never negative, and at most kMostSlotTime, so that sums of it do not
// overflow.
inline constexpr Nanos kMostSlotTime = std::chrono::hours(24);
[[nodiscard]] Nanos SlotTime(Nanos wall, std::int64_t units);

class CostModel {
 public:
  static constexpr Nanos kPrior = std::chrono::milliseconds(1);
  static constexpr std::uint32_t kWindow = 64;  // later runs weigh one part in so many

  void Learn(FunctionId function, Nanos wall, std::int64_t units = kOneSlot);

  // At least 1 ns. Of a function that never ran: the hint if there is one, else the prior.
  [[nodiscard]] Nanos Estimate(FunctionId function, Nanos hint = Nanos(0)) const {
    if (function < costs_.size() && costs_[function].runs != 0) {
      // NOLINTNEXTLINE(bugprone-incorrect-roundings): a mean of times is never negative
      const auto rounded = static_cast<std::int64_t>(costs_[function].mean + 0.5);
      return Nanos(std::max<std::int64_t>(1, rounded));
    }
    return hint > Nanos(0) ? SlotTime(hint, kOneSlot) : kPrior;
  }

  // Runs learned from, at most kWindow: 0 is a function whose estimate is a guess.
  [[nodiscard]] std::uint32_t Runs(FunctionId function) const {
    return function < costs_.size() ? costs_[function].runs : 0;
  }

 private:
  struct Cost {
    double mean =
        0;  // ns; a fraction of one matters when a mean moves by 1/64 of a small difference
    std::uint32_t runs = 0;
  };
  std::vector<Cost> costs_;
};

}  // namespace spillgate
