#include "stages/resolution.h"

#include <algorithm>

#include "core/base/format.h"
#include "stages/ending.h"

namespace spillgate {
namespace {

constexpr std::size_t kLongList = 64;
// Tasks for which the park has no room, looked at in one pass; the rest have their turn in the
// next.
constexpr std::size_t kMostLooksAPass = 1024;

}  // namespace

Resolution::Resolution(Shared& shared, Out out)
    : shared_(shared), park_(shared.limits), out_(std::move(out)) {}

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
        OnReady(ready->task);
      } else {
        OnCancel(std::get<CancelAsked>(event).task);
      }
    }
    if (look_for_cancelled_) DropCancelledWaiting();
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
  task->root->stuck.fetch_add(1, std::memory_order_relaxed);
  shared_.signals.stuck.fetch_add(1, std::memory_order_relaxed);
  if (!park_.Put(task, now)) {
    waiting_for_park_.push_back({std::move(task)});
    return;
  }
  out_.parked.Note(meta, now);
  shared_.tally.resolution.parked.Add(1);
  for (const ArgRef& arg : args) {
    if (arg.kind != ArgRef::kObject) continue;
    Record* record = shared_.table.Find(arg.object().task);
    if (record == nullptr || !record->open()) continue;
    record->wanted = true;
    std::vector<TaskId>& dependants = awaited_[record->id];
    if (dependants.empty() || dependants.back() != id) Await(dependants, id);
  }
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

void Resolution::OnReady(TaskId object) {
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
      TaskPtr taken = Unpark(park_.TakeOut(id));
      (arguments == Arguments::kHere)
          ? static_cast<void>(unparked_.push_back({std::move(taken)}))
          : static_cast<void>(failed_parked_.push_back({std::move(taken)}));
    }
  }
  if (record != nullptr) shared_.table.Sweep(*record);
}

TaskPtr Resolution::Unpark(TaskPtr task) {
  task->root->stuck.fetch_sub(1, std::memory_order_relaxed);
  shared_.signals.stuck.fetch_sub(1, std::memory_order_relaxed);
  return task;
}

void Resolution::OnCancel(TaskId id) {
  if (park_.Find(id) != nullptr) {
    TaskPtr task = Unpark(park_.TakeOut(id));
    Cancel(*task);
    failed_parked_.push_back({std::move(task)});
    return;
  }
  // One look for all that were cancelled in this pass: there may be thousands on both sides.
  look_for_cancelled_ = !waiting_for_park_.empty();
}

void Resolution::DropCancelledWaiting() {
  look_for_cancelled_ = false;
  std::erase_if(waiting_for_park_, [&](Accepted& event) {
    if (!event.task->record->cancelled.load(std::memory_order_relaxed)) return false;
    TaskPtr task = Unpark(std::move(event.task));
    Cancel(*task);
    failed_.push_back({std::move(task)});
    return true;
  });
}

void Resolution::Tick(Instant now) {
  shared_.gauges.parked.store(static_cast<std::int64_t>(park_.size()), std::memory_order_relaxed);
  shared_.gauges.parked_bytes.store(static_cast<std::int64_t>(park_.bytes()),
                                    std::memory_order_relaxed);
  shared_.gauges.park_oldest_ns.store(park_.Oldest().time_since_epoch().count(),
                                      std::memory_order_relaxed);
  HandOnKept(now);
  bool expired = false;
  while (TaskPtr task = park_.NextOver(now, expired)) {
    task = Unpark(std::move(task));
    if (expired) {
      Expire(*task, "while it waited for its arguments");
    } else {
      Fail(*task, Reason::kParkTimeout,
           "waited for its arguments for longer than limits.park_ttl allows; give it a deadline, "
           "or raise "
           "the limit");
    }
    failed_parked_.push_back({std::move(task)});
  }
  if (!waiting_for_park_.empty()) {
    MutexLock lock(shared_.table.mutex());
    for (std::size_t left = std::min(waiting_for_park_.size(), kMostLooksAPass); left > 0; --left) {
      TaskPtr task = Unpark(std::move(waiting_for_park_.front().task));
      waiting_for_park_.pop_front();
      if (now > task->deadline) {
        Expire(*task, "while it waited for room in the park");
        failed_.push_back({std::move(task)});
      } else {
        OnAccepted(std::move(task), now);
      }
    }
  }
  EmitAll(now);
}

void Resolution::EmitAll(Instant now) {
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
  for (Accepted& event : waiting_for_park_) {
    TaskPtr task = Unpark(std::move(event.task));
    Abandon(*task);
    failed_.push_back({std::move(task)});
  }
  for (Resolved& event : kept_unparked_) {
    Abandon(*event.task);
    failed_parked_.push_back({std::move(event.task)});
  }
  kept_.clear();
  waiting_for_park_.clear();
  kept_unparked_.clear();
  while (TaskPtr task = park_.Any()) {
    task = Unpark(std::move(task));
    Abandon(*task);
    failed_parked_.push_back({std::move(task)});
  }
  EmitAll(now);
}

}  // namespace spillgate
