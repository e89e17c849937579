// Scheduling: leases, and tasks that are placed before there is one for them
// (core/model/prefetch.h).
#include <algorithm>

#include "core/model/cost_model.h"
#include "stages/scheduling.h"

namespace spillgate {

void Scheduling::GiveLease(const Function& function, BusySlots::Run run) {
  free_ -= run.held;
  ready_.Begun(function, run.held);
  run.length = ready_.LengthOf(function);
  busy_slots_.Begins(run);
}

// Who runs in the place of a blocked task hands nothing on: that task takes its slot back.
void Scheduling::Lease(Task& task, bool in_place, Instant now) {
  task.prefetched = false;
  task.hands_on = !in_place && Prefetch::HandsOn(task);
  GiveLease(*task.function, {.task = task.id,
                             .held = *task.shape,
                             .begun = now,
                             .ends = After(now, WallTime(task.estimate, SlotUnits(*task.shape))),
                             .hands_on = task.hands_on});
}

// To one that was placed without it: now it has waited for long enough.
void Scheduling::Lease(const Prefetch::Waiting& to, Instant now) {
  moved_at_ = now;
  CountDeferral(to.since, DeferralTally::kRun, now);
  GiveLease(*to.function, {.task = to.task,
                           .held = Prefetch::OneSlot(),
                           .begun = now,
                           .ends = After(now, to.takes),
                           .hands_on = true});
}

// News come in any order. The task that it was handed to may have been granted another one
// meanwhile, or have ended or lent it out: then this one is free.
void Scheduling::LeaseHome(const SlotFreed& event, TaskId heir, Instant now) {
  free_ += event.held;
  ready_.Ended(*event.function, event.held);
  if (heir.is_none()) return;
  if (const auto waiting = prefetch_.Leave(heir)) Lease(*waiting, now);
}

// They come before what is ready.
void Scheduling::GrantLeases(Instant now) {
  while (!prefetch_.empty() && Prefetch::OneSlot().Fits(free_)) {
    const Prefetch::Waiting heir = *prefetch_.Leave(prefetch_.first().task);
    Lease(heir, now);
    granted_.push_back({heir.task});
  }
}

void Scheduling::OnFreed(const SlotFreed& event, Instant now) {
  moved_at_ = now;
  const TaskId heir = event.handed_to.is_none() ? TaskId() : prefetch_.HeirOf(event.handed_to);
  // Ended before it was known who had handed it the slot: that one's end is still to come.
  const auto unheard = event.prefetched ? prefetch_.Leave(event.task) : std::nullopt;
  const Instant leased = unheard ? kNever : busy_slots_.Ends(event.task);
  const Instant since = event.prefetched ? leased : event.since;
  const CostKey key(event.function->id, event.bytes);
  const bool exact = event.lesson == SlotFreed::Lesson::kExact;
  const bool at_least = event.lesson == SlotFreed::Lesson::kAtLeast;
  // Without a run it comes back, and waits on.
  if (unheard && (exact || at_least)) CountDeferral(unheard->since, DeferralTally::kRun, now);
  // A guess that was wrong says nothing of the rest of its root.
  if (exact && shared_.costs.CountRuns(key) > 0) {
    ReadySet::Fared(*event.root, shared_.costs.Estimate(key), event.cost);
  }
  // Of one that never ran, what its client says of it holds until there is more to go by.
  if (exact || (at_least && event.cost > shared_.costs.Estimate(key, event.estimated))) {
    shared_.costs.Learn(key, event.cost, kOneSlot, event.root->order);
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
  if ((exact || at_least) && event.root->explicit_open && !event.task.is_child()) {
    LearnOfOpenRoot(event);
  }
  if (exact || at_least) ready_.Ran(*event.function, exact, now);
  if (!unheard) {
    LeaseHome(event, heir, now);
  } else if (!heir.is_none()) {
    prefetch_.PassOn(event.task, heir);
  }
  ready_.Correct(*event.root, event.estimated, event.earlier + event.cost);
}

// Where a root is opened nobody knows the functions of its tasks. What others are told of by its
// shape alone says nothing of those that need something else.
void Scheduling::LearnOfOpenRoot(const SlotFreed& event) {
  const Root& root = *event.root;
  if (root.shape == nullptr) return;
  bool alike = false;
  for (std::size_t kind = 0; kind < kResourceKinds; ++kind) {
    alike = alike || (root.shape->amount[kind] > 0 && event.held.amount[kind] > 0);
  }
  if (!alike) return;
  OpenRootTimes& times = shared_.account.Of(root.cls, root.tenant).open_root_times;
  // Of one that was cut short, that it takes longer than was known.
  const bool exact = event.lesson == SlotFreed::Lesson::kExact;
  if (!exact && event.cost <= std::max(times.Expect(root.said_each), CostModel::kPrior)) return;
  times.Learn(root.said_each, event.cost, root.order);
}

void Scheduling::OnLent(const SlotLent& event, Instant now) {
  moved_at_ = now;
  if (event.notice.kind == RunNotice::Kind::kResumed) {
    // May fall below nothing: it runs again whether or not others took its slot.
    free_ -= event.held;
    if (event.function != nullptr) {  // it holds something
      // Nobody knows how long it still takes.
      busy_slots_.Begins(
          {.task = event.notice.task, .held = event.held, .begun = now, .ends = now});
      ready_.Begun(*event.function, event.held);
    }
    in_place_.erase(event.notice.task);
    return;
  }
  if (event.function != nullptr) {
    const auto ahead = event.prefetched ? prefetch_.Leave(event.notice.task) : std::nullopt;
    if (!ahead) {
      (void)busy_slots_.Ends(event.notice.task);
      free_ += event.held;
      ready_.Ended(*event.function, event.held);
    } else {
      CountDeferral(ahead->since, DeferralTally::kRun, now);
    }
    ready_.Waits(*event.function);
  }
  if (event.notice.awaited.is_none()) return;
  in_place_[event.notice.task] = {event.notice.awaited, now};
}

// A lease that was never used.
void Scheduling::TakeBack(const Task& task) {
  if (!task.leased()) return;
  if (!task.prefetched || !prefetch_.Leave(task.id).has_value()) {
    (void)busy_slots_.Ends(task.id);
    free_ += *task.shape;
    ready_.Ended(*task.function, *task.shape);
  }
  ready_.Correct(*task.root, task.estimate, Nanos(0));
}

// What comes next anyhow, if it is short, behind slots that come free soon. Not while more is given
// out than there is, as blocked tasks went on: what comes free next is for these.
void Scheduling::PlacePrefetched(Instant now) {
  if (free_.amount[kCpu] >= kOneSlot || free_.amount[kCpu] < 0) return;
  const std::size_t ending = busy_slots_.Ending(After(now, Prefetch::kLongest), now);
  while (prefetch_.HasRoom(ending)) {
    TaskPtr task = ready_.PopToPrefetch(now, dropped_);
    if (task == nullptr) return;
    held_.erase(task->id);
    task->hands_on = true;
    task->prefetched = true;
    prefetch_.Add({.task = task->id,
                   .function = task->function,
                   .takes = task->estimate,
                   .since = DeferredSince(*task)});
    Charge(*task, now);
    shared_.tally.scheduling.prefetched.Add(1);
    placed_.push_back({std::move(task), {}});
  }
}

}  // namespace spillgate
