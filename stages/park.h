// The park: accepted tasks that wait for something other than their turn. Bounded in count and
// bytes; every stay has an end. Counted in flight, but without a stage's credit. One owner, no
// locks.
#pragma once

#include <cstdint>
#include <deque>
#include <queue>
#include <vector>

#include "core/base/hash_map.h"
#include "core/model/task.h"
#include "core/tables/limits.h"

namespace spillgate {

class Park {
 public:
  // Its bounds are limits.park, park_bytes and park_ttl.
  explicit Park(const Limits& limits) : limits_(limits) {}

  // False, with the task still the caller's, when there is no room.
  [[nodiscard]] bool Put(TaskPtr& task, Instant now);
  [[nodiscard]] Task* Find(TaskId id);
  // The task must be parked.
  [[nodiscard]] TaskPtr TakeOut(TaskId id);
  // One whose stay is over: its deadline has passed (`expired`) or it has been here for the time to
  // live. Null when there is none.
  [[nodiscard]] TaskPtr NextOver(Instant now, bool& expired);
  [[nodiscard]] TaskPtr Any();  // for giving up what is held; null when empty

  [[nodiscard]] std::size_t size() const { return parked_.size(); }
  [[nodiscard]] std::size_t bytes() const { return bytes_; }
  // Since when the one that is here for longest is here; kNever when empty.
  [[nodiscard]] Instant Oldest();

 private:
  struct Over {
    Instant at;
    TaskId task;
    bool operator<(const Over& other) const { return at > other.at; }  // nearest on top
  };

  struct Arrival {
    Instant since;
    TaskId task;
  };

  const Limits& limits_;
  HashMap<TaskId, TaskPtr> parked_;
  std::priority_queue<Over> over_;  // entries of tasks that left are skipped when met
  std::deque<Arrival> arrivals_;    // in order; likewise
  std::size_t bytes_ = 0;
};

}  // namespace spillgate
