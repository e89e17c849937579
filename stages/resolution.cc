#include "stages/resolution.h"

#include <algorithm>

#include "core/base/format.h"
#include "stages/ending.h"

namespace spillgate {
namespace {

constexpr std::size_t kLongList = 64;
constexpr std::size_t kMostLetInAPass = 1024;

}  // namespace

Resolution::Resolution(Shared& shared, Out out)
    : shared_(shared),
      park_(shared.limits),
      work_(shared.account, shared.costs),
      out_(std::move(out)) {}

void Resolution::Handle(std::span<In> batch, Instant now) {
  HandOnKept(now);
  const auto needs_table = [](const In& event) {
    const auto* accepted = std::get_if<Accepted>(&event);
    return accepted == nullptr || !accepted->task->args.empty();
  };
  if (std::none_of(batch.begin(), batch.end(), needs_table)) {
    for (In& event : batch) resolved_.push_back({std::move(std::get<Accepted>(event).task)});
  } else {
    MutexLock lock(shared_.table.mutex());
    for (In& event : batch) {
      if (auto* accepted = std::get_if<Accepted>(&event)) {
        OnAccepted(std::move(accepted->task), now);
      } else if (const auto* ready = std::get_if<ObjectReady>(&event)) {
        OnReady(ready->task, now);
      } else {
        OnCancel(std::get<CancelAsked>(event).task, now);
      }
    }
  }
  EmitAll(now);
}

void Resolution::HandOnKept(Instant now) {
  // What may still not pass comes back into the lists while the edges walk over these copies.
  const auto again = [now](auto& kept, auto& edge) {
    if (kept.empty()) return;
    auto events = std::exchange(kept, {});
    edge(events, now);
  };
  DropDoomed(kept_, false, now);
  DropDoomed(kept_unparked_, true, now);
  again(kept_, out_.resolved);
  again(kept_unparked_, out_.unparked);
  again(kept_failed_, out_.finished);
  again(kept_failed_parked_, out_.finished_parked);
}

void Resolution::DropDoomed(std::vector<Resolved>& kept, bool parked, Instant now) {
  std::erase_if(kept, [&](Resolved& event) {
    const bool doomed = IsDoomed(*event.task, now);
    if (doomed) Drop(std::move(event), parked);
    return doomed;
  });
}

void Resolution::Drop(Resolved&& event, bool parked) {
  EndDoomed(*event.task);
  (parked ? failed_parked_ : failed_).push_back({std::move(event.task)});
}

void Resolution::OnAccepted(TaskPtr task, Instant now) {
  const Arguments arguments = task->args.empty() ? Arguments::kHere : Look(*task);
  if (arguments == Arguments::kHere) {
    resolved_.push_back({std::move(task)});
    return;
  }
  if (arguments == Arguments::kFailed) {
    failed_.push_back({std::move(task)});
    return;
  }
  if (IsDoomed(*task, now)) {
    EndDoomed(*task);
    failed_.push_back({std::move(task)});
    return;
  }
  const flow::Meta meta = MetaOf(task);
  const TaskId id = task->id;
  const std::span<const ArgRef> args = task->args;
  const RootPtr root = task->root;
  const bool by_root = task->deadline != kNever && task->deadline == root->deadline;
  const Nanos span = shared_.costs.MedianSpan(task->cost_key());
  Record& own = *task->record;
  Nanos before{0};
  task->root->stuck.fetch_add(1, std::memory_order_relaxed);
  shared_.signals.stuck.fetch_add(1, std::memory_order_relaxed);
  work_.Add(*task);
  if (park_.Put(std::move(task), now)) CountParked(meta, now);
  for (const ArgRef& arg : args) {
    if (arg.kind != ArgRef::kObject) continue;
    Record* record = shared_.table.Find(arg.object().task);
    if (record == nullptr || !record->open()) continue;
    record->wanted = true;
    if (by_root && record->root.get() == root.get()) before = std::max(before, PathOf(*record));
    std::vector<TaskId>& dependants = awaited_[record->id];
    if (dependants.empty() || dependants.back() != id) Await(dependants, id);
  }
  if (!by_root || before + span == Nanos(0)) return;
  own.path = before + span;
  const std::int64_t longest = root->path_ns.load(std::memory_order_relaxed);
  root->path_ns.store(std::max(longest, own.path.count()), std::memory_order_relaxed);
}

// What waits for nothing is not noted: it takes what its function does.
Nanos Resolution::PathOf(const Record& argument) const {
  return std::max(argument.path, shared_.costs.MedianSpan(argument.function));
}

// Those that have left the park by another way are dropped when the list would have to grow, so
// that it does not grow with the number of tasks that ever waited.
void Resolution::Await(std::vector<TaskId>& dependants, TaskId id) {
  if (dependants.size() == dependants.capacity() && dependants.size() >= kLongList) {
    std::erase_if(dependants, [&](TaskId each) { return park_.Find(each) == nullptr; });
    dependants.reserve(std::max<std::size_t>(kLongList, 2 * dependants.size()));
  }
  dependants.push_back(id);
}

// Counts what is missing and pins what is awaited; fills in the values that are here.
Resolution::Arguments Resolution::Look(Task& task) {
  task.missing = 0;
  if (task.objects == nullptr) task.objects = std::make_unique<Value[]>(task.args.size());
  for (std::size_t i = 0; i < task.args.size(); ++i) {
    if (task.args[i].kind != ArgRef::kObject) continue;
    switch (LookAtOne(task, i)) {
      case Arguments::kHere: break;
      case Arguments::kAwaited: ++task.missing; break;
      case Arguments::kFailed: return Arguments::kFailed;
    }
  }
  return task.missing == 0 ? Arguments::kHere : Arguments::kAwaited;
}

// One of the objects that a parked task waits for is here.
Resolution::Arguments Resolution::LookAgain(Task& task, TaskId object) {
  for (std::size_t i = 0; i < task.args.size(); ++i) {
    if (task.args[i].kind != ArgRef::kObject || task.args[i].object().task != object) continue;
    switch (LookAtOne(task, i)) {
      case Arguments::kHere: --task.missing; break;
      case Arguments::kAwaited: break;
      case Arguments::kFailed: return Arguments::kFailed;
    }
  }
  return task.missing == 0 ? Arguments::kHere : Arguments::kAwaited;
}

Resolution::Arguments Resolution::LookAtOne(Task& task, std::size_t arg) {
  const ObjectId object = task.args[arg].object();
  const Record* record = shared_.table.Find(object.task);
  if (record == nullptr) {
    Fail(task, Reason::kDependencyFailed,
         Format("argument {} is {}, which was never accepted here or has been released; keep the "
                "future of "
                "an argument until the task that needs it has been accepted",
                arg, ToString(object.task)),
         object.task);
    return Arguments::kFailed;
  }
  if (record->open()) return Arguments::kAwaited;
  const Outcome& outcome = record->outcome;
  if (outcome.fate != Fate::kDone) {
    const bool passed_on =
        outcome.reason == Reason::kDependencyFailed && outcome.failure != nullptr;
    const TaskId cause = passed_on ? outcome.failure->root_cause : record->id;
    Fail(task, Reason::kDependencyFailed,
         Format("argument {} is {}, which did not succeed ({}); the first failure was {}", arg,
                ToString(record->id), ToString(outcome.reason), ToString(cause)),
         cause);
    return Arguments::kFailed;
  }
  if (object.index == 0) {
    task.objects[arg] = outcome.value;
  } else if (outcome.further != nullptr && object.index <= outcome.further->size()) {
    task.objects[arg] = (*outcome.further)[object.index - 1];
  } else {
    Fail(
        task, Reason::kDependencyFailed,
        Format("argument {} is return {} of {}, which has only {}", arg, object.index,
               ToString(object.task), outcome.further == nullptr ? 1 : outcome.further->size() + 1),
        object.task);
    return Arguments::kFailed;
  }
  return Arguments::kHere;
}

void Resolution::OnReady(TaskId object, Instant now) {
  Record* record = shared_.table.Find(object);
  if (record != nullptr) record->wanted = false;
  const auto found = awaited_.find(object);
  if (found != awaited_.end()) {
    const std::vector<TaskId> dependants = std::move(found.value());
    awaited_.erase(found);
    for (const TaskId id : dependants) {
      Task* task = park_.Find(id);
      if (task == nullptr) continue;  // it left by another way
      const Arguments arguments = LookAgain(*task, object);
      if (arguments == Arguments::kAwaited) continue;
      const bool here = arguments == Arguments::kHere;
      Park::Left left = TakeOut(id, here ? DeferralTally::kRun : DeferralTally::kFailed, now);
      if (here) {
        (left.inside ? unparked_ : resolved_).push_back({std::move(left.task)});
      } else {
        EndOf(std::move(left));
      }
    }
  }
  if (record != nullptr) shared_.table.Sweep(*record);
}

// Not counted as stuck any more.
Park::Left Resolution::Unstick(Park::Left left, DeferralTally::Outcome how, Instant now) {
  shared_.tally.resolution.deferrals.Count(how, now - left.since);
  work_.TakeAway(*left.task);
  left.task->root->stuck.fetch_sub(1, std::memory_order_relaxed);
  shared_.signals.stuck.fetch_sub(1, std::memory_order_relaxed);
  return left;
}

Park::Left Resolution::TakeOut(TaskId id, DeferralTally::Outcome how, Instant now) {
  return Unstick(park_.TakeOut(id), how, now);
}

// Without it the longest chain of its root may be shorter, and nobody knows by how much.
void Resolution::EndOf(Park::Left left) {
  left.task->root->path_ns.store(0, std::memory_order_relaxed);
  (left.inside ? failed_parked_ : failed_).push_back({std::move(left.task)});
}

void Resolution::OnCancel(TaskId id, Instant now) {
  if (park_.Find(id) == nullptr) return;
  Park::Left left = TakeOut(id, DeferralTally::kCancelled, now);
  Cancel(*left.task);
  EndOf(std::move(left));
}

void Resolution::CountParked(const flow::Meta& meta, Instant now) {
  out_.parked.Note(meta, now);
  shared_.tally.resolution.parked.Add(1);
}

void Resolution::Tick(Instant now) {
  shared_.gauges.parked.store(static_cast<std::int64_t>(park_.size()), std::memory_order_relaxed);
  shared_.gauges.parked_bytes.store(static_cast<std::int64_t>(park_.bytes()),
                                    std::memory_order_relaxed);
  shared_.gauges.park_oldest_ns.store(park_.Oldest().time_since_epoch().count(),
                                      std::memory_order_relaxed);
  HandOnKept(now);
  bool expired = false;
  for (Park::Left left = park_.NextOver(now, expired); left.task;
       left = park_.NextOver(now, expired)) {
    const auto how = expired ? DeferralTally::kExpired : DeferralTally::kFailed;
    left = Unstick(std::move(left), how, now);
    if (expired) {
      Expire(*left.task, "while it waited for its arguments");
    } else {
      Fail(*left.task, Reason::kParkTimeout,
           "waited for its arguments for longer than limits.park_ttl allows; give it a deadline, "
           "or raise the limit");
    }
    EndOf(std::move(left));
  }
  EmitAll(now);
}

void Resolution::EmitAll(Instant now) {
  for (std::size_t left = kMostLetInAPass; left > 0; --left) {
    const Task* task = park_.LetIn(now);
    if (task == nullptr) break;
    CountParked(MetaOf(*task), now);
  }
  out_.parked.Settle();
  out_.resolved(resolved_, now);
  out_.unparked(unparked_, now);
  out_.finished(failed_, now);
  out_.finished_parked(failed_parked_, now);
  resolved_.clear();
  unparked_.clear();
  failed_.clear();
  failed_parked_.clear();
}

void Resolution::Flush(Instant now) {
  for (Resolved& event : kept_) {
    Abandon(*event.task);
    failed_.push_back({std::move(event.task)});
  }
  for (Resolved& event : kept_unparked_) {
    Abandon(*event.task);
    failed_parked_.push_back({std::move(event.task)});
  }
  kept_.clear();
  kept_unparked_.clear();
  for (Park::Left left = park_.Any(); left.task; left = park_.Any()) {
    left = Unstick(std::move(left), DeferralTally::kCancelled, now);
    Abandon(*left.task);
    EndOf(std::move(left));
  }
  EmitAll(now);
}

}  // namespace spillgate
