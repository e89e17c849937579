#include "core/base/clock.h"

#include <ctime>

namespace spillgate {

Instant SteadyClock::Now() const {
  return Instant(
      std::chrono::duration_cast<Nanos>(std::chrono::steady_clock::now().time_since_epoch()));
}

std::int64_t WallMicros() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::microseconds>(now).count();
}

Nanos ThreadCpuTime() {
  timespec used{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
  return std::chrono::seconds(used.tv_sec) + Nanos(used.tv_nsec);
}

}  // namespace spillgate
