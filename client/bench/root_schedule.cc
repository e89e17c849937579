#include "client/bench/root_schedule.h"

#include <cmath>
#include <utility>

namespace spillgate::bench {

RootSchedule::RootSchedule(const RootLoad& load)
    : load_(load), random_(load.seed), rate_(load.rate) {
  if (!load_.phases.empty()) {
    rate_ = load_.phases.front().rate;
    phase_ends_ = load_.phases.front().time;
  }
  due_ = Nanos(0);
  if (rate_ > 0 || !load_.phases.empty()) due_ = NextDue();
}

// A Poisson process has no memory: at the end of a phase it begins anew with the next rate.
Nanos RootSchedule::NextDue() {
  if (in_burst_ > 0 && --in_burst_ > 0) return due_;
  in_burst_ = load_.burst;
  while (true) {
    if (rate_ > 0) {
      std::exponential_distribution<double> gap(rate_ / load_.burst);
      const Nanos due = due_ + Nanos(static_cast<std::int64_t>(std::ceil(gap(random_) * 1e9)));
      if (due < phase_ends_ || IsLastPhase()) return due;
    } else if (IsLastPhase()) {
      return kNone;
    }
    due_ = phase_ends_;
    const Phase& next = load_.phases[++phase_];
    rate_ = next.rate;
    phase_ends_ += next.time;
  }
}

Cost RootSchedule::NextCost() {
  if (opposite_.has_value()) return *std::exchange(opposite_, std::nullopt);
  const Cost cost = DrawCost(load_.service, load_.mode, random_);
  if (load_.paired) opposite_ = Opposite(load_.service, cost);
  return cost;
}

Cost RootSchedule::Take() {
  std::optional<Cost> given;
  if (phase_ < load_.phases.size()) given = load_.phases[phase_].cost;
  const Cost cost = given.has_value() ? *given : NextCost();
  if (rate_ > 0 || !load_.phases.empty()) due_ = NextDue();
  return cost;
}

}  // namespace spillgate::bench
