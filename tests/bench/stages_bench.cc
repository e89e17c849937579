// What a task costs the node itself, from its frame to its result's frame, without sockets: all six
// stages, by the number of tasks a frame. "each" is per task.
#include <benchmark/benchmark.h>

#include "tests/bench/stepped_node.h"

namespace spillgate::bench {
namespace {

// Only the node's side is timed; what the client does in between is not.
void NoopThroughSixStages(benchmark::State& state) {
  const SteadyClock clock;
  SteppedNode node(clock, static_cast<std::uint32_t>(state.range(0)));
  for (auto _ : state) {
    node.Encode();
    const Instant begin = clock.Now();
    node.Run();
    const Instant end = clock.Now();
    state.SetIterationTime(std::chrono::duration<double>(end - begin).count());
    if (!node.Check()) {
      state.SkipWithError("not each task was accepted and done once");
      break;
    }
  }
  state.counters["each"] =
      benchmark::Counter(static_cast<double>(state.iterations() * state.range(0)),
                         benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}
BENCHMARK(NoopThroughSixStages)->Arg(1)->Arg(8)->Arg(64)->Arg(256)->UseManualTime();

}  // namespace
}  // namespace spillgate::bench
