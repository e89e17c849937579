// What the whole node is told at once. Any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <limits>

#include "core/base/clock.h"

namespace spillgate {

// CPUs that tasks asked for over a period, in thousandths, and the period's number.
struct CpuPeriod {
  std::uint32_t number = 0;
  std::uint32_t busy = 0;
};

struct Signals {
  std::atomic<bool> draining{false};         // no new roots
  std::atomic<bool> room_wanted{false};      // somebody waits for a place in the in-flight bound
  std::atomic<std::int64_t> stuck{0};        // tasks in flight that wait for other tasks
  std::atomic<std::int32_t> disk_stands{0};  // shards of execution that wait for a sync for long
  // When somebody looked and all that ran waited in a get or a spawn; kNever if they did not. That
  // is so for a moment whenever the only one that runs blocks, so it says something where nothing
  // has moved for a while before it.
  std::atomic<Instant> all_waited_at{kNever};
  // Tasks more that could begin on threads and in workers; told while some that run are blocked.
  std::atomic<std::int32_t> threads_left{std::numeric_limits<std::int32_t>::max()};
  std::atomic<std::int32_t> workers_left{std::numeric_limits<std::int32_t>::max()};
  std::atomic<bool> observed{false};        // a controller goes by how those fare that it lets in
  std::atomic<bool> slots_wanted{false};    // work waited for a CPU slot since this was cleared
  std::atomic<CpuPeriod> cpu{CpuPeriod{}};  // read while that is so
};

}  // namespace spillgate
