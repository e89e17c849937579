#include "server/functions/spin_for.h"

#include <ctime>

namespace spillgate::functions {
namespace {

// CPU time of this thread: what a run has really had, whoever else had the core meanwhile.
sdk::Duration CpuTime() {
  timespec used{};
  // tidy: clock: CPU time of a thread is no point in time, and no Clock has it.
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
  return std::chrono::seconds(used.tv_sec) + sdk::Duration(used.tv_nsec);
}

}  // namespace

bool SpinFor(sdk::Context& context, sdk::Duration time) {
  constexpr int kLooksBetween = 64;  // reading this clock is a system call of about 0.3 us
  const sdk::Duration end = CpuTime() + time;
  for (int i = 0; CpuTime() < end; ++i) {
    if (i % kLooksBetween == kLooksBetween - 1 && context.Cancelled()) return false;
  }
  return true;
}

}  // namespace spillgate::functions
