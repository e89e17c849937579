#include "client/bench/blocks.h"

namespace spillgate::bench {
namespace {

// Its median, which other programs hardly move.
Result<Nanos> RunBlock(const Trip& trip, Nanos time, const Clock& clock, Latencies& all) {
  Latencies block;
  Instant begin = clock.Now();
  const Instant until = After(begin, time);
  while (begin < until || block.count() < kLeastTrips) {
    if (const Status status = trip(); !status.ok()) return status.error();
    const Instant end = clock.Now();
    block.Add(end - begin);
    begin = end;
  }
  all.Add(block);
  return block.Quantile(0.5);
}

}  // namespace

Result<Comparison> Compare(const Trip& trip, const Trip& bare, Nanos time, const Clock& clock,
                           std::uint32_t pairs) {
  Comparison comparison;
  const Nanos block = time / (2 * std::int64_t{pairs});
  for (std::uint32_t i = 0; i < pairs; ++i) {
    const Result<Nanos> first = RunBlock(trip, block, clock, comparison.times);
    if (!first.ok()) return first.error();
    const Result<Nanos> second = RunBlock(bare, block, clock, comparison.bare);
    if (!second.ok()) return second.error();
    if (second.value() <= Nanos(0)) continue;
    comparison.ratios.push_back(static_cast<double>(first.value().count()) /
                                static_cast<double>(second.value().count()));
  }
  return comparison;
}

}  // namespace spillgate::bench
