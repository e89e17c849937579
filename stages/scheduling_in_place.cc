// Scheduling: children that run in the place of their blocked parents, on the same stack.
#include <algorithm>

#include "core/model/ready_order.h"
#include "stages/scheduling.h"

namespace spillgate {
namespace {

// A child that a blocked task waits for needs no CPU slot by then.
constexpr Nanos kLate = std::chrono::milliseconds(1);
// Where few threads are left, one that may wait itself has its turn as often.
constexpr Nanos kPassedOver = std::chrono::milliseconds(100);

// So long a child may be on its way here from when its parent waits for it.
constexpr Nanos kOnItsWay = std::chrono::microseconds(100);

// A run without a slot takes half of the time until one comes free, at most: they share the CPU.
constexpr int kBeside = 2;

// To whom runs it and back, at most.
constexpr Nanos kNewsTakes = std::chrono::milliseconds(5);

constexpr ReadySet::Rivals kAnybody{ReadySet::Rival::kAny, ReadySet::Rival::kAny,
                                    ReadySet::Rival::kAny};
constexpr ReadySet::Rivals kNobody{ReadySet::Rival::kNone, ReadySet::Rival::kNone,
                                   ReadySet::Rival::kNone};

}  // namespace

// The next one to run, where blocked tasks await children of theirs; false if none of those can
// run. A child may not have got here yet when its parent says so. One that has waited for a while
// needs no CPU slot, as its parent had one and others have it now, unless its root has had more
// than roots mostly have. Where no thread is left it needs none in any case, and no turn: those who
// have the slots may be waiting for a thread. And where all that run wait and nothing moves it
// needs nothing at all, as what it lacks may be held by such.
bool Scheduling::PlaceBesideAwaited(Instant now) {
  const bool stands_still = StandsStill();
  const ReadySet::Rivals rivals = RivalsOfAwaited(now);
  awaited_.clear();
  late_.clear();
  stranded_.clear();
  for (const auto& [blocked, asked] : in_place_) {
    const auto found = held_.find(asked.child);
    if (found == held_.end() || !ready_.Holds(*found->second)) continue;  // or it was dropped
    Task* task = found->second;
    awaited_.push_back(task);
    const auto host = static_cast<std::size_t>(task->function->host);
    if (now - asked.since <= kLate) continue;
    if (stands_still || rivals[host] == ReadySet::Rival::kNone) stranded_.push_back(task);
    if (!task->root->ready.large && IsDoneFirst(*task, now)) late_.push_back(task);
  }
  if (awaited_.empty()) return false;
  if (stands_still && !stranded_.empty()) {
    const auto precedes = [](const Task* a, const Task* b) { return ready::Precedes(*a, *b); };
    Task* first = *std::min_element(stranded_.begin(), stranded_.end(), precedes);
    PlaceAwaited(ready_.Remove(*first), now);
    return true;
  }
  TaskPtr task = ready_.PopBeside(awaited_, FreeForAll(now), rivals, now, &dropped_);
  Resources room = free_;
  room.amount[kCpu] = options_.total.amount[kCpu];
  if (task == nullptr) task = ready_.PopBeside(stranded_, room, kNobody, now, nullptr);
  if (task == nullptr) task = ready_.PopBeside(late_, room, kAnybody, now, nullptr);
  if (task == nullptr) return false;
  PlaceAwaited(std::move(task), now);
  return true;
}

// Long before one of those that run leaves it a slot. One that takes longer would only make them
// slower: it has its turn then.
bool Scheduling::IsDoneFirst(const Task& task, Instant now) const {
  const Nanos takes =
      WallTime(shared_.costs.Estimate(task.cost_key(), task.estimate), SlotUnits(*task.shape));
  return After(now, kBeside * takes) <= busy_slots_.FirstEnd(kCpu, now);
}

// A child comes behind the news that its parent waits for it, and its result comes to the parent
// behind the news that it has ended. For that moment the slot is kept: were another root begun with
// it, as many would be under way as wait, each slower for the others.
Resources Scheduling::FreeForAll(Instant now) const {
  Resources free = free_;
  for (const auto& [blocked, asked] : in_place_) {
    if (now - asked.since >= kOnItsWay || held_.contains(asked.child)) continue;
    if (!busy_slots_.MayRun(asked.child)) free.amount[kCpu] -= kOneSlot;
  }
  return free;
}

// All that run wait, and did so when all that was placed must have got to them. For a moment they
// do whenever the only one that runs blocks: what is awaited by others went out of turn then.
bool Scheduling::StandsStill() const {
  const Instant all_waited_at = shared_.signals.all_waited_at.load(std::memory_order_relaxed);
  return all_waited_at != kNever && all_waited_at >= After(moved_at_, kNewsTakes);
}

// In the place of the task that awaits it, if one does.
void Scheduling::PlaceAwaited(TaskPtr task, Instant now) {
  TaskId blocked;
  for (const auto& [id, asked] : in_place_) {
    if (asked.child == task->id && (blocked.is_none() || id < blocked)) blocked = id;
  }
  if (!blocked.is_none()) {
    in_place_.erase(blocked);
  } else if (ready_.MayWait(*task->function)) {
    turn_of_waiting_ = After(now, kPassedOver);
  }
  PlaceHeld(std::move(task), blocked, now);
}

// What may wait itself would take a thread for as long. So where few are left, enough for the
// slots, it goes before a child, which takes none and may free one, only now and then; and where
// none is left, nothing does, as it could not begin.
ReadySet::Rivals Scheduling::RivalsOfAwaited(Instant now) const {
  using Rival = ReadySet::Rival;
  const std::int64_t slots = options_.total.amount[kCpu] / kOneSlot;
  const Rival few = now >= turn_of_waiting_ ? Rival::kAny : Rival::kThatNeverWaits;
  const auto with = [slots, few](std::int32_t left) {
    return left > slots ? Rival::kAny : (left > 0 ? few : Rival::kNone);
  };
  const Signals& signals = shared_.signals;
  return {Rival::kAny, with(signals.threads_left.load(std::memory_order_relaxed)),
          with(signals.workers_left.load(std::memory_order_relaxed))};
}

}  // namespace spillgate
