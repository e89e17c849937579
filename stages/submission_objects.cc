// Submission: puts, which make an object without a task, and roots that are opened and closed.
#include <algorithm>

#include "schema/messages.h"
#include "stages/open_root_lessons.h"
#include "stages/quotas.h"
#include "stages/submission.h"

namespace spillgate {
namespace {

constexpr Nanos kRootsRetry = std::chrono::milliseconds(100);
constexpr int kLateAtOnce = 16;

wire::Verdict Refused(wire::Verdict verdict, Reason reason,
                      Nanos retry_after = Admission::kLeastRetry) {
  verdict.status = wire::VerdictStatus::kRejected;
  verdict.reason = reason;
  verdict.retry_after_us =
      Passes(reason)
          ? static_cast<std::uint32_t>(
                std::chrono::duration_cast<std::chrono::microseconds>(retry_after).count())
          : 0;
  return verdict;
}

// These last for seconds, or until somebody does something about them.
Nanos RetryOf(Reason refusal) {
  switch (refusal) {
    case Reason::kDraining: return Admission::kDrainRetry;
    case Reason::kJournal: return Admission::kMostDiskRetry;
    default: return Admission::kUnfetchedRetry;
  }
}

}  // namespace

// What neither a put nor a new root may come past.
Reason Submission::MayAdd(const Session* session, Level level) {
  if (session == nullptr || session->ended) return Reason::kSessionEnded;
  if (shared_.signals.draining.load(std::memory_order_relaxed)) return Reason::kDraining;
  const Reason refusal = Admission::LookAtLevel(shared_, level);
  if (refusal != Reason::kNone) return refusal;
  return LeavesTooMuch(shared_, *session) ? Reason::kUnfetched : Reason::kNone;
}

// Ended children are kept until their parent lets go of them, or ends: it may run again and ask for
// them again. Their client cannot let go of them, so they have a bound of their own.
bool Submission::KeepsTooManyChildren(const Session& session) {
  constexpr std::uint64_t kTimes = 4;  // what a client may leave
  const Limits& limits = shared_.limits;
  return session.kept_children >=
             kTimes * limits.unfetched_per_session.load(std::memory_order_relaxed) ||
         session.kept_child_bytes >=
             kTimes * limits.unfetched_bytes_per_session.load(std::memory_order_relaxed);
}

// The journal has to know a session before its first durable task; false if it cannot be told.
bool Submission::IntroduceSession(Session& session, Level level) {
  if (session.journaled) return true;
  const record::SessionOpened opened{
      .session = session.id, .token = session.resume_token, .tenant = session.name};
  session.journaled = journal_.Add(level, opened).has_value();
  return session.journaled;
}

void Submission::OnPut(const Received& received, const wire::FrameView& frame, Instant now) {
  const auto put = wire::DecodePut(frame);
  if (!put.has_value()) {
    return answers_.Error(received.connection, frame.header.correlation, put.error().reason,
                          put.error().what);
  }
  std::optional<std::uint32_t> position;
  Answer(received.connection, JudgePut(received, frame, *put, now, position), position, now);
}

// A verdict on one number: at once, or when what it promises is on the disk.
void Submission::Answer(ConnectionId to, const wire::Verdict& verdict,
                        std::optional<std::uint32_t> position, Instant now) {
  if (verdict.status == wire::VerdictStatus::kRejected) {
    tally_.refused[static_cast<std::size_t>(verdict.reason)].Add(1);
  }
  const bool promises =
      verdict.level != Level::kNone && (verdict.status == wire::VerdictStatus::kAccepted ||
                                        verdict.status == wire::VerdictStatus::kAcceptedEarlier);
  if (promises) return Promise(to, verdict, position, now);
  answers_.Verdict(to, verdict);
}

wire::Verdict Submission::JudgePut(const Received& received, const wire::FrameView& frame,
                                   const wire::Put& put, Instant now,
                                   std::optional<std::uint32_t>& position) {
  wire::Verdict verdict{.first_seq = put.seq,
                        .count = 1,
                        .correlation = frame.header.correlation,
                        .level = put.level,
                        .load_level = admission_.PlacesTaken()};
  const TaskId id{received.session, put.seq};
  MutexLock lock(shared_.table.mutex());
  Session* session = shared_.table.FindSession(id.session);
  if (session != nullptr && session->seen.Look(id.seq) != SeenWindow::Answer::kNew) {
    const bool kept = shared_.table.Find(id) != nullptr;
    verdict.status = kept ? wire::VerdictStatus::kAcceptedEarlier : wire::VerdictStatus::kSettled;
    verdict.reason = kept ? Reason::kNone : Reason::kSettled;
    tally_.repeated.Add(1);
    return verdict;
  }
  if (const Reason reason = MayAdd(session, put.level); reason != Reason::kNone) {
    return Refused(verdict, reason, RetryOf(reason));
  }
  const bool large =
      frame.payload.size() > shared_.limits.inline_value.load(std::memory_order_relaxed);
  if (large && shared_.table.value_bytes() + frame.payload.size() >
                   shared_.limits.value_heap.load(std::memory_order_relaxed)) {
    return Refused(verdict, Reason::kInFlightBytes);
  }
  const bool detached = (put.flags & wire::kDetach) != 0;
  if (put.level != Level::kNone) {
    if (IntroduceSession(*session, put.level)) {
      position = journal_.Add(put.level,
                              record::Object{.id = id, .level = put.level, .detached = detached},
                              frame.payload);
    }
    if (!position.has_value()) return Refused(verdict, Reason::kJournal);
  }
  const auto offset = static_cast<std::size_t>(frame.payload.data() - received.frame.view().data());
  Record& record = shared_.table.AddObject(
      id, *session, Value(received.frame, offset, frame.payload.size()), now);
  record.level = put.level;
  record.detached = detached;
  session->seen.Mark(put.seq);
  return verdict;
}

void Submission::OnOpenRoot(const Received& received, const wire::FrameView& frame, Instant now) {
  const auto asked = wire::DecodeOpenRoot(frame);
  if (!asked.has_value()) {
    return answers_.Error(received.connection, frame.header.correlation, asked.error().reason,
                          asked.error().what);
  }
  std::optional<std::uint32_t> position;
  if (received.ruling.admitted > 0) admission_.HasCome(received.ruling);
  RootPtr opened;
  wire::Verdict verdict = JudgeRoot(received, *asked, now, position, opened);
  if (opened) promises_.Add(opened, PromisedUntil(*opened, now));
  verdict.correlation = frame.header.correlation;
  Answer(received.connection, verdict, position, now);
}

// What it is estimated to bring must pass the controller, here or at the door.
wire::Verdict Submission::JudgeRoot(const Received& received, const wire::OpenRoot& asked,
                                    Instant now, std::optional<std::uint32_t>& position,
                                    RootPtr& opened) {
  wire::Verdict verdict{.first_seq = asked.seq,
                        .count = 1,
                        .level = asked.level,
                        .load_level = admission_.LevelOfPlaces(received.tenant, asked.cls)};
  const TaskId id{received.session, asked.seq};
  MutexLock lock(shared_.table.mutex());
  Session* session = shared_.table.FindSession(id.session);
  if (session != nullptr && session->seen.Look(id.seq) != SeenWindow::Answer::kNew) {
    const bool kept = static_cast<bool>(shared_.table.FindRoot(id));
    verdict.status = kept ? wire::VerdictStatus::kAcceptedEarlier : wire::VerdictStatus::kSettled;
    verdict.reason = kept ? Reason::kNone : Reason::kSettled;
    return verdict;
  }
  if (const Reason reason = MayAdd(session, asked.level); reason != Reason::kNone) {
    return Refused(verdict, reason, RetryOf(reason));
  }
  CloseLateRoots(now);
  if (HasTooManyRoots(session->tenant)) return Refused(verdict, Reason::kQuota, kRootsRetry);
  Ruling ruling = received.ruling;
  if (ruling.admitted == 0) {
    admission_.Judge(asked, session->tenant, received.UnderWay(now), ruling, now,
                     received.exceeds_credit);
  }
  if (ruling.admitted == 0) return RefusalOf(asked, 0, ruling);
  if (asked.level != Level::kNone) {
    if (IntroduceSession(*session, asked.level)) {
      position = journal_.Add(
          asked.level,
          record::RootOpened{
              .id = id, .cls = asked.cls, .deadline_us = shared_.ToWall(ruling.deadline)});
    }
    if (!position.has_value()) return Refused(verdict, Reason::kJournal);
  }
  RootPtr root = shared_.table.MakeRoot();
  root->id = id;
  root->durable = asked.level != Level::kNone;
  root->session = session->id;
  root->tenant = session->tenant;
  root->cls = asked.cls;
  root->order = shared_.table.NextRootOrder();
  root->deadline = ruling.deadline;
  root->window = shared_.limits.root_window.load(std::memory_order_relaxed);
  root->explicit_open = true;
  admission_.Promise(asked, ruling, *root);
  root->grew_at = now;
  root->timed = root->promise != nullptr;
  if (root->timed) opened = root;
  shared_.table.AddRoot(root);
  session->seen.Mark(asked.seq);
  verdict.load_level = ruling.load_level;
  return verdict;
}

void Submission::OnCloseRoot(const Received& received, const wire::FrameView& frame) {
  const auto asked = wire::DecodeCloseRoot(frame);
  if (!asked.has_value()) {
    return answers_.Error(received.connection, frame.header.correlation, asked.error().reason,
                          asked.error().what);
  }
  MutexLock lock(shared_.table.mutex());
  const RootPtr root = shared_.table.FindRoot({received.session, asked->seq});
  if (!root || root->closed) return;
  // One that brought none may have come too late for its client.
  if (root->came > 0) LearnSize(shared_, *root);
  Close(*root);
}

void Submission::Close(Root& root) {
  if (root.durable) closed_.push_back(root.id);
  shared_.table.CloseRoot(root);
}

// What is added to them would be dropped, and for ever they would take the room of others. Some at
// a time: more than are opened, and never so many that others wait for the lock.
void Submission::CloseLateRoots(Instant now) {
  for (int left = kLateAtOnce; left > 0; --left) {
    Root* root = shared_.table.NextLateRoot(now);
    if (root == nullptr) return;
    LearnUnclosed(shared_, *root);
    Close(*root);
  }
}

// A tenant may have half of what the node bears.
bool Submission::HasTooManyRoots(TenantId tenant) {
  const std::uint64_t most = shared_.limits.open_roots.load(std::memory_order_relaxed);
  return shared_.table.open_roots() >= most || shared_.table.open_roots(tenant) >= (most + 1) / 2;
}

// What the journal has no room for waits: else the root would be open again after a restart. No
// more can wait than were opened since there was room.
void Submission::WriteDownClosed() {
  for (; !closed_.empty(); closed_.pop_front()) {
    if (!journal_.Add(Level::kAsync, record::RootClosed{.id = closed_.front()}).has_value()) return;
  }
}

}  // namespace spillgate
