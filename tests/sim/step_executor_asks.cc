// StepExecutor: what a run asks of its node, and the answers.
#include <algorithm>
#include <cstring>

#include "core/base/format.h"
#include "schema/child_spec.h"
#include "schema/messages.h"
#include "tests/sim/step_executor.h"

namespace spillgate::sim {

// Of what a task is: who gets its value can tell whether it is that of another one.
std::uint32_t StepExecutor::MarkOf(const Seeded& seeded, FunctionId function,
                                   std::uint8_t returns) {
  return static_cast<std::uint32_t>(Mix(seeded.seed ^ Mix(function) ^ Mix(returns << 8U)));
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

}  // namespace spillgate::sim
