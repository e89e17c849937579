// What the whole node is told at once. Any thread.
#pragma once

#include <atomic>
#include <cstdint>

namespace spillgate {

struct Signals {
  std::atomic<bool> draining{false};     // no new roots
  std::atomic<bool> room_wanted{false};  // somebody waits for a place in the in-flight bound
  std::atomic<std::int64_t> stuck{0};    // tasks in flight that wait for other tasks
  std::atomic<bool> observed{false};     // a controller goes by how those fare that it lets in
};

}  // namespace spillgate
