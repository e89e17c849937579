#include "server/functions/spin_for.h"

#include "core/base/clock.h"
#include "core/base/format.h"

namespace spillgate::functions {

bool SpinFor(sdk::Context& context, sdk::Duration time) {
  constexpr int kLooksBetween = 64;  // reading this clock is a system call of about 0.3 us
  const sdk::Duration end = ThreadCpuTime() + time;
  for (int i = 0; ThreadCpuTime() < end; ++i) {
    if (i % kLooksBetween == kLooksBetween - 1 && context.Cancelled()) return false;
  }
  return true;
}

bool WorkFor(sdk::Context& context, std::string_view how, sdk::Duration time) {
  if (how == "spin") return SpinFor(context, time);
  if (how == "sleep") {
    if (time > sdk::Duration(0)) context.Sleep(time);
    return true;
  }
  context.Fail(
      Format("argument 0 (work) is \"{}\"; it has to be sleep or spin", how.substr(0, 32)));
  return false;
}

}  // namespace spillgate::functions
