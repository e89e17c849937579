#include "client/bench/root_report.h"

#include <algorithm>

namespace spillgate::bench {

void RootReport::Add(const RootReport& other) {
  offered += other.offered;
  received += other.received;
  errors += other.errors;
  again += other.again;
  if (problem.empty()) problem = other.problem;
  offered_work += other.offered_work;
  good_work += other.good_work;
  done_work += other.done_work;
  cut_short_work += other.cut_short_work;
  for (std::size_t i = 0; i < kRootFates; ++i) fates[i] += other.fates[i];
  for (std::size_t i = 0; i < kModes; ++i) {
    modes[i].offered += other.modes[i].offered;
    for (std::size_t fate = 0; fate < kRootFates; ++fate) {
      modes[i].fates[fate] += other.modes[i].fates[fate];
    }
    modes[i].times.Add(other.modes[i].times);
  }
  times.Add(other.times);
  refusals.Add(other.refusals);
  late_by.Add(other.late_by);
  span = std::max(span, other.span);
}

}  // namespace spillgate::bench
