// Ancestry: which running tasks others come from. Tasks are entered when they first spawn, so a
// walk up from any running task meets each of its ancestors; those that have ended are kept for a
// while, for the sake of what is above them. Any thread; bounded: the oldest ended ones go first.
#pragma once

#include <cstddef>
#include <deque>
#include <vector>

#include "core/base/hash_map.h"
#include "core/base/ids.h"
#include "core/base/mutex.h"

namespace spillgate {

class Ancestry {
 public:
  explicit Ancestry(std::size_t keep_ended = 16384) : keep_ended_(keep_ended) {}

  void Add(TaskId task, TaskId parent) EXCLUDES(mutex_);  // a run begins to spawn
  void End(TaskId task) EXCLUDES(mutex_);                 // and ends
  // The ancestors of a task with this parent that still run, and so may be waiting for it; nearest
  // first.
  [[nodiscard]] std::vector<TaskId> RunningAbove(TaskId parent) EXCLUDES(mutex_);

 private:
  struct Entry {
    TaskId parent;
    bool ended = false;
  };

  const std::size_t keep_ended_;
  Mutex mutex_;
  HashMap<TaskId, Entry> entries_ GUARDED_BY(mutex_);
  std::deque<TaskId> ended_
      GUARDED_BY(mutex_);  // in the order of their ends; may name what runs again since
};

}  // namespace spillgate
