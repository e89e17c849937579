// Scheduling: children that run in the place of their blocked parents, on the same stack.
#include "stages/scheduling.h"

namespace spillgate {
namespace {

// A child that a blocked task waits for needs no CPU slot by then.
constexpr Nanos kLate = std::chrono::milliseconds(1);

}  // namespace

// One of those that blocked tasks await, if it is its turn. It may not have got here yet when its
// parent says so. One that has waited for a while needs no CPU slot, as its parent had one and
// others have it now, unless its root has had more than roots mostly have. Where all that run wait,
// it needs nothing at all and no turn, for that may be held by tasks that wait for a thread which
// only it can free.
bool Scheduling::PlaceInPlace(Instant now) {
  const bool all_wait = shared_.signals.all_wait.load(std::memory_order_relaxed);
  Resources room = free_;
  ReadySet::Upcoming next = ready_.Next(room, now);
  const bool no_slot = next.task == nullptr;
  if (no_slot) {
    room.amount[kCpu] = options_.total.amount[kCpu];
    next = ready_.Next(room, now);
  }
  for (auto it = in_place_.begin(); it != in_place_.end(); ++it) {
    const auto found = held_.find(it->second.child);
    if (found == held_.end()) continue;
    Task& task = *found->second;
    const bool late = now - it->second.since > kLate;
    const bool has_turn = next.task != nullptr && GoesBefore(task, *next.task) &&
                          IsWithinLimit(*task.function) && task.shape->Fits(room) &&
                          (!no_slot || (late && !task.root->ready.large));
    if (!has_turn && !(late && all_wait)) continue;
    PlaceHeld(has_turn ? ready_.TakeInTurn(next, task) : ready_.Remove(task), it->first, now);
    in_place_.erase(it);
    return true;
  }
  return false;
}

// A child goes before the other tasks of its root. And before those of other roots that may wait
// themselves: each of them would take a thread for as long, where the child takes none, and may
// free one. Large roots have no such claim while there are threads enough.
bool Scheduling::GoesBefore(const Task& child, const Task& next) {
  if (child.root.get() == next.root.get()) return true;
  if (child.root->cls > next.root->cls || !ready_.MayWait(*next.function)) return false;
  const std::int64_t slots = options_.total.amount[kCpu] / kOneSlot;
  return !child.root->ready.large || threads_waiting_ + slots > options_.extra_threads;
}

bool Scheduling::IsWithinLimit(const Function& function) const {
  return function.slot_limit == 0 || ready_.Running(function.id) < function.slot_limit;
}

}  // namespace spillgate
