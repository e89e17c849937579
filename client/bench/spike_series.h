// What became of roots around a step of the load, by the time at which they were due: the mean of
// many such steps, so that a picture shows what one of them cannot. Pure.
#pragma once

#include <span>
#include <vector>

#include "client/bench/root_report.h"
#include "core/base/clock.h"

namespace spillgate::bench {

// Roots a second that were due in [at, at + the bin's length) from the step.
struct SeriesBin {
  Nanos at{0};
  double offered = 0;
  double good = 0;
  double refused = 0;  // or held back by their client
  double bad = 0;      // accepted, and not in time
};

struct SeriesSpan {
  Nanos before = std::chrono::milliseconds(100);
  Nanos after = std::chrono::milliseconds(600);
  Nanos bin = std::chrono::milliseconds(10);
};

// `outcomes` are in the order in which they were due; `steps`: when each began, at least `before`
// after the first of them.
[[nodiscard]] std::vector<SeriesBin> Around(std::span<const RootOutcome> outcomes,
                                            std::span<const Nanos> steps, const SeriesSpan& span);

}  // namespace spillgate::bench
