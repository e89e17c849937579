#include "client/bench/spike_series.h"

#include <algorithm>
#include <cstddef>

namespace spillgate::bench {
namespace {

double& CountOf(SeriesBin& bin, RootFate fate) {
  switch (fate) {
    case RootFate::kGood: return bin.good;
    case RootFate::kRefused:
    case RootFate::kHeld: return bin.refused;
    default: return bin.bad;
  }
}

}  // namespace

std::vector<SeriesBin> Around(std::span<const RootOutcome> outcomes, std::span<const Nanos> steps,
                              const SeriesSpan& span) {
  std::vector<SeriesBin> bins(static_cast<std::size_t>((span.before + span.after) / span.bin));
  for (std::size_t i = 0; i < bins.size(); ++i) {
    bins[i].at = static_cast<std::int64_t>(i) * span.bin - span.before;
  }
  // By the place of a bin, whole ones only.
  const Nanos length = static_cast<std::int64_t>(bins.size()) * span.bin;
  for (const Nanos step : steps) {
    const Nanos since = step - span.before;
    const auto before = [](const RootOutcome& outcome, Nanos due) { return outcome.due < due; };
    auto each = std::lower_bound(outcomes.begin(), outcomes.end(), since, before);
    for (; each != outcomes.end() && each->due < since + length; ++each) {
      SeriesBin& bin = bins[static_cast<std::size_t>((each->due - since) / span.bin)];
      ++bin.offered;
      ++CountOf(bin, each->fate);
    }
  }
  const double seconds =
      std::chrono::duration<double>(span.bin).count() * static_cast<double>(steps.size());
  for (SeriesBin& bin : bins) {
    for (double* count : {&bin.offered, &bin.good, &bin.refused, &bin.bad}) *count /= seconds;
  }
  return bins;
}

}  // namespace spillgate::bench
