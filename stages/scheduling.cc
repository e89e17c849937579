#include "stages/scheduling.h"

#include "config/units.h"
#include "core/base/format.h"
#include "stages/ending.h"

namespace spillgate {
namespace {

// Doomed tasks ended in one pass; the rest wait for the next, a millisecond later.
constexpr std::size_t kMostExpiriesAPass = 1024;

ReadySet::Options ReadyOptions(const Limits& limits) {
  ReadySet::Options options;
  for (std::size_t cls = 0; cls < kClasses; ++cls) {
    options.shares[cls] = limits.shares[cls].load(std::memory_order_relaxed);
  }
  for (std::size_t cls = 0; cls < kClasses; ++cls) {
    options.targets[cls] = Nanos(limits.target_delay_ns[cls].load(std::memory_order_relaxed));
  }
  options.reserve_after = limits.reserve_after.load(std::memory_order_relaxed);
  return options;
}

std::string InMicros(Nanos time) {
  return config::FormatDuration(std::chrono::duration_cast<std::chrono::microseconds>(time));
}

// Dropped although its deadline has not passed.
void EndOutOfReach(Task& task, Nanos needed, Instant now) {
  const Nanos left = task.deadline - now;
  std::string why = Format(
      "out of reach: it needs about {} from its beginning to its end, and {} are left until its "
      "deadline",
      InMicros(needed), InMicros(left));
  if (needed <= left) why = "dropped with its root, which is out of reach of its deadline";
  End(task, Fate::kExpired, Reason::kDeadline, std::move(why));
}

}  // namespace

Scheduling::Scheduling(Shared& shared, const PeerLink& peers, Options options, Out out)
    : shared_(shared),
      peers_(peers),
      options_(std::move(options)),
      out_(std::move(out)),
      free_(options_.total),
      limits_read_(shared.limits.changes.load(std::memory_order_acquire)),
      ready_(shared.costs, shared.account, ReadyOptions(shared.limits)),
      early_spawns_(shared) {}

void Scheduling::Handle(std::span<In> batch, Instant now) {
  if (!kept_.empty()) std::swap(kept_, finished_);
  if (!kept_spilled_.empty()) SpillKept(now);
  for (In& event : batch) {
    if (auto* resolved = std::get_if<Resolved>(&event)) {
      OnTask(std::move(resolved->task), now);
    } else if (auto* returned = std::get_if<Returned>(&event)) {
      OnTask(std::move(returned->task), now);
    } else if (const auto* freed = std::get_if<SlotFreed>(&event)) {
      OnFreed(*freed, now);
    } else if (const auto* lent = std::get_if<SlotLent>(&event)) {
      OnLent(*lent, now);
    } else {
      OnCancel(std::get<CancelAsked>(event).task, now);
    }
  }
  Dispatch(now);
  EmitAll(now);
  TellWhatIsBusy(now);
  shared_.account.EndPass();
}

void Scheduling::OnTask(TaskPtr task, Instant now) {
  // What holds nothing and stands behind nobody runs at once.
  if (!task->leased() && ready_.empty()) {
    Place(std::move(task), {}, now);
    return;
  }
  if (task->shape->Fits(options_.total)) {
    Hold(std::move(task), now);
    return;
  }
  if (peers_.HasPeers() && task->spills == 0) {
    ++task->spills;
    spilled_.push_back({std::move(task)});
    return;
  }
  Fail(*task, Reason::kInfeasible,
       Format("needs {}; no node here has as much. Ask for less, or add a node that has it",
              DescribeShortage(*task->shape, options_.total, options_.names)));
  finished_.push_back({std::move(task)});
}

void Scheduling::Hold(TaskPtr task, Instant now) {
  if (IsDoomed(*task, now)) {
    EndDoomed(*task);
    finished_.push_back({std::move(task)});
    return;
  }
  if (task->root->ready.doomed) {
    shared_.tally.scheduling.out_of_reach.Add(1);
    EndOutOfReach(*task, ready_.TimeNeeded(*task), now);
    finished_.push_back({std::move(task)});
    return;
  }
  held_.insert({task->id, task.get()});
  ready_.Push(std::move(task), now);
}

void Scheduling::Place(TaskPtr task, TaskId nested_in, Instant now) {
  if (task->leased()) {
    task->estimate = shared_.costs.Estimate(task->cost_key(), task->estimate);
    Lease(*task, !nested_in.is_none(), now);
    Charge(*task, now);
  }
  task->root->ready.begun = true;
  moved_at_ = now;
  placed_.push_back({std::move(task), nested_in});
}

void Scheduling::Charge(Task& task, Instant now) {
  ready_.Pay(task);
  early_spawns_.Begins(task, now);
}

void Scheduling::PlaceHeld(TaskPtr task, TaskId nested_in, Instant now) {
  held_.erase(task->id);
  CountDeferral(DeferredSince(*task), DeferralTally::kRun, now);
  Place(std::move(task), nested_in, now);
}

void Scheduling::Dispatch(Instant now) {
  if (!prefetch_.empty()) GrantLeases(now);
  while (true) {
    if (!in_place_.empty() && PlaceBesideAwaited(now)) continue;
    TaskPtr task = ready_.Pop(FreeForAll(now), now, &dropped_);
    if (task == nullptr) break;
    PlaceHeld(std::move(task), {}, now);
  }
  PlaceShort(now);
  if (!ready_.empty()) PlacePrefetched(now);
  if (!dropped_.empty()) EndDropped(now);
}

bool Scheduling::HasPlaceForShort() const {
  const std::int64_t slots = options_.total.amount[kCpu] / kOneSlot + extra_slots_.extra();
  return slots < options_.most_slots;
}

// One place beside the CPU slots, for short work while long runs have all of these: the CPUs are
// shared out by the system. It is open where there is a thread for it. What is free is below
// nothing from then on, so there is no second one; a slot that comes free meanwhile makes up for
// it.
void Scheduling::PlaceShort(Instant now) {
  if (!HasPlaceForShort()) return;
  Resources place = free_;
  place.amount[kCpu] += kOneSlot;
  TaskPtr task = ready_.PopShort(place, now, &dropped_);
  if (task != nullptr) PlaceHeld(std::move(task), {}, now);
}

void Scheduling::EndDropped(Instant now) {
  for (TaskPtr& task : dropped_) {
    held_.erase(task->id);
    CountDeferral(DeferredSince(*task), DeferralTally::kExpired, now);
    EndOutOfReach(*task, ready_.TimeNeeded(*task), now);
    finished_.push_back({std::move(task)});
  }
  shared_.tally.scheduling.out_of_reach.Add(dropped_.size());
  dropped_.clear();
}

// kNever: it does not wait behind those that cannot wait as long.
Instant Scheduling::DeferredSince(const Task& task) {
  return task.root->patient() ? task.ready.since : kNever;
}

void Scheduling::CountDeferral(Instant since, DeferralTally::Outcome how, Instant now) {
  if (since != kNever) shared_.tally.scheduling.deferrals.Count(how, now - since);
}

// Spillover had no place for these.
void Scheduling::SpillKept(Instant now) {
  for (Spilled& event : std::exchange(kept_spilled_, {})) {
    if (IsDoomed(*event.task, now)) {
      DropSpilled(std::move(event));
    } else {
      spilled_.push_back(std::move(event));
    }
  }
}

void Scheduling::OnCancel(TaskId id, Instant now) {
  const auto found = held_.find(id);
  if (found == held_.end()) return;
  TaskPtr task = ready_.Remove(*found->second);
  held_.erase(id);
  CountDeferral(DeferredSince(*task), DeferralTally::kCancelled, now);
  Cancel(*task);
  finished_.push_back({std::move(task)});
}

void Scheduling::Unplace(Placed&& event, Instant now) {
  TakeBack(*event.task);
  Hold(std::move(event.task), now);
}

void Scheduling::DropPlaced(Placed&& event) {
  TakeBack(*event.task);
  EndDoomed(*event.task);
  finished_.push_back({std::move(event.task)});
}

void Scheduling::DropSpilled(Spilled&& event) {
  EndDoomed(*event.task);
  finished_.push_back({std::move(event.task)});
}

void Scheduling::Tick(Instant now) {
  for (std::size_t kind = 0; kind < kResourceKinds; ++kind) {
    const std::int64_t extra = kind == kCpu ? extra_slots_.extra() * kOneSlot : 0;
    shared_.gauges.free[kind].store(free_.amount[kind] - extra, std::memory_order_relaxed);
  }
  Gauges& gauges = shared_.gauges;
  gauges.extra_slots.store(extra_slots_.extra(), std::memory_order_relaxed);
  gauges.extra_slots_useful.store(extra_slots_.useful(), std::memory_order_relaxed);
  gauges.limited_functions.store(ready_.limited(), std::memory_order_relaxed);
  if (shared_.limits.changes.load(std::memory_order_acquire) != limits_read_) ReadLimits();
  if (shared_.tenants.changes() != weights_read_) ReadWeights();
  if (!kept_.empty()) std::swap(kept_, finished_);
  if (!kept_spilled_.empty()) SpillKept(now);
  std::vector<TaskPtr> expired;
  ready_.Expire(now, kMostExpiriesAPass, expired);
  for (TaskPtr& task : expired) {
    held_.erase(task->id);
    CountDeferral(DeferredSince(*task), DeferralTally::kExpired, now);
    Expire(*task, "while it waited for its turn");
    finished_.push_back({std::move(task)});
  }
  early_spawns_.Tick(now);
  Dispatch(now);
  FollowCpus();
  EmitAll(now);
  TellWhatIsBusy(now);
  shared_.account.EndPass();
}

// More CPU slots than there are CPUs, as long as these are idle while work waits.
void Scheduling::FollowCpus() {
  const std::int64_t slots = options_.total.amount[kCpu];
  if (slots < kOneSlot) return;
  const std::int64_t extra = extra_slots_.extra();
  most_held_ = std::max(most_held_, slots + extra * kOneSlot - free_.amount[kCpu]);
  slots_wanted_ |= (!ready_.empty() || !prefetch_.empty()) && free_.amount[kCpu] < kOneSlot;
  if (slots_wanted_ || extra > 0) {
    shared_.signals.slots_wanted.store(true, std::memory_order_relaxed);
  }
  const CpuPeriod period = shared_.signals.cpu.load(std::memory_order_relaxed);
  if (period.number == cpu_period_) return;
  cpu_period_ = period.number;
  const double idle = 1 - static_cast<double>(period.busy) / static_cast<double>(slots);
  extra_slots_.Update({.idle = idle,
                       .wanted = slots_wanted_,
                       .held = most_held_ / kOneSlot,
                       .slots = slots / kOneSlot});
  extra_slots_.Cap(std::max<std::int64_t>(0, options_.most_slots - slots / kOneSlot));
  free_.amount[kCpu] += (extra_slots_.extra() - extra) * kOneSlot;
  Resources total = options_.total;
  total.amount[kCpu] += extra_slots_.extra() * kOneSlot;
  ready_.SetTotal(total);
  slots_wanted_ = false;
  most_held_ = 0;
}

void Scheduling::ReadLimits() {
  limits_read_ = shared_.limits.changes.load(std::memory_order_acquire);
  ready_.Apply(ReadyOptions(shared_.limits));
}

void Scheduling::ReadWeights() {
  weights_read_ = shared_.tenants.changes();
  for (TenantId id = 0; id <= shared_.tenants.size(); ++id) {
    ready_.SetWeight(id, shared_.tenants.At(id).weight.load(std::memory_order_relaxed));
  }
}

Instant Scheduling::BusyUntil(std::size_t kind, Instant now) const {
  const Instant until = busy_slots_.FirstEnd(kind, now);
  if (kind != kCpu || until == kNever || prefetch_.empty()) return until;
  return After(until, prefetch_.Delay(busy_slots_.Ending(After(now, Prefetch::kLongest), now)));
}

void Scheduling::TellWhatIsBusy(Instant now) {
  for (std::size_t kind = 0; kind < kResourceKinds; ++kind) {
    const bool is_busy = options_.total.amount[kind] > 0 && free_.amount[kind] <= 0;
    shared_.account.SetBusyUntil(kind, is_busy ? BusyUntil(kind, now) : kNever);
  }
  KeptSlot::ShutOut shut = ready_.ShutOutNow(now);
  if (shut.from != KeptSlot::kNothing) {
    shut.until = std::min(shut.until, busy_slots_.FirstEnd(kCpu, now, shut.from));
  }
  shared_.account.SetShutOut(shut);
  shared_.account.SetPlaceForShort(HasPlaceForShort());
}

void Scheduling::EmitAll(Instant now) {
  if (!granted_.empty()) {
    out_.granted(granted_, now);
    granted_.clear();
  }
  std::vector<Placed> placed = std::exchange(placed_, {});
  out_.placed(placed, now);
  placed.clear();
  if (placed_.empty()) placed_ = std::move(placed);  // keep its memory
  std::vector<Spilled> spilled = std::exchange(spilled_, {});
  out_.spilled(spilled, now);
  std::vector<Finished> finished = std::exchange(finished_, {});
  out_.finished(finished, now);
}

void Scheduling::Flush(Instant now) {
  for (const auto& [id, task] : held_) {
    TaskPtr taken = ready_.Remove(*task);
    CountDeferral(DeferredSince(*taken), DeferralTally::kCancelled, now);
    Abandon(*taken);
    finished_.push_back({std::move(taken)});
  }
  held_.clear();
  for (Spilled& event : std::exchange(kept_spilled_, {})) {
    Abandon(*event.task);
    finished_.push_back({std::move(event.task)});
  }
  EmitAll(now);
}

}  // namespace spillgate
