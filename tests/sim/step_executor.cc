#include "tests/sim/step_executor.h"

#include <algorithm>
#include <cstring>

#include "core/base/check.h"
#include "core/base/format.h"
#include "schema/child_spec.h"
#include "schema/messages.h"

namespace spillgate::sim {
namespace {

const Seeded kNothing;

Seeded SeededOf(const Task& task) {
  if (task.args.empty() || task.args[0].kind != ArgRef::kInline) return kNothing;
  return ReadSeeded(task.payload.subspan(task.args[0].offset, task.args[0].size))
      .value_or(kNothing);
}

// Of what a task is: who gets its value can tell whether it is that of another one.
std::uint32_t MarkOf(const Seeded& seeded, FunctionId function, std::uint8_t returns) {
  return static_cast<std::uint32_t>(Mix(seeded.seed ^ Mix(function) ^ Mix(returns << 8U)));
}

// A function of the task and its arguments alone, so that each attempt returns the same.
std::string ValueOf(const Task& task, std::uint32_t index, std::uint32_t size) {
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

}  // namespace

StepExecutor::StepExecutor(const Clock& clock, NodePorts ports, Ledger& ledger, Odds odds,
                           std::uint64_t seed)
    : clock_(clock), ports_(std::move(ports)), ledger_(ledger), odds_(odds), random_(seed) {}

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
  ledger_.OnStart(*task, !nested_in.is_none(), now);
  if (!nested_in.is_none()) ++nested_;
  auto run = std::make_unique<Run>();
  run->id = task->id;
  run->session = task->root->session;
  run->connection = next_connection_++;
  run->program = MakeProgram(SeededOf(*task), task->attempt, odds_);
  run->began = now;
  run->attempt = task->attempt;
  run->task = std::move(task);
  const Instant deadline = run->task->deadline;
  if (deadline != kNever) At(deadline, {run->connection, What::kDeadline});
  const What first = run->program.turned_away ? What::kTurnAway : What::kGoOn;
  At(After(now, Micros(20)), {run->connection, first});
  by_task_[run->id] = run->connection;
  runs_[run->connection] = std::move(run);
}

void StepExecutor::Interrupt(TaskId task, Reason why, Instant now) {
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

bool StepExecutor::DoStep(Run& run, const Step& step, Instant now) {
  switch (step.kind) {
    case Step::Kind::kWork: At(After(now, step.time), {run.connection, What::kGoOn}); return false;
    case Step::Kind::kSpawn: Spawn(run, step); break;
    default: Ask(run, step, now); break;
  }
  if (!run.pending.open()) return true;
  At(After(now, Micros(50)), {run.connection, What::kPatience, run.pending.correlation});
  return false;
}

void StepExecutor::Spawn(Run& run, const Step& step) {
  Sending sending{.connection = run.connection,
                  .correlation = run.next_correlation++,
                  .first_seq = 1,
                  .parent = run.id,
                  .run = run.attempt};
  const bool mixed = std::any_of(step.children.begin(), step.children.end(), [&](const auto& each) {
    return each.name != step.children.front().name;
  });
  wire::SubmitPreamble preamble{.function = step.children.front().name + 1, .first_seq = 1};
  if (mixed) {
    preamble.flags = wire::kMixed;
    preamble.function = 0;
  }
  const wire::ChildPreamble child{
      .parent = run.id, .stream = 0, .attempt = run.attempt, .first_index = run.children.size()};
  writer_.Begin(preamble, &child);
  for (const ChildPlan& plan : step.children) AddChild(run, plan, mixed, sending);
  wire::OutBuffer frame;
  writer_.Finish(sending.correlation, 0, frame);
  run.pending = {.correlation = sending.correlation, .verdicts = sending.ids.size()};
  ledger_.OnSent(std::move(sending));
  Send(run, frame);
}

void StepExecutor::AddChild(Run& run, const ChildPlan& plan, bool mixed, Sending& sending) {
  writer_.BeginTask(mixed ? plan.name + 1 : 0, 0, plan.returns);
  writer_.AddInline(BytesOf(plan.seeded));
  std::vector<ObjectId> args;
  for (const std::uint32_t use : plan.uses) {
    args.push_back({run.children[use].id, 0});
    writer_.AddObject(args.back());
  }
  const std::uint64_t digest =
      wire::DigestOf(NameOf(plan.name), {}, writer_.view(), writer_.payload(), writer_.count() - 1);
  const TaskId id = ChildId(run.id, 0, run.children.size(), digest);
  sending.ids.push_back(id);
  sending.args.push_back(std::move(args));
  run.children.push_back({id, MarkOf(plan.seeded, plan.name + 1, plan.returns)});
}

void StepExecutor::Ask(Run& run, const Step& step, Instant now) {
  std::vector<std::uint32_t> of;
  std::vector<wire::ObjectName> names;
  Asking asking{.connection = run.connection, .correlation = run.next_correlation};
  for (const std::uint32_t child : step.of) {
    if (child >= run.children.size() || !run.children[child].accepted) continue;
    of.push_back(child);
    names.push_back({.task = run.children[child].id});
    asking.ids.push_back({run.children[child].id, 0});
  }
  if (of.empty()) return;
  const std::uint32_t correlation = run.next_correlation++;
  const bool for_ever = step.timeout == Nanos::max();
  const std::uint64_t timeout_us =
      for_ever ? wire::kMostTime : static_cast<std::uint64_t>(step.timeout.count() / 1000);
  wire::OutBuffer frame;
  std::vector<TaskId> ids;
  for (const wire::ObjectName& name : names) ids.push_back(name.task);
  switch (step.kind) {
    case Step::Kind::kGet:
      wire::Encode(wire::Get{.ids = names, .timeout_us = timeout_us}, correlation, frame);
      run.pending = {.correlation = correlation, .of = of, .exact = for_ever};
      asking.type = wire::FrameType::kGet;
      break;
    case Step::Kind::kWait: {
      const auto needed = std::min(step.needed, static_cast<std::uint32_t>(of.size()));
      wire::Encode(wire::Wait{.ids = names, .needed = needed, .timeout_us = timeout_us},
                   correlation, frame);
      run.pending = {.correlation = correlation, .waits = true};
      asking.type = wire::FrameType::kWait;
      asking.needed = needed;
      break;
    }
    case Step::Kind::kCancel:
      wire::Encode(wire::Cancel{.ids = ids}, correlation, frame);
      asking.type = wire::FrameType::kCancel;
      break;
    default: {
      const wire::Range range{.first = ids.front(), .count = 1};
      wire::Encode(wire::Release{.ranges = {&range, 1}}, correlation, frame);
      ledger_.OnReleased(ids.front());
      return Send(run, frame);
    }
  }
  asking.timeout = for_ever ? Nanos::max() : step.timeout;
  ledger_.OnAsked(std::move(asking), now);
  Send(run, frame);
}

void StepExecutor::Send(const Run& run, const wire::OutBuffer& frame) {
  ports_.ask(run.connection, run.session, Buffer::CopyOf(frame.view()));
}

void StepExecutor::Deliver(ConnectionId to, const wire::FrameView& frame, Instant now) {
  const auto found = runs_.find(to);
  if (found == runs_.end()) return;
  Run& run = *found->second;
  if (!run.pending.open()) return;
  if (frame.header.type == wire::FrameType::kVerdicts) {
    for (const wire::Verdict& verdict :
         wire::ReadVerdicts(frame).value_or(std::span<const wire::Verdict>())) {
      OnVerdict(run, verdict);
    }
  } else if (frame.header.type == wire::FrameType::kResults) {
    for (const wire::ResultHead& head :
         wire::ReadResults(frame).value_or(std::span<const wire::ResultHead>())) {
      if (head.correlation == run.pending.correlation) {
        OnResult(run, head, wire::BytesOf(frame, head));
      }
    }
  } else if (frame.header.correlation == run.pending.correlation) {
    run.pending = {};  // a WaitDone, or an Error
  }
  if (run.pending.open()) return;
  run.pending = {};
  Resume(run);
  At(After(now, Micros(10)), {run.connection, What::kGoOn});
}

void StepExecutor::OnVerdict(Run& run, const wire::Verdict& verdict) {
  if (verdict.correlation != run.pending.correlation) return;
  const bool accepted = verdict.status != wire::VerdictStatus::kRejected;
  const std::size_t first = run.children.size();
  // The frame's children are the last ones of the run; its numbers count from 1.
  const Step& step = run.program.steps[run.step - 1];
  const std::size_t begin = first - step.children.size();
  for (std::uint64_t seq = verdict.first_seq; seq < verdict.first_seq + verdict.count; ++seq) {
    run.children[begin + seq - 1].accepted = accepted;
    --run.pending.verdicts;
  }
  run.refused |= !accepted;
}

void StepExecutor::OnResult(Run& run, const wire::ResultHead& head, ByteView bytes) {
  std::erase_if(run.pending.of, [&](std::uint32_t child) {
    const Child& its = run.children[child];
    if (its.id != head.task) return false;
    const bool own = bytes.size() >= sizeof(its.mark) &&
                     std::memcmp(bytes.data(), &its.mark, sizeof(its.mark)) == 0;
    if (head.fate == Fate::kDone && !own) {
      ledger_.Breach(Format("{} got the value of other work for its child {}", ToString(run.id),
                            ToString(its.id)));
    }
    return true;
  });
}

void StepExecutor::Block(Run& run) {
  TaskId awaited;
  if (run.pending.exact && !run.pending.of.empty()) {
    awaited = run.children[run.pending.of.back()].id;
  }
  if (!run.blocked) ledger_.OnBlocked(run.id);
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
  Outcome& outcome = run.task->outcome;
  outcome.fate = why == Reason::kDeadline ? Fate::kExpired : Fate::kCancelled;
  outcome.reason = why == Reason::kDeadline ? why : Reason::kCancelled;
  outcome.failure = std::make_unique<Failure>(Failure{.message = "stopped", .root_cause = {}});
  End(run, RunEnd::kEnded, now);
}

void StepExecutor::End(Run& run, RunEnd end, Instant now) {
  if (end == RunEnd::kEnded) Resume(run);
  ledger_.OnEnd(*run.task, end);
  ledger_.OnConnectionGone(run.connection);
  const ConnectionId connection = run.connection;
  ports_.report({.task = std::move(run.task),
                 .end = end,
                 .wall = now - run.began,
                 .detail = end == RunEnd::kEnded ? "" : "as the program says",
                 .why = end == RunEnd::kTurnedAway ? Reason::kNoWorker : Reason::kNone});
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
