// step_count BATCH TASKS: passes so many noop tasks through a stepped node, in frames of BATCH, for
// callgrind to count: it collects what the node does, and not what stands for its client. Run by
// instructions_test.py, under valgrind --tool=callgrind --collect-atstart=no. Prints the number of
// tasks; fails unless each was accepted and done exactly once.
#include <valgrind/callgrind.h>

#include <cstdio>
#include <cstdlib>

#include "tests/bench/stepped_node.h"

int main(int count, char** words) {
  using namespace spillgate;
  const long batch = count == 3 ? std::strtol(words[1], nullptr, 10) : 0;
  const long tasks = count == 3 ? std::strtol(words[2], nullptr, 10) : 0;
  if (batch < 1 || batch > 4096 || tasks < batch) {
    std::fputs("usage: step_count BATCH TASKS\n", stderr);
    return 2;
  }
  ManualClock clock;
  bench::SteppedNode node(clock, static_cast<std::uint32_t>(batch));
  long done = 0;
  while (done < tasks) {
    node.Encode();
    clock.Advance(std::chrono::microseconds(batch));  // as at a million a second
    CALLGRIND_TOGGLE_COLLECT;
    node.Run();
    CALLGRIND_TOGGLE_COLLECT;
    if (!node.Check()) {
      std::fputs("not each task was accepted and done once\n", stderr);
      return 1;
    }
    done += batch;
  }
  std::printf("%ld\n", done);
  return 0;
}
