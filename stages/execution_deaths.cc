// Execution, of tasks whose worker died under them: they run again after a backoff, or end.
#include <algorithm>

#include "core/base/format.h"
#include "core/model/cost_model.h"
#include "stages/ending.h"
#include "stages/execution.h"

namespace spillgate {

void Execution::OnDeath(RunReport&& report, Nanos cost, Instant now) {
  TaskPtr task = std::move(report.task);
  const std::string& detail = report.detail;
  ++task->deaths;
  tally_.host_deaths.Add(1);
  const bool cancelled = task->record->cancelled.load(std::memory_order_relaxed);
  if (cancelled) {
    End(*task, Fate::kCancelled, Reason::kCancelled, "cancelled while it ran; " + detail);
  } else if (now > task->deadline) {
    End(*task, Fate::kExpired, Reason::kDeadline, "its deadline passed while it ran; " + detail);
  } else if (EndSpent(*task, detail); task->outcome.open() && !MayRetry()) {
    Fail(*task, Reason::kWorkerDied,
         Format("its worker died, and so many others have that it is not tried again "
                "(workers.retry_budget): {}",
                detail));
  }
  if (task->outcome.open()) {
    const Instant again = After(now, PauseAfter(task->deaths));
    if (again <= task->deadline) return Rest(std::move(task), cost, again, now);
    End(*task, Fate::kExpired, Reason::kDeadline,
        "its worker died, and its deadline passes before it would be run again; " + detail);
  }
  // A whole run would have taken longer. It is paid for like one, or those that crash would have
  // all the slots for nothing.
  Free(task->id, cost, report.began ? Lesson::kAtLeast : Lesson::kNone,
       report.wall + report.blocked);
  Finish(std::move(task));
}

// It keeps its lease meanwhile; if it was blocked, it needs its slot again.
void Execution::Rest(TaskPtr task, Nanos cost, Instant until, Instant now) {
  Running& running = running_.find(task->id).value();
  SetBlocked(running, {RunNotice::Kind::kResumed, task->id, {}});
  running.earlier += cost;
  running.since = now;
  again_.push({until, ++deaths_, task->id});
  resting_.insert({task->id, std::move(task)});
}

TaskPtr Execution::EndRest(HashMap<TaskId, TaskPtr>::iterator resting, DeferralTally::Outcome how,
                           Instant now) {
  TaskPtr task = std::move(resting.value());
  resting_.erase(resting);
  tally_.retry_deferrals.Count(how, PayForWait(*task, now));
  return task;
}

// It has held its lease since then, for as long as is returned, and nothing ran on it. Nobody is to
// take that for a handover.
Nanos Execution::PayForWait(Task& task, Instant now) {
  const auto found = running_.find(task.id);
  if (found == running_.end()) return Nanos(0);
  Running& running = found.value();
  const Nanos waited = now - std::exchange(running.since, kNever);
  const Nanos held = SlotTime(waited, running.units);
  running.earlier += held;
  if (task.leased()) task.spent += held;
  return waited;
}

// It has had as many deaths as it may.
void Execution::EndSpent(Task& task, const std::string& detail) {
  if (task.deaths >= shared_.limits.poison_deaths.load(std::memory_order_relaxed)) {
    Fail(task, Reason::kPoison,
         Format("{} workers died running it, the last one {}", task.deaths, detail));
  } else if (task.deaths > task.max_retries) {
    Fail(task, Reason::kWorkerDied,
         Format("its worker died and it may not be retried: {}", detail));
  }
}

Nanos Execution::PauseAfter(int deaths) {
  const Limits& limits = shared_.limits;
  const Nanos first = limits.retry_backoff.load(std::memory_order_relaxed);
  const Nanos longest = limits.retry_backoff_max.load(std::memory_order_relaxed);
  const std::int64_t doubled = first.count() << std::min(deaths - 1, 20);
  const std::int64_t most = std::min(doubled, longest.count());
  return Nanos(static_cast<std::int64_t>(random_() % static_cast<std::uint64_t>(most + 1)));
}

bool Execution::MayRetry() const {
  constexpr double kFree = 100;
  const auto runs = static_cast<double>(tally_.started.get());
  const double budget = shared_.limits.retry_budget.load(std::memory_order_relaxed);
  return static_cast<double>(tally_.host_deaths.get()) <= kFree + budget * runs;
}

}  // namespace spillgate
