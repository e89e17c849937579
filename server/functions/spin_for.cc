#include "server/functions/spin_for.h"

#include "core/base/clock.h"

namespace spillgate::functions {
bool SpinFor(sdk::Context& context, sdk::Duration time) {
  constexpr int kLooksBetween = 64;  // reading this clock is a system call of about 0.3 us
  const sdk::Duration end = ThreadCpuTime() + time;
  for (int i = 0; ThreadCpuTime() < end; ++i) {
    if (i % kLooksBetween == kLooksBetween - 1 && context.Cancelled()) return false;
  }
  return true;
}

}  // namespace spillgate::functions
