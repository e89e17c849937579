#include "tests/sim/step_executor.h"

#include <algorithm>
#include <cstring>

#include "core/base/check.h"
#include "core/base/format.h"
#include "core/tables/record.h"

namespace spillgate::sim {
namespace {

const Seeded kNothing;

Seeded SeededOf(const Task& task) {
  if (task.args.empty() || task.args[0].kind != ArgRef::kInline) return kNothing;
  return ReadSeeded(task.payload.subspan(task.args[0].offset, task.args[0].size))
      .value_or(kNothing);
}

void Stopped(Outcome& outcome, Reason why) {
  outcome.fate = why == Reason::kDeadline ? Fate::kExpired : Fate::kCancelled;
  outcome.reason = why == Reason::kDeadline ? why : Reason::kCancelled;
  outcome.failure = std::make_unique<Failure>(Failure{.message = "stopped", .root_cause = {}});
}

}  // namespace

StepExecutor::StepExecutor(const Clock& clock, NodePorts ports, Ledger& ledger, Odds odds,
                           std::uint64_t seed)
    : clock_(clock), ports_(std::move(ports)), ledger_(ledger), odds_(odds), random_(seed) {}

// A function of the task and its arguments alone, so that each attempt returns the same.
std::string StepExecutor::ValueOf(const Task& task, std::uint32_t index, std::uint32_t size) {
  std::uint64_t mixed = Mix(task.id.session ^ Mix(task.id.seq) ^ index);
  for (std::size_t i = 0; i < task.args.size(); ++i) {
    if (task.args[i].kind != ArgRef::kObject) continue;
    for (const std::byte byte : task.objects[i].view()) {
      mixed = Mix(mixed + static_cast<std::uint64_t>(byte));
    }
  }
  std::string value(size, '.');
  const std::uint32_t mark = MarkOf(SeededOf(task), task.function->id, task.returns);
  std::memcpy(value.data(), &mark, sizeof(mark));
  std::memcpy(value.data() + sizeof(mark), &mixed, sizeof(mark));
  return value;
}

void StepExecutor::SetOutcome(Task& task, const Program& program, bool refused) const {
  Outcome& outcome = task.outcome;
  if (program.fails || refused) {
    outcome.fate = Fate::kFailed;
    outcome.reason = refused ? Reason::kQuotaExceeded : Reason::kTaskError;
    outcome.failure =
        std::make_unique<Failure>(Failure{.message = "as the program says", .root_cause = {}});
    return;
  }
  outcome.fate = Fate::kDone;
  outcome.value = Value(AsBytes(ValueOf(task, 0, program.value_size)));
  if (task.returns < 2) return;
  outcome.further = std::make_unique<std::vector<Value>>();
  for (std::uint32_t i = 1; i < task.returns; ++i) {
    outcome.further->push_back(Value(AsBytes(ValueOf(task, i, 8))));
  }
}

void StepExecutor::RunHere(Task& task, Instant now) {
  ledger_.OnStart(task, false, now);
  SetOutcome(task, MakeProgram(SeededOf(task), 0, odds_), false);
  ledger_.OnEnd(task, RunEnd::kEnded);
}

void StepExecutor::Start(TaskPtr task, TaskId nested_in, Instant now) {
  if (!task->prefetched) return Begin(std::move(task), nested_in, now);
  ahead_.push_back({std::move(task), now});
}

// The lease of the run goes on to the first that has none.
TaskId StepExecutor::HandOn(Run& run, Instant now) {
  if (!std::exchange(run.has_lease, false) || run.lent) return {};
  return HandToFirst(now);
}

TaskId StepExecutor::HandToFirst(Instant now) {
  if (ahead_.empty()) return {};
  const TaskId first = ahead_.front().task->id;
  Grant(first, now);
  return first;
}

void StepExecutor::Grant(TaskId id, Instant now) {
  const auto found = FindAhead(id);
  if (found == ahead_.end()) return;
  TaskPtr task = std::move(found->task);
  ahead_.erase(found);
  const bool cancelled = task->record->cancelled.load();
  if (!cancelled && now <= task->deadline) {
    ++handed_on_;
    return Begin(std::move(task), {}, now);
  }
  const Reason why = cancelled ? Reason::kCancelled : Reason::kDeadline;
  const TaskId next = HandToFirst(now);
  GiveBack(std::move(task), RunEnd::kEnded, why, next);
}

std::deque<StepExecutor::Prefetched>::iterator StepExecutor::FindAhead(TaskId id) {
  return std::find_if(ahead_.begin(), ahead_.end(),
                      [id](const Prefetched& each) { return each.task->id == id; });
}

// It has not begun.
void StepExecutor::GiveBack(TaskPtr task, RunEnd end, Reason why, TaskId handed_to) {
  if (end == RunEnd::kEnded) Stopped(task->outcome, why);
  ports_.report({.task = std::move(task),
                 .end = end,
                 .detail = {},
                 .why = end == RunEnd::kTurnedAway ? why : Reason::kNone,
                 .began = false,
                 .handed_to = handed_to});
}

void StepExecutor::Tick(Instant now) {
  if (ahead_.empty() || now - ahead_.front().added <= kMostAhead) return;
  for (Prefetched& each : std::exchange(ahead_, {})) {
    GiveBack(std::move(each.task), RunEnd::kHeldUp, Reason::kNone);
  }
}

void StepExecutor::Begin(TaskPtr task, TaskId nested_in, Instant now) {
  ledger_.OnStart(*task, !nested_in.is_none(), now);
  if (!nested_in.is_none()) ++nested_;
  auto run = std::make_unique<Run>();
  run->id = task->id;
  run->session = task->root->session;
  run->connection = next_connection_++;
  run->program = MakeProgram(SeededOf(*task), task->attempt, odds_);
  run->began = now;
  run->attempt = task->attempt;
  run->has_lease = task->hands_on;
  if (run->has_lease) {
    run->program.dies_at = UINT32_MAX;  // no thread dies alone
    run->program.dies_blocked = false;
  }
  run->task = std::move(task);
  const Instant deadline = run->task->deadline;
  if (deadline != kNever) At(deadline, {run->connection, What::kDeadline});
  const What first = run->program.turned_away ? What::kTurnAway : What::kGoOn;
  At(After(now, Micros(20)), {run->connection, first});
  by_task_[run->id] = run->connection;
  runs_[run->connection] = std::move(run);
}

void StepExecutor::Interrupt(TaskId task, Reason why, Instant now) {
  if (const auto ahead = FindAhead(task); ahead != ahead_.end()) {
    TaskPtr taken = std::move(ahead->task);
    ahead_.erase(ahead);
    return GiveBack(std::move(taken), RunEnd::kEnded, why);
  }
  const auto found = by_task_.find(task);
  if (found == by_task_.end()) return;
  ledger_.OnInterrupted(task);
  Run& run = *runs_.at(found->second);
  if (run.stop != Reason::kNone) return;
  run.stop = why;
  At(After(now, Micros(300)), {run.connection, What::kStop});
}

void StepExecutor::Stop() {
  const Instant now = clock_.Now();
  for (Prefetched& each : std::exchange(ahead_, {})) {
    GiveBack(std::move(each.task), RunEnd::kTurnedAway, Reason::kDrained);
  }
  while (!runs_.empty()) EndStopped(*runs_.begin()->second, Reason::kDrained, now);
}

Instant StepExecutor::NextDue() const {
  return due_.empty() ? kNever : due_.begin()->first;
}

bool StepExecutor::RunDue(Instant now) {
  bool any = false;
  while (!due_.empty() && due_.begin()->first <= now) {
    const Event event = due_.begin()->second;
    due_.erase(due_.begin());
    if (!runs_.contains(event.run)) continue;
    Happen(event, now);
    any = true;
  }
  return any;
}

void StepExecutor::Happen(const Event& event, Instant now) {
  Run& run = *runs_.at(event.run);
  switch (event.what) {
    case What::kGoOn: return GoOn(run, now);
    case What::kPatience:
      if (run.pending.open() && run.pending.correlation == event.correlation) Block(run);
      return;
    case What::kDeadline: return EndStopped(run, Reason::kDeadline, now);
    case What::kStop: return EndStopped(run, run.stop, now);
    case What::kTurnAway: return End(run, RunEnd::kTurnedAway, now);
    case What::kDie:
      if (run.blocked && run.program.dies_blocked) End(run, RunEnd::kHostDied, now);
      return;
  }
}

void StepExecutor::GoOn(Run& run, Instant now) {
  for (;;) {
    if (run.hangs || run.pending.open()) return;
    if (run.program.dies_at == run.step) return End(run, RunEnd::kHostDied, now);
    if (run.program.hangs_at == run.step) {
      run.hangs = true;
      return;
    }
    if (run.step == run.program.steps.size()) {
      SetOutcome(*run.task, run.program, run.refused);
      return End(run, RunEnd::kEnded, now);
    }
    const Step& step = run.program.steps[run.step++];
    if (!DoStep(run, step, now)) return;
  }
}

void StepExecutor::Block(Run& run) {
  TaskId awaited;
  if (run.pending.exact && !run.pending.of.empty()) {
    awaited = run.children[run.pending.of.back()].id;
  }
  if (!run.blocked) {
    ledger_.OnBlocked(run.id);
    run.lent = true;
  }
  run.blocked = true;
  if (run.program.dies_blocked) At(After(clock_.Now(), Micros(200)), {run.connection, What::kDie});
  ports_.notice({.kind = RunNotice::Kind::kBlocked, .task = run.id, .awaited = awaited});
  if (random_() % 4 == 0) {  // it looks for another one to run in its place
    At(After(clock_.Now(), Micros(400)),
       {run.connection, What::kPatience, run.pending.correlation});
  }
}

void StepExecutor::Resume(Run& run) {
  if (!run.blocked) return;
  run.blocked = false;
  ports_.notice({.kind = RunNotice::Kind::kResumed, .task = run.id, .awaited = {}});
}

void StepExecutor::EndStopped(Run& run, Reason why, Instant now) {
  run.pending = {};
  Stopped(run.task->outcome, why);
  End(run, RunEnd::kEnded, now);
}

void StepExecutor::End(Run& run, RunEnd end, Instant now) {
  if (end == RunEnd::kEnded) Resume(run);
  ledger_.OnEnd(*run.task, end);
  ledger_.OnConnectionGone(run.connection);
  const TaskId heir = HandOn(run, now);
  const ConnectionId connection = run.connection;
  ports_.report({.task = std::move(run.task),
                 .end = end,
                 .wall = now - run.began,
                 .detail = end == RunEnd::kEnded ? "" : "as the program says",
                 .why = end == RunEnd::kTurnedAway ? Reason::kNoWorker : Reason::kNone,
                 .handed_to = heir});
  ports_.gone(connection);
  by_task_.erase(run.id);
  runs_.erase(connection);
}

void StepExecutor::Heal(Instant now) {
  odds_.dies = odds_.dies_blocked = odds_.hangs = odds_.turned_away = 0;
  for (auto& [connection, run] : runs_) {
    run->program.dies_at = run->program.hangs_at = UINT32_MAX;
    run->program.dies_blocked = false;
    if (!std::exchange(run->hangs, false)) continue;
    At(After(now, Micros(300)), {connection, What::kGoOn});
  }
}

}  // namespace spillgate::sim
