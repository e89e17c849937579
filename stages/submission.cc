// Submission, first half: the verdict and the decoding, without the table.
#include "stages/submission.h"

#include <algorithm>

#include "stages/ending.h"

namespace spillgate {
namespace {

constexpr std::size_t kMostUnsynced = 1 << 20;
constexpr Nanos kDrainRetry = std::chrono::seconds(1);

}  // namespace

void Submission::Group::AddVerdict(wire::VerdictStatus status, Reason reason, std::uint32_t count) {
  if (count == 0) return;
  if (!verdicts.empty() && verdicts.back().status == status && verdicts.back().reason == reason) {
    verdicts.back().count += count;
    return;
  }
  const std::uint64_t dealt_with =
      verdicts.empty() ? 0 : verdicts.back().first_seq + verdicts.back().count - ask.first_seq;
  const Nanos later = Passes(reason) ? std::max(kLeastRetry, retry_after) : Nanos(0);
  verdicts.push_back({.first_seq = ask.first_seq + std::max<std::uint64_t>(dealt_with, next),
                      .count = count,
                      .correlation = parts.header.correlation,
                      .retry_after_us = static_cast<std::uint32_t>(
                          std::chrono::duration_cast<std::chrono::microseconds>(later).count()),
                      .reason = reason,
                      .status = status,
                      .level = ask.level});
}

Submission::Submission(Shared& shared, flow::AnyInbox& self, SubmissionTally& tally, Out out)
    : shared_(shared),
      self_(self),
      tally_(tally),
      out_(std::move(out)),
      answers_(shared.replies),
      work_(shared.account),
      needs_(Resources(), shared.account.total()),
      journal_(*shared.journal, Purpose::kNewWork) {}

void Submission::Handle(std::span<In> batch, Instant now) {
  for (In& event : batch) {
    if (auto* received = std::get_if<Received>(&event)) {
      OnReceived(std::move(*received), now);
    } else if (const auto* gone = std::get_if<ConnectionGone>(&event)) {
      asking_.push_back(*gone);
    } else if (const auto* durable = std::get_if<Durable>(&event)) {
      OnDurable(*durable);
    } else {
      RetryWaiting(now);
    }
  }
  AcceptAll(now);
}

void Submission::OnReceived(Received&& received, Instant now) {
  const wire::FrameView frame = wire::View(received.frame.view());
  const wire::FrameType type = frame.header.type;
  if (type != wire::FrameType::kSubmit && type != wire::FrameType::kPut &&
      type != wire::FrameType::kOpenRoot && type != wire::FrameType::kCloseRoot) {
    asking_.push_back(std::move(received));
    return;
  }
  out_.done.Note(MetaOf(received), now);
  if (type == wire::FrameType::kSubmit) return OnSubmit(std::move(received), frame, now);
  AcceptGroups(now);  // what came before it comes before it
  if (type == wire::FrameType::kPut) {
    OnPut(received, frame, now);
  } else if (type == wire::FrameType::kOpenRoot) {
    OnOpenRoot(received, frame, now);
  } else {
    OnCloseRoot(received, frame);
  }
}

void Submission::OnSubmit(Received&& received, const wire::FrameView& frame, Instant now) {
  const std::optional<wire::SubmitPreamble> preamble = wire::ReadPreamble(frame);
  if (!preamble.has_value()) {
    answers_.Error(received.connection, frame.header.correlation, Reason::kMalformed,
                   "submit: the fixed part of the frame is cut short or contradicts itself");
    return;
  }
  const std::optional<wire::ChildPreamble> child = wire::ReadChild(frame);
  const bool again = preamble->attempt > 0 || (child.has_value() && child->attempt > 1);
  if (again) AcceptGroups(now);  // the first attempt may be among them
  Group& group = groups_.emplace_back();
  group.ask = *preamble;
  if (child.has_value()) group.view.child = *child;
  group.parts = frame;
  group.payload = frame.payload;
  group.session = received.session;
  group.tenant = received.tenant;
  group.connection = received.connection;
  group.transit = received.transit;
  group.exceeds_credit = received.exceeds_credit;
  group.arrived = received.arrived;
  group.frame = std::move(received.frame);
  if (again && MayRepeat(group)) AnswerRepeats(group);
  if (group.left() > 0 && group.refusal == Reason::kNone) Admit(group, now);
}

// Judges the group, takes places for what load allows, and decodes that much.
void Submission::Admit(Group& group, Instant now) {
  group.refusal = Judge(group, now);
  if (group.refusal != Reason::kNone) return;
  TakePlaces(group, now);
  if (group.admitted > 0 || group.children()) Decode(group);
}

// Everything that the fixed part can tell, but for load.
Reason Submission::Judge(Group& group, Instant now) const {
  const wire::SubmitPreamble& ask = group.ask;
  const bool from_task = (group.connection & kTaskConnection) != 0;
  if (group.children() != from_task) return Reason::kMalformed;
  if (!group.children() && shared_.signals.draining.load(std::memory_order_relaxed)) {
    group.retry_after = kDrainRetry;
    return Reason::kDraining;
  }
  if (ask.remaining_us != 0) {
    const Nanos remaining = std::chrono::microseconds(ask.remaining_us) - group.transit;
    if (remaining <= Nanos(0)) return Reason::kExpired;
    group.deadline = After(now, remaining);
  } else if (!group.children()) {
    const Nanos usual(
        shared_.limits.default_deadline_ns[Index(ask.cls)].load(std::memory_order_relaxed));
    if (usual > Nanos(0)) group.deadline = After(now, usual);
  }
  if ((ask.flags & wire::kMixed) == 0) {
    group.function = shared_.functions.At(ask.function);
    if (group.function == nullptr) return Reason::kUnknownFunction;
    const Shape* shape = ask.shape == 0 ? nullptr : shared_.shapes.At(ask.shape);
    if (ask.shape != 0 && shape == nullptr) return Reason::kUnknownShape;
    group.shape = shape == nullptr ? &group.function->shape : &shape->resources;
  }
  const bool too_durable = static_cast<std::uint8_t>(ask.level) >
                           shared_.limits.level_max.load(std::memory_order_relaxed);
  if (too_durable || (ask.level != Level::kNone && !shared_.journal->Accepting())) {
    return Reason::kJournal;
  }
  if (group.exceeds_credit && ask.root == 0) {
    group.retry_after = kLeastRetry;
    return Reason::kInFlight;
  }
  return Reason::kNone;
}

// The ids of children follow from what they are, so their frame has to be whole.
bool Submission::MayRepeat(Group& group) {
  return !group.children() || ((group.connection & kTaskConnection) != 0 && Verify(group));
}

// What was accepted before is not judged again: a refusal would say that it did not run. Of a frame
// that was taken in part, these are the first.
void Submission::AnswerRepeats(Group& group) {
  MutexLock lock(shared_.table.mutex());
  const Session* session = shared_.table.FindSession(group.session);
  if (session != nullptr) SkipRepeats(group, *session);
}

void Submission::SkipRepeats(Group& group, const Session& session) {
  for (; group.left() > 0; ++group.next) {
    if (!IsKnown(group, IdOf(shared_, group, group.next), session)) break;
    tally_.repeated.Add(1);
    RepeatVerdict(group, 0);
  }
}

// What is malformed is refused whole.
bool Submission::Verify(Group& group) {
  if (group.decoded) return true;
  const Limits& bounds = shared_.limits;
  const wire::SubmitLimits limits{
      .deps_per_task = bounds.deps_per_task.load(std::memory_order_relaxed),
      .inline_value = bounds.inline_value.load(std::memory_order_relaxed)};
  const wire::SubmitError error = wire::DecodeSubmit(group.parts, limits, group.view);
  group.decoded = error.reason == Reason::kNone;
  if (group.decoded) return true;
  answers_.Error(group.connection, group.parts.header.correlation, error.reason, error.message);
  GivePlacesBack(group, 0, error.reason);
  return false;
}

// Verifies the frame and builds the admitted tasks.
void Submission::Decode(Group& group) {
  if (!Verify(group)) return;
  group.tasks.reserve(group.admitted);
  for (std::uint32_t i = 0; i < group.admitted; ++i) {
    Reason reason = Reason::kNone;
    TaskPtr task = BuildTask(shared_, group, group.next + i, reason);
    task->from_reserve = group.from_reserve;
    if (reason != Reason::kNone) {
      GivePlacesBack(group, 0, reason);
      return;
    }
    group.tasks.push_back(std::move(task));
  }
}

void Submission::Promise(ConnectionId to, const wire::Verdict& verdict,
                         std::optional<std::uint32_t> position) {
  const bool sync = verdict.level == Level::kSync;
  if (position.has_value()) {
    uncommitted_.push_back({*position, to, verdict});
  } else if (!uncommitted_.empty()) {
    uncommitted_.push_back({uncommitted_.back().lsn, to, verdict});
  } else if (committed_ <= (sync ? durable_.synced : durable_.written)) {
    answers_.Verdict(to, verdict);
  } else if (committed_ > durable_.unknown &&
             unsynced_[0].size() + unsynced_[1].size() < kMostUnsynced) {
    unsynced_[sync].push_back({committed_, to, verdict});
  } else {  // the disk does not say, or too many wait for it
    wire::Verdict unknown = verdict;
    unknown.status = wire::VerdictStatus::kUnknown;
    answers_.Verdict(to, unknown);
  }
}

void Submission::Commit() {
  WriteDownClosed();
  if (journal_.empty()) return;
  const Lsn first = journal_.Commit();
  for (Unsynced& each : uncommitted_) {
    each.lsn += first;
    committed_ = std::max(committed_, each.lsn);
    unsynced_[each.verdict.level == Level::kSync].push_back(each);
  }
  uncommitted_.clear();
}

void Submission::OnDurable(const Durable& durable) {
  durable_ = durable;
  for (std::size_t level = 0; level < unsynced_.size(); ++level) {
    const Lsn reached = level == 0 ? durable.written : durable.synced;
    std::deque<Unsynced>& waiting = unsynced_[level];
    for (; !waiting.empty(); waiting.pop_front()) {
      Unsynced& first = waiting.front();
      if (first.lsn > std::max(reached, durable.unknown)) break;
      if (first.lsn > reached) first.verdict.status = wire::VerdictStatus::kUnknown;
      answers_.Verdict(first.to, first.verdict);
    }
  }
}

}  // namespace spillgate
