#include "stages/execution.h"

#include <algorithm>

#include "core/base/format.h"
#include "core/model/cost_model.h"
#include "stages/ending.h"

namespace spillgate {

Execution::Execution(Shared& shared, ExecutionTally& tally, Executor& executor, std::uint64_t seed,
                     Out out)
    : shared_(shared),
      tally_(tally),
      executor_(executor),
      random_(seed),
      out_(std::move(out)),
      journal_(*shared.journal, Purpose::kCompletion) {}

void Execution::Handle(std::span<In> batch, Instant now) {
  if (!kept_.empty()) std::swap(kept_, finished_);
  for (In& event : batch) {
    if (auto* placed = std::get_if<Placed>(&event)) {
      OnPlaced(std::move(*placed), now);
    } else if (auto* ran = std::get_if<Ran>(&event)) {
      OnRan(std::move(ran->report), now);
    } else if (const auto* noticed = std::get_if<Noticed>(&event)) {
      OnNotice(noticed->notice);
    } else if (const auto* durable = std::get_if<Durable>(&event)) {
      OnDurable(*durable, now);
    } else if (const auto* granted = std::get_if<LeaseGranted>(&event)) {
      OnGranted(granted->task, now);
    } else {
      OnCancel(std::get<CancelAsked>(event).task, now);
    }
  }
  if (blocked_ > 0) TellPlacesLeft();
  EmitAll(now);
}

// For the children of those that are blocked.
void Execution::TellPlacesLeft() {
  const Executor::PlacesLeft left = executor_.Left();
  shared_.signals.threads_left.store(left.threads, std::memory_order_relaxed);
  shared_.signals.workers_left.store(left.workers, std::memory_order_relaxed);
}

// What may have ended a process before does not run inline.
bool Execution::RunsHere(const Task& task) {
  return task.function->host == Host::kInline && task.deaths == 0;
}

void Execution::OnPlaced(Placed&& event, Instant now) {
  TaskPtr task = std::move(event.task);
  if (task->prefetched && WasGranted(task->id)) task->prefetched = false;
  // Recovery has told those that it makes again; what they spawn again is told here.
  if (task->id.is_child() && task->function->host == Host::kInline && task->attempt == 0) {
    task->deaths = std::max(task->deaths, executor_.DeathsOf(task->id));
  }
  if (task->leased() || !RunsHere(*task)) {
    running_.insert({task->id, Running{.held = *task->shape,
                                       .function = task->function,
                                       .bytes = task->bytes,
                                       .root = task->root,
                                       .estimated = task->estimate,
                                       .units = SlotUnits(*task->shape),
                                       .since = now,
                                       .leased = task->leased(),
                                       .prefetched = task->prefetched}});
  }
  if (MustBeNoted(*task)) return NoteBegin({std::move(task), event.nested_in}, now);
  Run(std::move(task), event.nested_in, now);
}

void Execution::Run(TaskPtr task, TaskId nested_in, Instant now) {
  if (IsDoomed(*task, now)) {
    EndDoomed(*task);
  } else if (task->deaths > 0) {
    EndSpent(*task, "with the node");  // else it had been ended then
  }
  if (!task->outcome.open()) {
    Free(task->id, Nanos(0), Lesson::kNone);
    Finish(std::move(task));
    return;
  }
  if (!RunsHere(*task)) {
    Start(std::move(task), nested_in, now);
    return;
  }
  CountRun(*task, now);
  executor_.RunHere(*task, now);
  // Nobody looked at the clock: it had what it was charged for.
  if (task->leased()) {
    task->spent += task->estimate;
    Free(task->id, task->estimate, Lesson::kNone);
  }
  Finish(std::move(task));
}

void Execution::Start(TaskPtr task, TaskId nested_in, Instant now) {
  CountRun(*task, now);
  executor_.Start(std::move(task), nested_in, now);
}

void Execution::CountRun(Task& task, Instant now) {
  task.started = true;
  if (task.begun == kNever) task.begun = now;
  if (task.attempt++ > 0) tally_.retried.Add(1);
  task.record->attempt.store(task.attempt, std::memory_order_relaxed);
  if (!task.prefetched) tally_.started.Add(1);
}

void Execution::OnRan(RunReport&& report, Instant now) {
  if (report.end == RunEnd::kHeldUp) return PutBack(std::move(report.task), now);
  const bool ran = report.end != RunEnd::kTurnedAway && report.began;
  const Nanos cost = ran ? SlotTimeOf(*report.task, report.wall) : Nanos(0);
  if (report.task->leased()) report.task->spent += cost;
  if (report.end == RunEnd::kHostDied) {
    OnDeath(std::move(report), cost, now);
    return;
  }
  TaskPtr task = std::move(report.task);
  if (report.end == RunEnd::kTurnedAway) {
    TurnAway(*task, report);
  }
  // It did not begin when it was started, but when its turn came.
  if (task->prefetched) {
    tally_.started.Add(1);
    if (task->attempt == 1) task->begun = ran ? now - report.wall - report.blocked : kNever;
  }
  const Fate fate = task->outcome.fate;
  const bool whole = fate != Fate::kCancelled && fate != Fate::kExpired;
  Free(task->id, cost, !ran ? Lesson::kNone : (whole ? Lesson::kExact : Lesson::kAtLeast),
       report.wall + report.blocked, report.handed_to);
  Finish(std::move(task));
}

Nanos Execution::SlotTimeOf(const Task& task, Nanos wall) const {
  const auto found = running_.find(task.id);
  return SlotTime(wall, found == running_.end() ? kOneSlot : found.value().units);
}

void Execution::TurnAway(Task& task, const RunReport& report) {
  if (report.why == Reason::kDrained) {
    TakeBack(task);
    return Abandon(task);
  }
  Fail(task, Reason::kNoWorker,
       Format("it has not run, and may be submitted again when this is mended: {}", report.detail));
}

void Execution::OnGranted(TaskId id, Instant now) {
  if (running_.contains(id)) return executor_.Grant(id, now);
  early_grants_.push_back(id);
}

bool Execution::WasGranted(TaskId id) const {
  const auto is_in = [id](const std::vector<TaskId>& grants) {
    return std::find(grants.begin(), grants.end(), id) != grants.end();
  };
  return is_in(early_grants_) || is_in(older_grants_);
}

// It was prefetched and has not begun: as if it had never been placed.
void Execution::PutBack(TaskPtr task, Instant now) {
  task->held_up = true;
  if (--task->attempt == 0) task->begun = kNever;
  task->record->attempt.store(task->attempt, std::memory_order_relaxed);
  tally_.held_up.Add(1);
  Free(task->id, Nanos(0), Lesson::kNone);
  Return(std::move(task), now);
}

void Execution::Return(TaskPtr task, Instant now) {
  out_.departed.Note(MetaOf(task), now);
  returned_.push_back({std::move(task)});
}

void Execution::OnNotice(const RunNotice& notice) {
  const auto found = running_.find(notice.task);
  if (found == running_.end()) return;  // it has ended since
  SetBlocked(found.value(), notice);
}

// Lends its slot out or takes it back.
void Execution::SetBlocked(Running& running, const RunNotice& notice) {
  const bool blocks = notice.kind == RunNotice::Kind::kBlocked;
  if (running.blocked != blocks) {
    running.blocked = blocks;
    blocked_ += blocks ? 1 : -1;
    running.root->stuck.fetch_add(blocks ? 1 : -1, std::memory_order_relaxed);
    shared_.signals.stuck.fetch_add(blocks ? 1 : -1, std::memory_order_relaxed);
    lent_.push_back({.notice = notice,
                     .held = running.held,
                     .function = running.leased ? running.function : nullptr,
                     .prefetched = running.prefetched});
  } else if (blocks) {
    // Still blocked, asks for another task to run in place.
    lent_.push_back({.notice = notice, .held = {}});
  }
}

void Execution::OnCancel(TaskId id, Instant now) {
  const auto resting = resting_.find(id);
  if (resting != resting_.end()) {
    TaskPtr task = EndRest(resting, DeferralTally::kCancelled, now);
    Cancel(*task);
    Free(id, Nanos(0), Lesson::kNone);
    Finish(std::move(task));
    return;
  }
  noted_cancelled_ = WaitForDisk();  // it may be among them
  if (running_.contains(id)) executor_.Interrupt(id, Reason::kCancelled, now);
}

// Sends the lease home.
void Execution::Free(TaskId id, Nanos cost, Lesson lesson, Nanos span, TaskId handed_to) {
  const auto found = running_.find(id);
  if (found == running_.end()) return;
  Running& running = found.value();
  // A slot that was lent out is taken back first, so that a lease always comes home whole.
  SetBlocked(running, {RunNotice::Kind::kResumed, id, {}});
  if (running.leased) {
    freed_.push_back({.task = id,
                      .held = running.held,
                      .function = running.function,
                      .bytes = running.bytes,
                      .root = std::move(running.root),
                      .estimated = running.estimated,
                      .cost = cost,
                      .earlier = running.earlier,
                      .span = span,
                      .since = running.since,
                      .prefetched = running.prefetched,
                      .handed_to = handed_to,
                      .lesson = lesson});
  }
  running_.erase(found);
}

void Execution::Finish(TaskPtr task) {
  finished_.push_back({std::move(task)});
}

void Execution::Tick(Instant now) {
  if (!kept_.empty()) std::swap(kept_, finished_);
  executor_.Tick(now);
  if (blocked_ > 0) TellPlacesLeft();
  older_grants_.swap(early_grants_);
  early_grants_.clear();
  EndDoomedNoted(now);
  LeaveSlots(now);
  while (!again_.empty() && again_.top().at <= now) {
    const auto found = resting_.find(again_.top().task);
    again_.pop();
    if (found == resting_.end()) continue;
    const bool late = now > found.value()->deadline;
    TaskPtr task = EndRest(found, late ? DeferralTally::kExpired : DeferralTally::kRun, now);
    if (late) {
      Expire(*task, "while it waited to be run again");
      Free(task->id, Nanos(0), Lesson::kNone);
      Finish(std::move(task));
    } else {
      Run(std::move(task), {}, now);
    }
  }
  EmitAll(now);
}

void Execution::EmitAll(Instant now) {
  tally_.aside.Set(static_cast<std::int64_t>(aside_.size()));
  tally_.resting.Set(static_cast<std::int64_t>(resting_.size()));
  CommitNoted(now);
  out_.slot_lent(lent_, now);
  out_.slot_freed(freed_, now);
  freed_.clear();
  lent_.clear();
  if (!returned_.empty()) {
    out_.departed.Settle();
    out_.returned(returned_, now);  // behind the news that they are not under way
    returned_.clear();
  }
  std::vector<Finished> finished = std::exchange(finished_, {});
  out_.finished(finished, now);
  finished.clear();
  if (finished_.empty()) finished_ = std::move(finished);  // keep its memory
}

void Execution::Flush(Instant now) {
  AbandonNoted(now);
  while (!resting_.empty()) {
    TaskPtr task = EndRest(resting_.begin(), DeferralTally::kCancelled, now);
    Abandon(*task);
    Free(task->id, Nanos(0), Lesson::kNone);
    Finish(std::move(task));
  }
  EmitAll(now);
}

}  // namespace spillgate
