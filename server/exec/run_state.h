// What is known of one run of a task while it goes on: who it is, how long it may take, and whether
// it was asked to stop. Belongs to the thread that runs it; the stop sign alone is raised by
// others.
#pragma once

#include <atomic>
#include <cstdint>
#include <utility>
#include <vector>

#include "core/base/clock.h"
#include "core/base/ids.h"
#include "core/model/reason.h"

namespace spillgate {

// Raised once at most for each run, from any thread.
class StopSign {
 public:
  void Raise(Reason why) { why_.store(why, std::memory_order_release); }
  void Lower() { why_.store(Reason::kNone, std::memory_order_relaxed); }
  [[nodiscard]] Reason why() const { return why_.load(std::memory_order_acquire); }

 private:
  std::atomic<Reason> why_{Reason::kNone};
};

struct RunState {
  TaskId task;
  TaskId parent;
  SessionId session = 0;  // of its root; known to the node only
  Instant deadline = kNever;
  const StopSign* stop = nullptr;
  std::uint8_t attempt = 0;  // 1 for the first run
  std::uint8_t depth = 0;
  std::uint8_t returns = 1;
  bool spawned = false;  // has submitted children
  bool noted = false;    // on the running page: while it runs, the end of the node is its death
  bool waits_for_room = false;  // its last spawn did, for longer than most take
  bool recorded = false;        // so that its children can be told that it is their ancestor
  std::vector<std::pair<std::uint32_t, std::uint64_t>> streams;  // children so far, by stream

  // Why it should stop; kNone: it should not.
  [[nodiscard]] Reason Stopping(Instant now) const {
    const Reason why = stop->why();
    return why == Reason::kNone && now >= deadline ? Reason::kDeadline : why;
  }

  // The number of the first of `count` further children of that stream.
  std::uint64_t TakeIndexes(std::uint32_t stream, std::uint32_t count) {
    for (auto& [number, next] : streams) {
      if (number == stream) return std::exchange(next, next + count);
    }
    streams.emplace_back(stream, count);
    return 0;
  }
};

}  // namespace spillgate
