#include "core/base/clock.h"

namespace spillgate {

Instant SteadyClock::Now() const {
  return Instant(
      std::chrono::duration_cast<Nanos>(std::chrono::steady_clock::now().time_since_epoch()));
}

std::int64_t WallMicros() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::microseconds>(now).count();
}

}  // namespace spillgate
