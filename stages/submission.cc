// Submission, first half: the verdict and the decoding, without the table.
#include "stages/submission.h"

#include <algorithm>

#include "stages/ending.h"

namespace spillgate {
namespace {

constexpr std::size_t kMostUnsynced = 1 << 20;

}  // namespace

void Submission::Group::AddVerdict(wire::VerdictStatus status, Reason reason, std::uint32_t count) {
  if (count == 0) return;
  const std::uint64_t dealt_with =
      verdicts.empty() ? 0 : verdicts.back().first_seq + verdicts.back().count - ask.first_seq;
  const wire::Verdict verdict = VerdictOn(ask, parts.header.correlation,
                                          ask.first_seq + std::max<std::uint64_t>(dealt_with, next),
                                          count, status, reason, retry_after, load_level);
  const auto same = [&](const wire::Verdict& last) {
    return last.status == status && last.reason == reason &&
           last.retry_after_us == verdict.retry_after_us;
  };
  if (!verdicts.empty() && same(verdicts.back())) {
    verdicts.back().count += count;
  } else {
    verdicts.push_back(verdict);
  }
}

Asking Submission::Group::asking() const {
  return {.ask = ask,
          .tenant = tenant,
          .transit = transit,
          .bytes = bytes,
          .exceeds_credit = exceeds_credit,
          .from_task = (connection & kTaskConnection) != 0};
}

Submission::Submission(Shared& shared, flow::AnyInbox& self, SubmissionTally& tally, Out out)
    : shared_(shared),
      self_(self),
      tally_(tally),
      out_(std::move(out)),
      answers_(shared.replies),
      admission_(shared, self, tally),
      promises_(shared),
      served_(shared),
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
  group.transit = received.UnderWay(now);
  group.exceeds_credit = received.exceeds_credit;
  group.arrived = received.arrived;
  group.frame = std::move(received.frame);
  group.bytes = group.frame.size();
  if ((preamble->flags & wire::kMixed) == 0) {
    const Named named = FindNamed(shared_, preamble->function, preamble->shape);
    group.function = named.function;
    group.shape = named.shape;
  }
  if (received.ruling.admitted > 0) {
    admission_.OnTheWay(-std::int64_t{received.ruling.admitted});
    static_cast<Ruling&>(group) = received.ruling;
    return Decode(group);
  }
  if (again && MayRepeat(group)) AnswerRepeats(group);
  if (group.left() > 0 && group.refusal == Reason::kNone) Admit(group, now);
}

// Judges the group, and decodes what is admitted.
void Submission::Admit(Group& group, Instant now) {
  admission_.Judge(group.asking(), group.left(), group, now);
  if (group.admitted > 0 || (group.children() && IsForRoom(group.refusal))) Decode(group);
}

// The ids of children follow from what they are, so their frame has to be whole.
bool Submission::MayRepeat(Group& group) {
  return !group.children() || ((group.connection & kTaskConnection) != 0 && Verify(group));
}

// What was accepted before is not judged again: a refusal would say that it did not run. Of a frame
// that was taken in part, these are the first.
void Submission::AnswerRepeats(Group& group) {
  group.load_level = admission_.LevelOfPlaces(group.tenant, group.ask.cls);
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

// A frame stays in memory for as long as one of its tasks does. What is refused of it has no places
// there, so those that are let in of a frame that is mostly refused get one of their own.
void Submission::KeepPart(Group& group) {
  const std::uint32_t count = group.next + group.admitted;
  const bool is_kept = !group.view.args.empty() || group.ask.level != Level::kNone;
  const std::size_t charged = std::size_t{count} * group.bytes_each;
  if (group.children() || !is_kept || group.frame.size() <= 2 * charged) return;
  wire::SubmitWriter part;
  part.Begin(group.ask);
  for (const wire::TaskHead& head : group.view.heads.first(count)) {
    part.BeginTask(head.function, head.shape, head.returns);
    for (const ArgRef& arg : group.view.args.subspan(head.first_arg, head.arg_count)) {
      if (arg.kind == ArgRef::kObject) {
        part.AddObject(arg.object());
      } else {
        part.AddInline(group.payload.subspan(arg.offset, arg.size));
      }
    }
  }
  wire::OutBuffer out;
  part.Finish(group.parts.header.correlation, 0, out);
  group.frame = Buffer::CopyOf(out.view());
  group.parts = wire::View(group.frame.view());
  group.payload = group.parts.payload;
  group.decoded = false;
}

// Verifies the frame and builds the admitted tasks.
void Submission::Decode(Group& group) {
  if (!Verify(group)) return;
  if (group.admitted > 0 && group.admitted < group.left()) {
    KeepPart(group);
    if (!Verify(group)) return;
  }
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

// Only the first `keep` of those admitted stay so; the places of the others are free again.
void Submission::GivePlacesBack(Group& group, std::uint32_t keep, Reason reason) {
  const std::int64_t count = std::int64_t{group.admitted} - keep;
  flow::Credits& places = group.from_reserve ? shared_.spawn_reserve : shared_.in_flight;
  if (count > 0 && group.bytes_each > 0) places.Release(count, count * group.bytes_each);
  if (group.tasks.size() > keep) group.tasks.resize(keep);
  group.admitted = keep;
  group.refusal = reason;
  group.behind = 0;
}

void Submission::Promise(ConnectionId to, const wire::Verdict& verdict,
                         std::optional<std::uint32_t> position, Instant now) {
  const bool sync = verdict.level == Level::kSync;
  if (position.has_value()) {
    uncommitted_.push_back({*position, now, to, verdict});
  } else if (!uncommitted_.empty()) {
    uncommitted_.push_back({uncommitted_.back().lsn, now, to, verdict});
  } else if (committed_ <= (sync ? durable_.synced : durable_.written)) {
    answers_.Verdict(to, verdict);
  } else if (committed_ > durable_.unknown &&
             unsynced_[0].size() + unsynced_[1].size() < kMostUnsynced) {
    unsynced_[sync].push_back({committed_, now, to, verdict});
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
  NoteDisk();
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
  NoteDisk();
}

// What has waited longest says how the disk fares, also while nothing comes from there.
void Submission::NoteDisk() {
  for (const Level level : {Level::kAsync, Level::kSync}) {
    const std::deque<Unsynced>& waiting = unsynced_[level == Level::kSync];
    admission_.WaitsForDisk(level, waiting.empty() ? kNever : waiting.front().since);
  }
}

void Submission::Tick(Instant now) {
  promises_.LetGo(now);
  if (self_.Observes()) {
    const bool none_left = shared_.unfinished() == 0;
    const flow::Served served = served_.Take();
    self_.Observe(served, now);
    observed_all_ = none_left && served.count == 0;
  }
  shared_.account.SetNewestFirst(self_.controller().NewestFirst());
  if (!waiting_.empty()) RetryWaiting(now);
  AcceptAll(now);
}

void Submission::Flush(Instant now) {
  for (auto& [order, group] : std::exchange(waiting_, {})) {
    CountOut(group);
    groups_.push_back(std::move(group));
    groups_.back().refusal = Reason::kDraining;
  }
  look_on_ = waiting_.end();
  for (Group& group : groups_) Conclude(group, now);
  groups_.clear();
  ShowWaiting();
  for (Accepted& event : std::exchange(kept_, {})) {
    Abandon(*event.task);
    ended_.push_back({std::move(event.task)});
  }
  for (const auto& asking : asking_) {
    if (const auto* received = std::get_if<Received>(&asking)) {
      out_.done.Note(MetaOf(*received), now);
    }
  }
  asking_.clear();
  EmitAll(now);
}

}  // namespace spillgate
