// What serial stages show of themselves, at each tick, for people. One writer each, any readers.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "core/base/clock.h"
#include "core/model/resources.h"

namespace spillgate {

struct Gauges {
  std::atomic<std::int64_t> parked{0};
  std::atomic<std::int64_t> parked_bytes{0};
  std::atomic<std::int64_t> park_oldest_ns{kNever.time_since_epoch().count()};
  std::array<std::atomic<std::int64_t>, kResourceKinds> free{};
};

}  // namespace spillgate
