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
  std::atomic<std::int64_t> extra_slots{0};         // CPU slots given out beyond those there are
  std::atomic<std::int64_t> extra_slots_useful{0};  // that the CPUs would have had time for
  std::atomic<std::int64_t> limited_functions{0};   // whose slots are limited by what is learned
};

}  // namespace spillgate
