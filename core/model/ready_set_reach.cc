// What of a ready set can no longer be in time (ops/decisions/0006-out-of-reach.md).
#include <algorithm>

#include "core/model/ready_set.h"

namespace spillgate {
namespace {

// A function whose runs are all out of reach tries again after so many times what one takes.
constexpr int kTriesEach = 32;

// So long as nothing of a root has begun, its own tasks stand and fall together.
bool IsWhole(const Task& task) {
  return !task.root->ready.begun && task.parent.is_none() && task.deadline == task.root->deadline;
}

}  // namespace

Nanos ReadySet::TimeNeeded(const Task& task) const {
  const Nanos own = costs_.MedianSpan(task.cost_key());
  if (!IsWhole(task)) return own;
  return std::max(own, Nanos(task.root->path_ns.load(std::memory_order_relaxed)));
}

// What is left of a graph that has begun, if its other tasks are to what was foreseen of them as
// those that have ended, and one that was as foreseen; on all slots that such as this one have. A
// root that its client opened, and in which some wait for others, is of use as a whole.
Nanos ReadySet::LeftOfGraph(const Task& task) const {
  const Root& root = *task.root;
  const std::int64_t parked = root.parked_ns.load(std::memory_order_relaxed);
  const bool is_of_graph = root.explicit_open && task.parent.is_none() && parked > 0;
  if (!is_of_graph || root.ready.took == Nanos(0)) return Nanos(0);
  const std::int64_t slots =
      std::max(SlotsOf(*task.ready.bundle->group->lane->kind), total_.amount[kCpu] / kOneSlot);
  const auto one = static_cast<double>(task.ready.work.count());
  const double longer = (static_cast<double>(root.ready.took.count()) + one) /
                        (static_cast<double>(root.ready.foreseen.count()) + one);
  const auto left = static_cast<double>(root.ready.work.count() + parked);
  const double ns = left * longer / static_cast<double>(std::max<std::int64_t>(1, slots));
  return std::min(kMostSlotTime, Nanos(static_cast<std::int64_t>(std::min(ns, 1e17))));
}

bool ReadySet::IsOutOfReach(const Task& task, Instant now) const {
  if (task.deadline == kNever) return false;
  return After(now, std::max(TimeNeeded(task), LeftOfGraph(task))) > task.deadline;
}

// What was once learned too high would stay so. So whatever has not lost its chance by waiting may
// try where nothing but its root waits; else one does now and then, for a small part of the time.
bool ReadySet::MayTry(const Task& task, Instant now) {
  if (size_ <= task.root->ready.waiting) return true;
  const Nanos needed = std::max(TimeNeeded(task), LeftOfGraph(task));
  if (After(task.ready.since, needed) <= task.deadline) return false;
  Instant& tries_at = StateOf(*task.function).tries_at;
  const bool tries = now >= tries_at;
  if (tries || tries_at == kNever) tries_at = After(now, kTriesEach * needed);
  return tries;
}

void ReadySet::Drop(Task& task, std::vector<TaskPtr>& dropped) {
  ReadyRoot& root = task.root->ready;
  if (!IsWhole(task) && LeftOfGraph(task) <= TimeNeeded(task)) {
    dropped.push_back(Remove(task));
    return;
  }
  const RootPtr kept = task.root;
  root.doomed = true;
  while (root.bundles != nullptr) dropped.push_back(Remove(*root.bundles->tasks.First()));
}

}  // namespace spillgate
