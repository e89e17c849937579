#include "server/exec/worker_pool.h"

#include <algorithm>
#include <utility>

#include "core/base/format.h"
#include "schema/replies.h"
#include "server/exec/run_context.h"

namespace spillgate {
namespace {

constexpr std::size_t kMostCompared =
    64;  // waiting tasks that are looked at for one that may run in place

WorkerOptions Bounded(WorkerOptions options) {
  options.max = std::max(options.max, 1U);
  options.prestart = std::min(options.prestart, options.max);
  options.nested_stack = std::max(options.nested_stack, 1U);
  return options;
}

// Why the arguments of a task cannot be sent to a worker; empty: they can.
std::string WhyTooLarge(const Task& task) {
  const Arguments arguments(task);
  if (arguments.count() > wire::kMostSlices) {
    return Format("it has {} arguments, the most for a worker is {}", arguments.count(),
                  wire::kMostSlices);
  }
  std::size_t bytes = 0;
  for (std::uint32_t i = 0; i < arguments.count(); ++i) bytes += arguments.At(i).size();
  if (bytes <= wire::kMostPayload) return {};
  return Format("its arguments have {} bytes together, the most for a worker is {}", bytes,
                wire::kMostPayload);
}

}  // namespace

WorkerPool::WorkerPool(const Clock& clock, WorkerOptions options, Reactor& reactor, NodePorts ports,
                       Ancestry& ancestry)
    : around_{.clock = clock,
              .options = Bounded(std::move(options)),
              .reactor = reactor,
              .ports = std::move(ports),
              .ancestry = ancestry} {}

WorkerPool::~WorkerPool() {
  Stop(around_.clock.Now());
  while (!workers_.empty()) workers_.begin()->second->Kill("the node has ended");
}

void WorkerPool::ReportUnbegun(TaskPtr task) {
  around_.ports.report(
      {.task = std::move(task), .end = RunEnd::kEnded, .detail = {}, .began = false});
}

void WorkerPool::TurnAway(TaskPtr task, Reason why, std::string detail) {
  around_.ports.report({.task = std::move(task),
                        .end = RunEnd::kTurnedAway,
                        .wall = Nanos(0),
                        .detail = std::move(detail),
                        .why = why});
}

void WorkerPool::Start(TaskPtr task, TaskId nested_in, Instant now) {
  if (stopping_) return TurnAway(std::move(task), Reason::kDrained, "the node is stopping");
  if (Broken(now)) return TurnAway(std::move(task), Reason::kNoWorker, why_no_start_);
  Worker* blocked = nested_in.is_none() ? nullptr : BlockedOn(nested_in);
  if (blocked != nullptr) {
    Begin(*blocked, std::move(task), now);
  } else {
    Waiting waiting{.task = nullptr, .id = task->id, .parent = task->parent};
    waiting.task = std::move(task);
    waiting_.push_back(std::move(waiting));
  }
  Settle(now);
}

// Sends a task to a worker that takes it, or ends it here.
void WorkerPool::Begin(Worker& worker, TaskPtr task, Instant now) {
  std::string too_large;
  if (now >= task->deadline) {
    EndStopped(task->outcome, Reason::kDeadline, "before it ran");
  } else if (too_large = WhyTooLarge(*task); !too_large.empty()) {
    EndFailed(task->outcome, Reason::kTooLarge, std::move(too_large));
  }
  if (!task->outcome.open()) return ReportUnbegun(std::move(task));
  running_[task->id] = &worker;
  worker.Begin(std::move(task), now);
}

void WorkerPool::Settle(Instant now) {
  Dispatch(now);
  std::uint32_t active = 0;
  std::uint32_t taken = 0;
  for (const auto& [connection, worker] : workers_) {
    active += worker->busy() ? 1 : 0;
    taken += worker->idle() || worker->starting() ? 0 : 1;
  }
  active_.store(active, std::memory_order_relaxed);
  const std::int64_t wanted = std::int64_t{taken} + static_cast<std::int64_t>(waiting_.size());
  left_.store(static_cast<std::int32_t>(std::int64_t{around_.options.max} - wanted),
              std::memory_order_relaxed);
  const bool stuck = !waiting_.empty() && active == 0 && Starting() == 0;
  if (!stuck) {
    stuck_since_ = kNever;
  } else if (stuck_since_ == kNever) {
    stuck_since_ = now;
    OnTimer(After(now, around_.options.nested_patience));
  }
}

void WorkerPool::Dispatch(Instant now) {
  EndSurplus(now);
  while (!waiting_.empty()) {
    Worker* worker = IdleFor(waiting_.front().task->function->id);
    if (worker == nullptr) break;
    Begin(*worker, TakeWaiting(0), now);
  }
  if (!stopping_) Grow(now);
  PlaceInBlocked(now);
}

// The children of blocked tasks, above which nothing runs: such a child cannot wait for anything
// that needs this worker, other than by waiting for its own ancestor. Those that workers which are
// about to be there will take stay.
void WorkerPool::PlaceInBlocked(Instant now) {
  const std::size_t spoken_for = Starting();
  for (std::size_t at = 0; at < waiting_.size() && at < kMostCompared;) {
    if (waiting_.size() <= spoken_for) return;
    const TaskId parent = waiting_[at].parent;
    Worker* blocked = parent.is_none() ? nullptr : BlockedOn(parent);
    if (blocked == nullptr) {
      ++at;
    } else {
      Begin(*blocked, TakeWaiting(at), now);
    }
  }
}

// One that has loaded the function if possible, else the one that was used last.
Worker* WorkerPool::IdleFor(FunctionId function) {
  Worker* best = nullptr;
  bool best_has = false;
  for (const auto& [connection, worker] : workers_) {
    if (!worker->idle()) continue;
    const bool has = worker->HasLoaded(function);
    const bool better = best == nullptr || (has && !best_has) ||
                        (has == best_has && worker->idle_since() > best->idle_since());
    if (better) {
      best = worker.get();
      best_has = has;
    }
  }
  return best;
}

// The worker that has this task blocked and innermost, if another may run in its place.
Worker* WorkerPool::BlockedOn(TaskId task) {
  const auto found = running_.find(task);
  if (found == running_.end() || !found->second->TakesNested()) return nullptr;
  return found->second->stack().back().id == task ? found->second : nullptr;
}

TaskPtr WorkerPool::TakeWaiting(std::size_t position) {
  const auto at = waiting_.begin() + static_cast<std::ptrdiff_t>(position);
  TaskPtr task = std::move(at->task);
  waiting_.erase(at);
  return task;
}

void WorkerPool::Interrupt(TaskId id, Reason why, Instant now) {
  const auto found = running_.find(id);
  if (found != running_.end()) return found->second->Interrupt(id, why, now);
  for (std::size_t i = 0; i < waiting_.size(); ++i) {
    if (waiting_[i].id != id) continue;
    TaskPtr task = TakeWaiting(i);
    EndStopped(task->outcome, why, "before it ran");
    ReportUnbegun(std::move(task));
    return Settle(now);
  }
}

void WorkerPool::Deliver(ConnectionId to, ByteView frames) {
  const auto found = workers_.find(to);
  if (found != workers_.end()) found->second->Deliver(frames);
}

// As they are now: what is done to one may be its end.
std::vector<Worker*> WorkerPool::Alive() const {
  std::vector<Worker*> all;
  all.reserve(workers_.size());
  for (const auto& [connection, worker] : workers_) all.push_back(worker.get());
  return all;
}

void WorkerPool::OnTimer(Instant at) {
  const std::int64_t due = at.time_since_epoch().count();
  if (due < due_.load(std::memory_order_relaxed)) due_.store(due, std::memory_order_relaxed);
}

void WorkerPool::Tick(Instant now) {
  due_.store(kNever.time_since_epoch().count(), std::memory_order_relaxed);
  for (Worker* worker : Alive()) OnTimer(worker->Tick(now));
  if (!stopping_) EndIdle(now);
  CheckStuck(now);
  Settle(now);
  if (stuck_since_ != kNever) OnTimer(After(stuck_since_, around_.options.nested_patience));
}

// More are started, or some end when they are idle, as they now have to.
void WorkerPool::Apply(WorkerOptions options, Instant now) {
  around_.options = Bounded(std::move(options));
  Tick(now);
}

void WorkerPool::Stop(Instant now) {
  if (std::exchange(stopping_, true)) return;
  while (!waiting_.empty()) {
    TurnAway(TakeWaiting(0), Reason::kDrained, "the node is stopping");
  }
  for (Worker* worker : Alive()) {
    if (worker->starting()) {
      worker->Kill("was not needed any more");
    } else if (worker->idle()) {
      worker->Leave(now);
    } else {
      std::vector<TaskId> ids;
      for (const WorkerRun& run : worker->stack()) ids.push_back(run.id);
      for (const TaskId id : ids) worker->Interrupt(id, Reason::kDrained, now);
    }
  }
  Settle(now);
}

void WorkerPool::OnReady(Worker& worker) {
  const Instant now = around_.clock.Now();
  failed_starts_ = 0;
  no_start_before_ = now;
  if (stopping_) worker.Leave(now);
  OnTimer(After(now, around_.options.idle));
  Settle(now);
}

void WorkerPool::OnEnded(Worker& worker, RunReport&& report) {
  const Instant now = around_.clock.Now();
  running_.erase(report.task->id);
  around_.ports.report(std::move(report));
  if (worker.idle()) {
    if (stopping_) worker.Leave(now);
    OnTimer(After(now, around_.options.idle));
  }
  Settle(now);
}

void WorkerPool::OnBlocked(Worker& /*worker*/) {
  Settle(around_.clock.Now());
}

void WorkerPool::OnResumed(Worker& /*worker*/, TaskPtr unbegun, Reason stop) {
  const Instant now = around_.clock.Now();
  stuck_since_ = kNever;
  if (unbegun != nullptr) {
    running_.erase(unbegun->id);
    if (stop == Reason::kNone && stopping_) stop = Reason::kDrained;
    if (stop == Reason::kDrained) {
      TurnAway(std::move(unbegun), stop, "the node is stopping");
    } else if (stop != Reason::kNone) {
      EndStopped(unbegun->outcome, stop, "before it ran");
      ReportUnbegun(std::move(unbegun));
    } else {
      Waiting first{.task = nullptr, .id = unbegun->id, .parent = unbegun->parent};
      first.task = std::move(unbegun);
      waiting_.push_front(std::move(first));
    }
  }
  Settle(now);
}

void WorkerPool::OnDeath(Worker& worker, std::vector<WorkerRun> runs, const std::string& how) {
  const Instant now = around_.clock.Now();
  const auto found = workers_.find(worker.connection());
  if (!worker.was_asked_to_leave() && !stopping_) ++died_;
  dead_.push_back(std::move(found->second));
  workers_.erase(found);
  if (around_.ports.gone) around_.ports.gone(worker.connection());
  while (!runs.empty()) {
    WorkerRun run = std::move(runs.back());
    runs.pop_back();
    running_.erase(run.id);
    const Nanos blocked = run.blocked + (run.wait == 0 ? Nanos(0) : now - run.blocked_since);
    around_.ports.report({.task = std::move(run.task),
                          .end = RunEnd::kHostDied,
                          .wall = now - run.begin - blocked,
                          .detail = how});
  }
  if (!worker.said_hello() && !stopping_) OnFailedStart(how, now);
  Settle(now);
}

void WorkerPool::OnGone(Worker& worker) {
  std::erase_if(dead_, [&worker](const auto& dead) { return dead.get() == &worker; });
  processes_.fetch_sub(1, std::memory_order_relaxed);
}

}  // namespace spillgate
