#include "server/exec/task_client.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include "core/base/format.h"
#include "schema/child_spec.h"
#include "schema/messages.h"

namespace spillgate {
namespace {

// The node ends a get in time; if its answer does not come, the task goes on by itself after so
// long.
constexpr Nanos kAnswerGrace = std::chrono::milliseconds(250);

// Children of one frame are answered together, so a frame is not larger than one that keeps the
// node busy for long.
constexpr std::size_t kMostPayload = 1 << 20;
// As much longer than for a result.
constexpr int kForRoom = 10;

std::uint64_t TimeoutMicros(std::int64_t timeout_ns) {
  if (timeout_ns < 0) return wire::kMostTime;
  return static_cast<std::uint64_t>(timeout_ns) / 1000 + (timeout_ns % 1000 != 0 ? 1 : 0);
}

Instant UntilOf(Instant now, std::int64_t timeout_ns) {
  return timeout_ns < 0 ? kNever : After(After(now, Nanos(timeout_ns)), kAnswerGrace);
}

wire::ObjectName NameOf(const sg_future& future) {
  return {.task = {future.session, future.seq}, .index = future.index, .reserved = 0};
}

std::tuple<std::uint64_t, std::uint64_t, std::uint32_t> KeyOf(const sg_future& future) {
  return {future.session, future.seq, future.index};
}

ByteView BytesOf(sg_bytes bytes) {
  return {static_cast<const std::byte*>(bytes.data), bytes.data == nullptr ? 0 : bytes.size};
}

// The children from `next` on that fit into one frame; `args` is moved behind their arguments.
std::uint32_t FillFrame(const sg_submission& group, std::uint32_t next, const sg_arg*& args,
                        wire::SubmitWriter& writer) {
  constexpr std::uint32_t kMostTasks = wire::SubmitLimits().batch;
  std::uint32_t count = 0;
  for (; next + count < group.count && count < kMostTasks; ++count) {
    const std::uint32_t arg_count = group.arg_counts[next + count];
    std::size_t bytes = 0;
    for (std::uint32_t i = 0; i < arg_count; ++i) bytes += BytesOf(args[i].bytes).size();
    const std::size_t most = count == 0 ? wire::kMostPayload : kMostPayload;
    if (!writer.Fits(arg_count, bytes, most)) break;
    writer.BeginTask(0, 0, static_cast<std::uint8_t>(std::max(1U, group.returns)));
    for (std::uint32_t i = 0; i < arg_count; ++i, ++args) {
      if (args->is_future != 0) {
        writer.AddObject({{args->future.session, args->future.seq}, args->future.index});
      } else {
        writer.AddInline(BytesOf(args->bytes));
      }
    }
  }
  return count;
}

std::string_view WhyStopped(Reason why) {
  return why == Reason::kDeadline ? "the deadline of this task has passed"
                                  : "this task was asked to stop";
}

}  // namespace

Answer TaskClient::Submit(RunState& run, const sg_submission& group, std::span<sg_future> out,
                          std::uint32_t& accepted) {
  accepted = 0;
  constexpr std::uint32_t kMostReturns = std::numeric_limits<std::uint8_t>::max();
  if (group.returns > kMostReturns) {
    return {Reason::kTooLarge, Format("{} returns, the most is {}", group.returns, kMostReturns)};
  }
  const std::string_view name(static_cast<const char*>(group.function.data), group.function.size);
  const FunctionId function = FindFunction(run, name);
  if (function == 0) {
    const Reason stop = run.Stopping(clock_.Now());
    if (stop != Reason::kNone) return {stop, std::string(WhyStopped(stop))};
    constexpr std::size_t kShown = 64;
    return {Reason::kUnknownFunction, Format("this node has no function \"{}\"; its library has to "
                                             "be in the config",
                                             name.substr(0, kShown))};
  }
  const sg_arg* args = group.args;
  for (std::uint32_t next = 0; next < group.count;) {
    Answer answer = SubmitSome(run, group, function, next, args, accepted, out);
    if (answer.reason != Reason::kNone) return answer;
  }
  return {};
}

// One frame of the group: the children from `next` on that fit into it.
Answer TaskClient::SubmitSome(RunState& run, const sg_submission& group, FunctionId function,
                              std::uint32_t& next, const sg_arg*& args, std::uint32_t& accepted,
                              std::span<sg_future> out) {
  const Instant now = clock_.Now();
  const Reason stop = run.Stopping(now);
  if (stop != Reason::kNone) return {stop, std::string(WhyStopped(stop))};
  wire::SubmitPreamble preamble{.function = function, .cost_hint_ns = group.cost_hint_ns};
  Nanos remaining = run.deadline == kNever ? Nanos::max() : run.deadline - now;
  if (group.deadline_ns > 0) remaining = std::min(remaining, Nanos(group.deadline_ns));
  if (remaining != Nanos::max()) preamble.remaining_us = TimeoutMicros(remaining.count());
  wire::ChildPreamble child{.parent = run.task, .stream = group.stream, .attempt = run.attempt};
  // The indexes of a group follow each other although it may take several frames.
  const std::uint32_t left = group.count - next;
  child.first_index = run.TakeIndexes(group.stream, 0);
  writer_.Begin(preamble, &child);
  const std::uint32_t count = FillFrame(group, next, args, writer_);
  if (count == 0) {
    return {Reason::kTooLarge, Format("the arguments of one child do not fit into a frame ({} "
                                      "arguments); put them first and pass the objects",
                                      group.arg_counts[next])};
  }
  (void)run.TakeIndexes(group.stream, std::min(left, count));
  const std::string_view name(static_cast<const char*>(group.function.data), group.function.size);
  for (std::uint32_t i = 0; i < count; ++i) {
    const std::uint64_t digest = wire::DigestOf(name, {}, writer_.view(), writer_.payload(), i);
    const TaskId id = ChildId(run.task, group.stream, child.first_index + i, digest);
    out[next + i] = {.session = id.session, .seq = id.seq, .index = 0, .reserved = 0};
  }
  run.spawned = true;
  Pending pending{.kind = Kind::kVerdicts, .task = run.task};
  pending.first = NextCorrelation();
  pending.open = count;
  SendWriter(run, pending);
  AwaitAnswer(run, pending, kNever);
  accepted += pending.accepted;
  next += count;
  return std::move(pending.failure);
}

void TaskClient::SendWriter(RunState& run, Pending& pending) {
  out_.Clear();
  writer_.Finish(pending.first, 0, out_);
  link_.Send(run, Buffer::CopyOf(out_.view()));
}

Answer TaskClient::Get(RunState& run, std::span<const sg_future> futures, std::int64_t timeout_ns,
                       std::vector<GetResult>& results) {
  results.assign(futures.size(), {});
  if (futures.empty()) return {};
  Answer ancestor = CheckAncestors(run, futures);
  if (ancestor.reason != Reason::kNone) {
    for (GetResult& result : results) {
      result.reason = ancestor.reason;
      result.bytes = Value(AsBytes(ancestor.message));
    }
    return ancestor;
  }
  Pending pending{.kind = Kind::kResults, .task = run.task};
  pending.exact = timeout_ns < 0;
  pending.futures = futures;
  pending.results = results;
  pending.open = static_cast<std::uint32_t>(futures.size());
  if (futures.size() > 1) {
    pending.order.resize(futures.size());
    for (std::uint32_t i = 0; i < futures.size(); ++i) pending.order[i] = i;
    std::sort(pending.order.begin(), pending.order.end(), [&](std::uint32_t a, std::uint32_t b) {
      return KeyOf(futures[a]) < KeyOf(futures[b]);
    });
  }
  SendGets(run, pending, TimeoutMicros(timeout_ns));
  AwaitAnswer(run, pending, UntilOf(clock_.Now(), timeout_ns));
  Answer answer = std::move(pending.failure);
  bool failed = false;
  for (GetResult& result : results) {
    failed |= result.settled && result.reason != Reason::kNone;
    if (!result.answered) {
      result.reason = answer.reason;
      result.bytes = Value(AsBytes(answer.message));
    } else if (!result.settled && answer.reason == Reason::kNone) {
      answer = {result.reason, std::string(AsText(result.bytes.view()))};
    }
  }
  // A cancel that goes down to the children may be seen here first: that is no failure of this
  // task.
  const Reason stop = failed ? run.Stopping(clock_.Now()) : Reason::kNone;
  if (stop != Reason::kNone) answer = {stop, std::string(WhyStopped(stop))};
  return answer;
}

std::string WhyOwnAncestor(TaskId task, TaskId ancestor) {
  return Format(
      "{} cannot wait for {}, which it is a part of and which cannot end before it; pass on what "
      "is known, or return a future",
      ToString(task), ToString(ancestor));
}

// A task that waits for itself, or for one that may be waiting for it.
Answer TaskClient::CheckAncestors(const RunState& run, std::span<const sg_future> futures) {
  const std::vector<TaskId> above = above_ ? above_(run) : std::vector<TaskId>();
  for (const sg_future& future : futures) {
    const TaskId id{future.session, future.seq};
    if (id != run.task && std::find(above.begin(), above.end(), id) == above.end()) continue;
    return {Reason::kOwnAncestor, WhyOwnAncestor(run.task, id)};
  }
  return {};
}

void TaskClient::SendGets(RunState& run, Pending& pending, std::uint64_t timeout_us) {
  const std::size_t frames = (pending.futures.size() + wire::kMostObjects - 1) / wire::kMostObjects;
  pending.frames = static_cast<std::uint32_t>(frames);
  pending.first = NextCorrelation(pending.frames);
  std::vector<wire::ObjectName> names;
  for (std::uint32_t i = 0; i < pending.frames; ++i) {
    const auto rest = pending.futures.subspan(i * wire::kMostObjects);
    names.clear();
    for (const sg_future& future : rest.first(std::min(rest.size(), wire::kMostObjects))) {
      names.push_back(NameOf(future));
    }
    out_.Clear();
    wire::Encode(wire::Get{.ids = names, .timeout_us = timeout_us}, pending.first + i, out_);
    link_.Send(run, Buffer::CopyOf(out_.view()));
  }
}

Answer TaskClient::Wait(RunState& run, std::span<const sg_future> futures, std::uint32_t needed,
                        std::int64_t timeout_ns, std::span<std::uint8_t> ready) {
  std::fill(ready.begin(), ready.end(), 0);
  if (futures.size() > wire::kMostObjects) {
    return {Reason::kTooLarge, Format("a wait for {} futures, the most is {}; wait for them in "
                                      "parts",
                                      futures.size(), wire::kMostObjects)};
  }
  if (needed == 0 || needed > futures.size()) {
    return {Reason::kBadRequest,
            Format("a wait for {} of {} futures never ends", needed, futures.size())};
  }
  Answer ancestor = CheckAncestors(run, futures);
  if (ancestor.reason != Reason::kNone) return ancestor;
  Pending pending{.kind = Kind::kReady, .task = run.task};
  pending.exact = timeout_ns < 0 && needed == futures.size();
  pending.futures = futures;
  pending.ready = ready;
  pending.open = 1;
  pending.first = NextCorrelation();
  std::vector<wire::ObjectName> names;
  for (const sg_future& future : futures) names.push_back(NameOf(future));
  out_.Clear();
  wire::Encode(wire::Wait{.ids = names, .needed = needed, .timeout_us = TimeoutMicros(timeout_ns)},
               pending.first, out_);
  link_.Send(run, Buffer::CopyOf(out_.view()));
  AwaitAnswer(run, pending, UntilOf(clock_.Now(), timeout_ns));
  return std::move(pending.failure);
}

Answer TaskClient::Cancel(RunState& run, std::span<const sg_future> futures) {
  std::vector<TaskId> ids;
  while (!futures.empty()) {
    const auto some = futures.first(std::min(futures.size(), wire::kMostObjects));
    futures = futures.subspan(some.size());
    ids.clear();
    for (const sg_future& future : some) ids.push_back({future.session, future.seq});
    out_.Clear();
    wire::Encode(wire::Cancel{.ids = ids}, NextCorrelation(), out_);
    link_.Send(run, Buffer::CopyOf(out_.view()));
  }
  return {};
}

Answer TaskClient::Release(RunState& run, std::span<const sg_future> futures) {
  std::vector<wire::Range> ranges;
  while (!futures.empty()) {
    const auto some = futures.first(std::min(futures.size(), wire::kMostObjects));
    futures = futures.subspan(some.size());
    ranges.clear();
    for (const sg_future& future : some) {
      ranges.push_back({.first = {future.session, future.seq}, .count = 1});
    }
    out_.Clear();
    wire::Encode(wire::Release{.ranges = ranges}, NextCorrelation(), out_);
    link_.Send(run, Buffer::CopyOf(out_.view()));
  }
  return {};
}

Answer TaskClient::Pause(RunState& run, std::int64_t ns) {
  Instant now = clock_.Now();
  const Instant until = After(now, Nanos(std::max<std::int64_t>(0, ns)));
  for (;; now = clock_.Now()) {
    const Reason stop = run.Stopping(now);
    if (stop != Reason::kNone) return {stop, std::string(WhyStopped(stop))};
    if (now >= until) return {};
    (void)link_.Pump(std::min(until, run.deadline));
  }
}

void TaskClient::AwaitAnswer(RunState& run, Pending& pending, Instant until) {
  pending_.push_back(&pending);
  const bool for_room = pending.kind == Kind::kVerdicts;
  Instant now = clock_.Now();
  const Instant patient = After(now, for_room ? PatienceForRoom(run) : patience_);
  bool blocked = false;
  while (!pending.done()) {
    const Reason stop = run.Stopping(now);
    if (stop != Reason::kNone) {
      pending.failure = {stop, std::string(WhyStopped(stop))};
      break;
    }
    if (now >= until) {
      pending.failure = {Reason::kTimeout, "not all have ended in time"};
      break;
    }
    if (!blocked && now >= patient) {
      link_.Block(run, NextOffer(pending), for_room);
      blocked = true;
    }
    const Instant next = std::min({until, run.deadline, blocked ? kNever : patient});
    const Pumped pumped = link_.Pump(next);
    if (pumped == Pumped::kRanNested && !pending.done()) {
      const TaskId offer = NextOffer(pending);
      if (!offer.is_none()) link_.Block(run, offer, for_room);
    }
    now = clock_.Now();
  }
  std::erase(pending_, &pending);
  if (for_room) run.waits_for_room = blocked;
  if (blocked) link_.Resume(run);
}

// That its children are let in takes a moment, in which a slot that is given away would go to
// another root, and their root would stand behind that; unless it has had to wait for room.
Nanos TaskClient::PatienceForRoom(const RunState& run) const {
  return run.waits_for_room ? patience_ : kForRoom * patience_;
}

// The youngest that has not ended and was not named yet: the scheduler takes the older ones first.
TaskId TaskClient::NextOffer(Pending& pending) const {
  if (!pending.exact) return {};
  while (pending.offered < pending.futures.size()) {
    const std::size_t i = pending.futures.size() - ++pending.offered;
    if (pending.kind == Kind::kResults && pending.results[i].answered) continue;
    return {pending.futures[i].session, pending.futures[i].seq};
  }
  return {};
}

FunctionId TaskClient::FindFunction(RunState& run, std::string_view name) {
  const auto known = functions_.find(name);
  if (known != functions_.end()) return known->second;
  const FunctionId found = link_.FindFunction(run, name);
  if (found != 0) functions_.emplace(name, found);
  return found;
}

// 0 means "no correlation" on the wire, so a range that would touch it starts behind it.
std::uint32_t TaskClient::NextCorrelation(std::uint32_t count) {
  if (next_correlation_ > std::numeric_limits<std::uint32_t>::max() - count) next_correlation_ = 1;
  return std::exchange(next_correlation_, next_correlation_ + count);
}

void TaskClient::FailWait(TaskId task, const Answer& why) {
  for (Pending* pending : pending_) {
    if (pending->task == task && !pending->done()) pending->failure = why;
  }
}

}  // namespace spillgate
