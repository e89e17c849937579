#include "core/base/clock.h"

namespace spillgate {

Instant SteadyClock::Now() const {
  return Instant(
      std::chrono::duration_cast<Nanos>(std::chrono::steady_clock::now().time_since_epoch()));
}

}  // namespace spillgate
