// Session: everything else that the node says.
#include <algorithm>

#include "client/lib/session.h"
#include "core/base/format.h"
#include "schema/text.h"

namespace spillgate::client {
namespace {

constexpr Nanos kErrorGrace = std::chrono::seconds(1);  // from an Error about a Submit to a verdict
constexpr Nanos kWaiterPause = std::chrono::milliseconds(10);

bool Answers(wire::FrameType answer, wire::FrameType got) {
  return answer == got;
}

template <class T, class D>
bool Take(D decoded, T& into) {
  if (!decoded.has_value()) return false;
  into = std::move(*decoded);
  return true;
}

}  // namespace

bool Session::Wrong(std::string_view what) {
  problem_ = Format("the node sent {}; it may speak another version", what);
  return false;
}

bool Session::OnFrame(const wire::FrameView& frame, Instant now) {
  const bool answers = frame.header.correlation != 0 && frame.header.type != wire::FrameType::kPing;
  if (answers) unconfirmed_.Confirm(frame.header.correlation);
  switch (frame.header.type) {
    case wire::FrameType::kVerdicts: return OnVerdicts(frame, now);
    case wire::FrameType::kResults: return OnResults(frame, now);
    case wire::FrameType::kError: return OnError(frame, now);
    case wire::FrameType::kPing:
      wire::Encode(wire::Pong{}, frame.header.correlation, control_);
      return true;
    case wire::FrameType::kCredits: {
      const auto credits = wire::DecodeCredits(frame);
      if (!credits.has_value()) return Wrong("malformed credits");
      load_level_ = credits->load_level;
      outbox_.OnCredits(*credits, now);
      return true;
    }
    case wire::FrameType::kRegistered:
    case wire::FrameType::kShaped:
    case wire::FrameType::kWaitDone:
    case wire::FrameType::kCancelled:
    case wire::FrameType::kStatsReply:
    case wire::FrameType::kDrained:
    case wire::FrameType::kPong:
    case wire::FrameType::kStatuses: {
      const auto found = requests_.find(frame.header.correlation);
      if (found != requests_.end()) return OnAnswer(*found->second, frame);
      if (renaming_.under_way) return OnRenamed(frame);
      return true;  // whoever asked has left
    }
    default:
      return Wrong(
          Format("a frame of type {}, which no client gets", wire::ToString(frame.header.type)));
  }
}

void Session::EndTurn(Instant now) {
  RepairDependants(now);
  DropUnsent(now);
  while (!outbox_.kept().empty() && IsSure(*outbox_.kept().front())) {
    outbox_.Retire(*outbox_.kept().front(), let_go_);
  }
  LetGoAll();
  if (room_waiters_.empty() || Room() == 0) return;
  for (Waiter* waiter : std::exchange(room_waiters_, {})) Tell(*waiter);
}

// ---- results

Failure Session::FailureFrom(const TaskState& argument) {
  const Failure& why = *argument.failure;
  if (!argument.is_task) return why;  // a value that could not be put: the task's own affair
  const TaskId id{argument.session_id.load(std::memory_order_relaxed), SeqOf(argument)};
  return {.kind = FailureKind::kDependencyFailed,
          .reason = Reason::kDependencyFailed,
          .cause = why.cause.is_none() ? id : why.cause,
          .message = Format("its argument {} failed: {}", ToString(id), why.message)};
}

Failure Session::FailureOf(const wire::ResultHead& head, ByteView bytes) const {
  Failure failure{.kind = KindOf(head.reason), .reason = head.reason};
  if (head.fate == Fate::kOpen) {
    if (head.reason == Reason::kTimeout) failure.kind = FailureKind::kTimeout;
    failure.message =
        Format("there is no result of {}: {}", ToString(head.task), ToString(head.reason));
    return failure;
  }
  const wire::FailureView view = wire::ReadFailure(bytes);
  if (head.fate == Fate::kCancelled) failure.kind = FailureKind::kCancelled;
  if (head.fate == Fate::kExpired) failure.kind = FailureKind::kExpired;
  if (head.fate == Fate::kFailed && failure.kind == FailureKind::kRefused) {
    failure.kind = FailureKind::kTaskFailed;  // a reason that this build does not know
  }
  failure.cause = view.cause;
  failure.message = wire::Readable(view.message);
  if (failure.message.empty()) {
    failure.message = Format("{} did not succeed: {}", ToString(head.task), ToString(head.reason));
  }
  return failure;
}

bool Session::OnResults(const wire::FrameView& frame, Instant now) {
  const auto heads = wire::ReadResults(frame);
  if (!heads.has_value()) return Wrong("malformed results");
  RepairDependants(now);  // what it says of a task that goes again concerns nobody any more
  for (const wire::ResultHead& head : *heads) {
    const ByteView bytes = wire::BytesOf(frame, head);
    if (head.correlation != 0) {
      unconfirmed_.Confirm(head.correlation);
      const auto request = requests_.find(head.correlation);
      if (request != requests_.end()) {
        OnRequestResult(*request->second, head, bytes);
        continue;
      }
      const auto fetch = fetch_frames_.find(head.correlation);
      if (fetch != fetch_frames_.end() && --fetch.value().open == 0) fetch_frames_.erase(fetch);
    }
    if (head.index != 0 || head.task.session != welcome_.session) continue;
    TaskState* state = outbox_.FindTask(head.task.seq);
    if (state != nullptr && head.reason == Reason::kDependencyFailed && CameTooEarly(*state)) {
      GoAgain(*state, now);
      state = nullptr;
    }
    if (state != nullptr) {
      OnResult(*state, head, bytes, now);
    } else if (head.fate != Fate::kOpen && detached_.erase(head.task.seq) == 0) {
      AddRelease(head.task.session, head.task.seq);  // nobody here has a use for it
    }
  }
  return true;
}

void Session::OnResult(TaskState& state, const wire::ResultHead& head, ByteView bytes, Instant) {
  const Phase phase = state.Look();
  const bool asked = state.fetching;
  state.fetching = false;
  if (phase > Phase::kAtNode) return;  // pushed again after a lost connection
  if (head.fate == Fate::kOpen && head.reason == Reason::kTimeout) {
    if (state.waiter != nullptr && state.wants_value) Fetch(state, kNever);
    return;
  }
  ++stats_.results;
  state.returns = std::max<std::uint8_t>(1, head.returns);
  if (head.fate != Fate::kDone) return Fail(state, FailureOf(head, bytes));
  const bool wanted = asked || (state.waiter != nullptr && state.wants_value);
  const bool room =
      bytes.size() <= Value::kInline || held_bytes_ + bytes.size() <= options_.max_held_bytes;
  if (!room && !wanted) return Succeed(state, Phase::kAtNode);
  if (state.dropped && state.pins == 0) bytes = {};
  state.value = Value(bytes);
  held_bytes_ += bytes.size();
  Succeed(state, Phase::kHere);
}

void Session::OnRequestResult(Request& request, const wire::ResultHead& head, ByteView bytes) {
  if (request.answer != wire::FrameType::kResults) return;
  if (head.fate == Fate::kDone) {
    request.value = Value(bytes);
  } else {
    request.failure = FailureOf(head, bytes);
  }
  if (--request.missing == 0) Finish(request);
}

// ---- answers

void Session::Finish(Request& request) {
  requests_.erase(request.correlation);
  Tell(request.waiter);
}

void Session::Finish(Request& request, Failure failure) {
  request.failure = std::move(failure);
  Finish(request);
}

bool Session::OnAnswer(Request& request, const wire::FrameView& frame) {
  if (!Answers(request.answer, frame.header.type)) {
    return Wrong(Format("{} where {} was expected", wire::ToString(frame.header.type),
                        wire::ToString(request.answer)));
  }
  bool good = true;
  switch (frame.header.type) {
    case wire::FrameType::kRegistered:
      good = Take(wire::DecodeRegistered(frame), request.registered);
      break;
    case wire::FrameType::kShaped: good = Take(wire::DecodeShaped(frame), request.shaped); break;
    case wire::FrameType::kWaitDone:
      good = Take(wire::DecodeWaitDone(frame), request.wait_done);
      break;
    case wire::FrameType::kCancelled:
      good = Take(wire::DecodeCancelled(frame), request.cancelled);
      break;
    case wire::FrameType::kDrained: good = Take(wire::DecodeDrained(frame), request.drained); break;
    case wire::FrameType::kStatsReply: request.json = AsText(frame.payload); break;
    case wire::FrameType::kStatuses: {
      const auto statuses = wire::DecodeStatuses(frame);
      if (!statuses.has_value()) return Wrong("malformed statuses");
      const auto tasks = statuses->tasks;
      request.statuses.insert(request.statuses.end(), tasks.begin(), tasks.end());
      if (tasks.size() < request.missing) {
        request.missing -= static_cast<std::uint32_t>(tasks.size());
        return true;
      }
      break;
    }
    default: break;  // Pong
  }
  if (!good) return Wrong(Format("malformed {}", wire::ToString(frame.header.type)));
  Finish(request);
  return true;
}

bool Session::OnError(const wire::FrameView& frame, Instant now) {
  const auto error = wire::DecodeError(frame);
  if (!error.has_value()) return Wrong("a malformed error");
  const std::uint32_t correlation = frame.header.correlation;
  const std::string message = Format("the node said: {}", error->message);
  if (correlation == 0) {  // about the connection, which ends now
    problem_ = message;
    return false;
  }
  Failure failure{.kind = KindOf(error->reason), .reason = error->reason, .message = message};
  if (failure.kind == FailureKind::kShed) {
    failure.retry_after = kWaiterPause;
    failure.message +=
        Format("; try again after {} ms",
               std::chrono::ceil<std::chrono::milliseconds>(failure.retry_after).count());
  }
  const auto request = requests_.find(correlation);
  if (request != requests_.end()) {
    Finish(*request->second, failure);
    return true;
  }
  const auto fetch = fetch_frames_.find(correlation);
  if (fetch != fetch_frames_.end()) {
    const FetchFrame refused = std::move(fetch.value());
    fetch_frames_.erase(fetch);
    OnFetchRefused(refused, failure, now);
    return true;
  }
  if (Parcel* parcel = outbox_.Find(correlation)) {
    parcel->note = error->message;
    parcel->give_up = std::min(parcel->give_up, After(now, kErrorGrace));
    return true;
  }
  if (renaming_.under_way) {
    OnRenamed(wire::Registered{.reason = error->reason}, correlation);
    OnRenamed(wire::Shaped{.reason = error->reason}, correlation);
  }
  return true;
}

// Too many Gets of this connection wait: these go again a little later. Any other reason is final.
void Session::OnFetchRefused(const FetchFrame& frame, const Failure& why, Instant now) {
  const bool passes = why.reason == Reason::kTooManyWaiters;
  if (passes) fetch_not_before_ = After(now, kWaiterPause);
  for (const std::uint64_t seq : frame.seqs) {
    TaskState* state = outbox_.FindTask(seq);
    if (state == nullptr || !state->fetching) continue;
    if (passes) {
      fetches_.push_back({.seq = seq, .until = kNever});
    } else {
      state->fetching = false;
      Fail(*state, why);
    }
  }
}

}  // namespace spillgate::client
