#include "core/model/cost_model.h"

namespace spillgate {

std::int64_t SlotUnits(const Resources& held) {
  std::int64_t most = 0;
  for (std::size_t kind = 0; kind < kResourceKinds; ++kind) {
    if (kind != kMemory) most = std::max(most, held.amount[kind]);
  }
  return most > 0 ? most : kOneSlot;
}

Nanos SlotTime(Nanos wall, std::int64_t units) {
  const std::int64_t ns = std::clamp<std::int64_t>(wall.count(), 0, kMostSlotTime.count());
  if (units == kOneSlot) return Nanos(ns);
  // As integers the product of a long run and many units does not fit.
  const double product = static_cast<double>(ns) * static_cast<double>(units) / kOneSlot;
  if (product >= static_cast<double>(kMostSlotTime.count())) return kMostSlotTime;
  return Nanos(static_cast<std::int64_t>(std::max(product, 0.0)));
}

// The first kWindow runs are averaged evenly; after that old ones fade.
void CostModel::Learn(FunctionId function, Nanos wall, std::int64_t units) {
  if (function >= costs_.size()) costs_.resize(function + 1);
  Cost& cost = costs_[function];
  cost.runs = std::min(cost.runs + 1, kWindow);
  const auto seen = static_cast<double>(SlotTime(wall, units).count());
  cost.mean += (seen - cost.mean) / cost.runs;
}

}  // namespace spillgate
