#include "stages/park.h"

#include "core/base/check.h"

namespace spillgate {

bool Park::Put(TaskPtr& task, Instant now) {
  if (parked_.size() >= limits_.park.load(std::memory_order_relaxed)) return false;
  if (bytes_ + task->bytes > limits_.park_bytes.load(std::memory_order_relaxed)) return false;
  const Nanos ttl = limits_.park_ttl.load(std::memory_order_relaxed);
  const Instant at = std::min(task->deadline, After(now, ttl));
  over_.push({at, task->id});
  arrivals_.push_back({now, task->id});
  bytes_ += task->bytes;
  const TaskId id = task->id;
  parked_.insert({id, std::move(task)});
  return true;
}

Task* Park::Find(TaskId id) {
  const auto found = parked_.find(id);
  return found == parked_.end() ? nullptr : found->second.get();
}

TaskPtr Park::TakeOut(TaskId id) {
  const auto found = parked_.find(id);
  SG_CHECK(found != parked_.end());
  TaskPtr task = std::move(found.value());
  parked_.erase(found);
  bytes_ -= task->bytes;
  // The heap keeps the entry until its time comes; when most entries are such, start it afresh.
  if (over_.size() > 64 + 2 * parked_.size()) {
    std::vector<Over> live;
    for (; !over_.empty(); over_.pop()) {
      if (parked_.contains(over_.top().task)) live.push_back(over_.top());
    }
    over_ = std::priority_queue<Over>(std::less<Over>(), std::move(live));
    std::erase_if(arrivals_, [&](const Arrival& each) { return !parked_.contains(each.task); });
  }
  return task;
}

Instant Park::Oldest() {
  while (!arrivals_.empty() && !parked_.contains(arrivals_.front().task)) arrivals_.pop_front();
  return arrivals_.empty() ? kNever : arrivals_.front().since;
}

TaskPtr Park::NextOver(Instant now, bool& expired) {
  while (!over_.empty() && over_.top().at <= now) {
    const TaskId id = over_.top().task;
    over_.pop();
    Task* task = Find(id);
    if (task == nullptr) continue;
    expired = task->deadline <= now;
    return TakeOut(id);
  }
  return nullptr;
}

TaskPtr Park::Any() {
  return parked_.empty() ? nullptr : TakeOut(parked_.begin()->first);
}

}  // namespace spillgate
