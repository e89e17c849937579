// Scheduling: leases, and tasks that are placed before there is one for them
// (core/model/prefetch.h).
#include "core/model/cost_model.h"
#include "stages/scheduling.h"

namespace spillgate {

// Who runs in the place of a blocked task hands nothing on: that task takes its slot back.
void Scheduling::GiveLease(Task& task, bool in_place, Instant now) {
  task.prefetched = false;
  task.hands_on = !in_place && Prefetch::HandsOn(task);
  if (task.hands_on) prefetch_.Lease();
  free_ -= *task.shape;
  const Nanos takes = WallTime(task.estimate, SlotUnits(*task.shape));
  busy_slots_.Begins(task.id, *task.shape, now, takes, ready_.LengthOf(*task.function));
}

// It goes on to the first of those that were placed without one, or is free.
void Scheduling::LeaseHome(const SlotFreed& event, Instant now) {
  if (event.goes_on()) {
    if (const auto heir = prefetch_.HandOn()) {
      busy_slots_.Begins(heir->task, event.held, now, heir->takes, heir->length);
      return;
    }
  } else if (event.hands_on && !event.lent) {
    prefetch_.Withdraw();
  }
  free_ += event.held;
}

// They come before what is ready.
void Scheduling::GrantLeases(Instant now) {
  const Resources slot = Prefetch::OneSlot();
  while (!prefetch_.empty() && slot.Fits(free_)) {
    const Prefetch::Waiting heir = prefetch_.Grant();
    free_ -= slot;
    busy_slots_.Begins(heir.task, slot, now, heir.takes, heir.length);
    granted_.emplace_back();
  }
}

void Scheduling::OnFreed(const SlotFreed& event, Instant now) {
  Instant since = event.since;
  if (prefetch_.Leave(event.task)) {
    if (event.goes_on()) prefetch_.Heard();
  } else {
    const Instant leased = busy_slots_.Ends(event.task);
    if (event.prefetched) since = leased;
    LeaseHome(event, now);
  }
  const CostKey key(event.function->id, event.bytes);
  const bool exact = event.lesson == SlotFreed::Lesson::kExact;
  const bool at_least = event.lesson == SlotFreed::Lesson::kAtLeast;
  // Of one that never ran, what its client says of it holds until there is more to go by.
  if (exact || (at_least && event.cost > shared_.costs.Estimate(key, event.estimated))) {
    shared_.costs.Learn(key, event.cost);
    ready_.Learned(*event.function);
  }
  if (exact || (at_least && event.span > shared_.costs.MedianSpan(key))) {
    shared_.costs.LearnSpan(key, event.span);
  }
  // What is wanted at once; one that nobody waits for may be handed back when there is time.
  if (exact && since != kNever && !ready_.empty()) {
    shared_.costs.LearnHandover(key.function,
                                SlotTime(now - since - event.span, SlotUnits(event.held)));
  }
  if (exact || at_least) ready_.Ran(*event.function, exact, now);
  ready_.Ended(*event.function, event.held);
  ready_.Correct(*event.root, event.estimated, event.earlier + event.cost);
}

void Scheduling::OnLent(const SlotLent& event, Instant now) {
  if (event.notice.kind == RunNotice::Kind::kResumed) {
    // May fall below nothing: it runs again whether or not others took its slot.
    free_ -= event.held;
    if (event.function != nullptr) {  // it holds something
      // Nobody knows how long it still takes.
      busy_slots_.Begins(event.notice.task, event.held, now, Nanos(0));
      ready_.Resumed(*event.function, event.held);
    }
    in_place_.erase(event.notice.task);
    return;
  }
  if (event.function != nullptr) {
    if (prefetch_.Leave(event.notice.task)) {
      prefetch_.LendUnheard();  // of a run of which the end has not been heard
    } else {
      if (event.hands_on) prefetch_.Withdraw();
      (void)busy_slots_.Ends(event.notice.task);
      free_ += event.held;
    }
    ready_.Waits(*event.function);
    ready_.Ended(*event.function, event.held);
  }
  if (event.notice.awaited.is_none()) return;
  in_place_[event.notice.task] = {event.notice.awaited, now};
  PlaceInPlace(now);
}

// A lease that was never used.
void Scheduling::TakeBack(const Task& task) {
  if (!task.leased()) return;
  if (!prefetch_.Leave(task.id)) {
    (void)busy_slots_.Ends(task.id);
    if (task.hands_on) prefetch_.Withdraw();
    free_ += *task.shape;
  }
  ready_.Ended(*task.function, *task.shape);
  ready_.Correct(*task.root, task.estimate, Nanos(0));
}

// What comes next anyhow, if it is short, behind slots that come free soon. Not while more is given
// out than there is, as blocked tasks went on: what comes free next is for these.
void Scheduling::PlacePrefetched(Instant now) {
  if (free_.amount[kCpu] >= kOneSlot || free_.amount[kCpu] < 0) return;
  if (!busy_slots_.EndsBy(kCpu, After(now, Prefetch::kLongest), now)) return;
  while (prefetch_.HasRoom()) {
    TaskPtr task = ready_.PopToPrefetch(now, dropped_);
    if (task == nullptr) return;
    LeaveHeld(*task, now);
    task->hands_on = true;
    task->prefetched = true;
    task->behind = prefetch_.behind();
    task->heard = prefetch_.heard();
    prefetch_.Add({task->id, task->estimate, ready_.LengthOf(*task->function)});
    Charge(*task, now);
    shared_.tally.scheduling.prefetched.Add(1);
    placed_.push_back({std::move(task), {}});
  }
}

}  // namespace spillgate
