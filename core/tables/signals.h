// What the whole node is told at once. Any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <limits>

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
  std::atomic<bool> all_wait{false};         // all that run wait in a get or a spawn, for a while
  // Tasks more that could begin on threads and in workers; told while some that run are blocked.
  std::atomic<std::int32_t> threads_left{std::numeric_limits<std::int32_t>::max()};
  std::atomic<std::int32_t> workers_left{std::numeric_limits<std::int32_t>::max()};
  std::atomic<bool> observed{false};        // a controller goes by how those fare that it lets in
  std::atomic<bool> slots_wanted{false};    // work waited for a CPU slot since this was cleared
  std::atomic<CpuPeriod> cpu{CpuPeriod{}};  // read while that is so
};

}  // namespace spillgate
