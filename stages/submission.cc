// Submission, first half: the verdict and the decoding, without the table.
#include "stages/submission.h"

#include <algorithm>

#include "stages/ending.h"

namespace spillgate {
namespace {

constexpr std::uint32_t kTaskOverhead = 512;  // bytes that an accepted task costs beside its frame
constexpr Nanos kLeastRetry = std::chrono::milliseconds(1);
constexpr Nanos kDrainRetry = std::chrono::seconds(1);

}  // namespace

TaskId Submission::Group::IdOf(std::uint32_t i) const {
  if (!children()) return {from.session, ask.first_seq + i};
  return ChildId(view.child.parent, view.child.stream, view.child.first_index + i);
}

void Submission::Group::AddVerdict(wire::VerdictStatus status, Reason reason, std::uint32_t count) {
  if (count == 0) return;
  if (!verdicts.empty() && verdicts.back().status == status && verdicts.back().reason == reason) {
    verdicts.back().count += count;
    return;
  }
  const std::uint64_t dealt_with =
      verdicts.empty() ? 0 : verdicts.back().first_seq + verdicts.back().count - ask.first_seq;
  verdicts.push_back(
      {.first_seq = ask.first_seq + std::max<std::uint64_t>(dealt_with, next),
       .count = count,
       .correlation = frame.header.correlation,
       .retry_after_us = static_cast<std::uint32_t>(
           std::chrono::duration_cast<std::chrono::microseconds>(retry_after).count()),
       .reason = reason,
       .status = status,
       .level = ask.level});
}

Submission::Submission(Shared& shared, flow::InboxBase& self, Out out)
    : shared_(shared), self_(self), out_(std::move(out)), answers_(shared.replies) {}

void Submission::Handle(std::span<In> batch, Instant now) {
  if (!kept_.empty()) {
    std::vector<Accepted> again = std::exchange(kept_, {});
    out_.accepted(again, now);
  }
  for (In& event : batch) {
    if (auto* received = std::get_if<Received>(&event)) {
      out_.done.Note(MetaOf(*received), now);
      OnReceived(std::move(*received), now);
    } else if (const auto* durable = std::get_if<Durable>(&event)) {
      OnDurable(*durable);
    } else if (const auto* ended = std::get_if<SessionEnded>(&event)) {
      sessions_.erase(ended->session);
    } else {
      RetryWaiting(now);
    }
  }
  AcceptAll(now);
}

void Submission::OnReceived(Received&& received, Instant now) {
  const wire::FrameView frame = wire::View(received.frame.view());
  if (frame.header.type == wire::FrameType::kSubmit) {
    OnSubmit(std::move(received), frame, now);
  } else {
    asked_.push_back({received.connection, received.session, std::move(received.frame)});
  }
}

void Submission::OnSubmit(Received&& received, const wire::FrameView& frame, Instant now) {
  const std::optional<wire::SubmitPreamble> preamble = wire::ReadPreamble(frame);
  if (!preamble.has_value()) {
    answers_.Error(received.connection, frame.header.correlation, Reason::kMalformed,
                   "submit: the fixed part of the frame is cut short or contradicts itself");
    return;
  }
  Group& group = groups_.emplace_back();
  group.ask = *preamble;
  group.frame = frame;
  group.from = std::move(received);
  Admit(group, now);
}

// Judges the group, takes places for what load allows, and decodes that much.
void Submission::Admit(Group& group, Instant now) {
  group.refusal = Judge(group, now);
  if (group.refusal != Reason::kNone) return;
  if (group.ask.attempt > 0 && KnowsAll(group)) {
    group.admitted = group.left();  // repeats need no places; recording tells them apart
    group.bytes_each = 0;
    Decode(group);
    return;
  }
  TakePlaces(group, now);
  if (group.admitted > 0 || group.children()) Decode(group);
}

// Everything that the fixed part can tell, but for load.
Reason Submission::Judge(Group& group, Instant now) const {
  const wire::SubmitPreamble& ask = group.ask;
  if (!group.children() && shared_.draining.load(std::memory_order_relaxed)) {
    group.retry_after = kDrainRetry;
    return Reason::kDraining;
  }
  if (ask.remaining_us != 0) {
    const Nanos remaining = std::chrono::microseconds(ask.remaining_us) - group.from.transit;
    if (remaining <= Nanos(0)) return Reason::kExpired;
    group.deadline = After(now, remaining);
  }
  if ((ask.flags & wire::kMixed) == 0) {
    group.function = shared_.functions.At(ask.function);
    if (group.function == nullptr) return Reason::kUnknownFunction;
    const Shape* shape = ask.shape == 0 ? nullptr : shared_.shapes.At(ask.shape);
    if (ask.shape != 0 && shape == nullptr) return Reason::kUnknownShape;
    group.shape = shape == nullptr ? &group.function->shape : &shape->resources;
  }
  if (ask.level != Level::kNone && !shared_.journal.State().accepting) return Reason::kJournal;
  return Reason::kNone;
}

bool Submission::KnowsAll(const Group& group) {
  if (group.children()) return false;
  const SeenWindow& seen = StateOf(group.from.session);
  for (std::uint32_t i = 0; i < group.ask.count; ++i) {
    if (seen.Look(group.ask.first_seq + i) == SeenWindow::Answer::kNew) return false;
  }
  return true;
}

// Places in the in-flight bound for as many of the group as load allows. Children are never refused
// for load.
void Submission::TakePlaces(Group& group, Instant now) {
  const wire::SubmitPreamble& ask = group.ask;
  flow::Credits& places = shared_.in_flight;
  group.bytes_each =
      kTaskOverhead + static_cast<std::uint32_t>(group.from.frame.size()) / ask.count;
  std::uint32_t wanted = group.left();
  if (!group.children()) {
    const flow::Ask question{.cls = static_cast<std::uint8_t>(ask.cls),
                             .retry = ask.retry,
                             .function = ask.function,
                             .count = wanted,
                             .bytes = group.bytes_each * wanted,
                             .remaining = std::chrono::microseconds(ask.remaining_us),
                             .cost_hint = Nanos(ask.cost_hint_ns)};
    const flow::Load load{.held = places.count(),
                          .bytes = places.bytes(),
                          .capacity = places.count_limit(),
                          .capacity_bytes = places.bytes_limit()};
    wanted = self_.controller().Admit(question, load, now);
  }
  while (wanted > 0 && !places.Reserve(wanted, std::int64_t{wanted} * group.bytes_each)) {
    const bool count_is_short = places.room() < wanted;
    wanted = count_is_short ? static_cast<std::uint32_t>(places.room()) : wanted / 2;
  }
  group.admitted = wanted;
  if (wanted == group.left()) return;
  flow::ControllerState state;
  self_.controller().Snapshot(state);
  group.retry_after = std::max(kLeastRetry, state.retry_after);
  group.refusal = places.bytes() + group.bytes_each > places.bytes_limit() ? Reason::kInFlightBytes
                                                                           : Reason::kInFlight;
}

// Only the first `keep` of those admitted stay so; the places of the others are free again.
void Submission::GivePlacesBack(Group& group, std::uint32_t keep, Reason reason) {
  const std::int64_t count = std::int64_t{group.admitted} - keep;
  flow::Credits& places = group.from_reserve ? shared_.spawn_reserve : shared_.in_flight;
  if (count > 0 && group.bytes_each > 0) places.Release(count, count * group.bytes_each);
  if (group.tasks.size() > keep) group.tasks.resize(keep);
  group.admitted = keep;
  group.refusal = reason;
}

// Verifies the frame and builds the admitted tasks. What is malformed is refused whole.
void Submission::Decode(Group& group) {
  const Limits& bounds = shared_.limits;
  const wire::SubmitLimits limits{
      .deps_per_task = bounds.deps_per_task.load(std::memory_order_relaxed),
      .inline_value = bounds.inline_value.load(std::memory_order_relaxed)};
  if (!group.decoded) {
    const wire::SubmitError error = wire::DecodeSubmit(group.frame, limits, group.view);
    if (error.reason != Reason::kNone) {
      answers_.Error(group.from.connection, group.frame.header.correlation, error.reason,
                     error.message);
      GivePlacesBack(group, 0, error.reason);
      return;
    }
    group.decoded = true;
  }
  group.tasks.reserve(group.admitted);
  for (std::uint32_t i = 0; i < group.admitted; ++i) {
    Reason reason = Reason::kNone;
    TaskPtr task = MakeTask(group, group.next + i, reason);
    if (reason != Reason::kNone) {
      GivePlacesBack(group, 0, reason);
      return;
    }
    group.tasks.push_back(std::move(task));
  }
}

TaskPtr Submission::MakeTask(const Group& group, std::uint32_t i, Reason& reason) const {
  const wire::TaskHead& head = group.view.heads[i];
  TaskPtr task(shared_.tasks.Make());
  task->home = &shared_.tasks;
  task->id = group.IdOf(i);
  task->function = group.function;
  task->shape = group.shape;
  if ((group.ask.flags & wire::kMixed) != 0) {
    task->function = shared_.functions.At(head.function);
    const Shape* shape = head.shape == 0 ? nullptr : shared_.shapes.At(head.shape);
    if (task->function == nullptr) reason = Reason::kUnknownFunction;
    if (head.shape != 0 && shape == nullptr) reason = Reason::kUnknownShape;
    if (reason != Reason::kNone) return task;
    task->shape = shape == nullptr ? &task->function->shape : &shape->resources;
  }
  if (head.arg_count > 0) {
    task->frame = group.from.frame;
    task->args = group.view.args.subspan(head.first_arg, head.arg_count);
    task->payload = group.frame.payload;
  }
  task->bytes = group.bytes_each;
  task->deadline = group.deadline;
  task->cls = group.ask.cls;
  task->level = group.ask.level;
  task->returns = std::max<std::uint8_t>(1, head.returns);
  task->max_retries = task->function->max_retries;
  task->from_reserve = group.from_reserve;
  return task;
}

void Submission::OnDurable(const Durable& durable) {
  while (!unsynced_.empty()) {
    const Unsynced& first = unsynced_.front();
    const Lsn reached = first.verdict.level == Level::kSync ? durable.synced : durable.written;
    if (first.lsn > reached) return;
    answers_.Verdict(first.to, first.verdict);
    unsynced_.pop_front();
  }
}

}  // namespace spillgate
