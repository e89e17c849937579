#include "server/exec/ancestry.h"

namespace spillgate {
namespace {

constexpr int kMostGenerations =
    256;  // a node bounds them below that; a loop of ids must not hang us

}  // namespace

void Ancestry::Add(TaskId task, TaskId parent) {
  MutexLock lock(mutex_);
  entries_[task] = {.parent = parent, .ended = false};
}

void Ancestry::End(TaskId task) {
  MutexLock lock(mutex_);
  const auto found = entries_.find(task);
  if (found == entries_.end()) return;
  found.value().ended = true;
  ended_.push_back(task);
  if (ended_.size() <= keep_ended_) return;
  const auto oldest = entries_.find(ended_.front());
  ended_.pop_front();
  if (oldest != entries_.end() && oldest->second.ended) entries_.erase(oldest);
}

std::vector<TaskId> Ancestry::RunningAbove(TaskId parent) {
  std::vector<TaskId> running;
  if (parent.is_none()) return running;
  MutexLock lock(mutex_);
  TaskId at = parent;
  for (int i = 0; i < kMostGenerations && !at.is_none(); ++i) {
    const auto found = entries_.find(at);
    if (found == entries_.end()) break;
    if (!found->second.ended) running.push_back(at);
    at = found->second.parent;
  }
  return running;
}

}  // namespace spillgate
