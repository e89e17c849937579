// Ledger, second half: what the node answers.
#include <algorithm>

#include "core/base/format.h"
#include "tests/sim/ledger.h"

namespace spillgate::sim {
namespace {

bool MayEndUnrun(Reason reason) {
  switch (reason) {
    case Reason::kNone:  // forwarded
    case Reason::kDependencyFailed:
    case Reason::kCancelled:
    case Reason::kDeadline:
    case Reason::kInfeasible:
    case Reason::kParkTimeout:
    case Reason::kDrained: return true;
    default: return false;
  }
}

// What may become of a task whose runs never came to their own end.
bool MayEndRun(Reason reason) {
  return MayEndUnrun(reason) || reason == Reason::kWorkerDied || reason == Reason::kPoison ||
         reason == Reason::kNoWorker;
}

}  // namespace

void Ledger::OnAnswer(ConnectionId to, const wire::FrameView& frame, Instant now) {
  switch (frame.header.type) {
    case wire::FrameType::kVerdicts: {
      const auto verdicts = wire::ReadVerdicts(frame);
      if (!verdicts.has_value()) return Breach("a frame of verdicts that cannot be read");
      for (const wire::Verdict& verdict : *verdicts) OnVerdict(to, verdict, now);
      return;
    }
    case wire::FrameType::kResults: {
      const auto heads = wire::ReadResults(frame);
      if (!heads.has_value()) return Breach("a frame of results that cannot be read");
      for (const wire::ResultHead& head : *heads) {
        OnResult(to, head, wire::BytesOf(frame, head), now);
      }
      return;
    }
    case wire::FrameType::kWaitDone: return OnWaitDone(to, frame);
    case wire::FrameType::kCancelled: return OnCancelled(to, frame, now);
    case wire::FrameType::kStatuses: return OnStatuses(to, frame);
    case wire::FrameType::kError: return OnError(to, frame);
    default: return Breach(Format("an answer of type {}", wire::ToString(frame.header.type)));
  }
}

void Ledger::OnVerdict(ConnectionId to, const wire::Verdict& verdict, Instant) {
  const auto found = sendings_.find({to, verdict.correlation});
  if (found == sendings_.end()) {
    return Breach(Format("a verdict on frame {}, which was not sent or has all its verdicts",
                         verdict.correlation));
  }
  Open& open = found->second;
  if (open.sending.broken == Sending::Broken::kFixedPart) {
    return Breach("a verdict on a frame whose fixed part is broken");
  }
  for (std::uint32_t i = 0; i < verdict.count; ++i) {
    const std::uint64_t at = verdict.first_seq + i - open.sending.first_seq;
    if (at >= open.sending.ids.size()) {
      Breach(Format("a verdict on number {}, which was not sent", verdict.first_seq + i));
      continue;
    }
    if (++open.verdicts[at] > 1) {
      Breach(Format("more than one verdict on {}", ToString(open.sending.ids[at])));
    }
    OnOneVerdict(open.sending, at, verdict);
  }
  const bool all = std::find(open.verdicts.begin(), open.verdicts.end(), 0) == open.verdicts.end();
  // What was refused for another reason was not looked into.
  const bool looked_at =
      verdict.reason == Reason::kMalformed || verdict.reason == Reason::kTooLarge;
  const bool broken = open.sending.broken == Sending::Broken::kBody;
  if (all && (!broken || open.error || !looked_at)) sendings_.erase(found);
}

// A child that its parent has let go of is forgotten when it has ended, with all below it. The
// parent runs again and makes the same child: that has a life of its own.
void Ledger::OnForgotten(TaskId id, Entry& entry) {
  const Entry* parent = Find(entry.parent);
  const bool let_go = entry.released || (parent != nullptr && parent->again);
  if (!let_go || !id.is_child() || entry.running || entry.counted) {
    Breach(Format("{} was accepted twice", ToString(id)));
  }
  entry = {.released = true,
           .again = true,
           .spawned_in = entry.spawned_in,
           .parent = entry.parent,
           .root = entry.root,
           .args = std::move(entry.args),
           .held = entry.held,
           .function = entry.function};
}

void Ledger::OnOneVerdict(const Sending& sending, std::size_t i, const wire::Verdict& verdict) {
  const TaskId id = sending.ids[i];
  Entry& entry = entries_[id];
  const bool whole = sending.broken == Sending::Broken::kNo;
  switch (verdict.status) {
    case wire::VerdictStatus::kAccepted:
      if (entry.accepted) OnForgotten(id, entry);
      if (!whole) Breach(Format("{} was accepted from a broken frame", ToString(id)));
      entry.accepted = true;
      for (const ObjectId& arg : entry.args) {
        if (!Accepted(arg.task)) entry.too_early.insert(arg.task);
      }
      return;
    case wire::VerdictStatus::kAcceptedEarlier:
    case wire::VerdictStatus::kSettled:
      if (!entry.accepted) {
        Breach(Format("{} is said to be a repeat, but was never accepted", ToString(id)));
      }
      return;
    case wire::VerdictStatus::kRejected:
      // A child may be refused in one frame after another frame with it was accepted.
      if (entry.accepted && !id.is_child()) {
        Breach(Format("{} was refused ({}) after it had been accepted", ToString(id),
                      ToString(verdict.reason)));
      }
      if (verdict.reason == Reason::kNone) Breach("a refusal without a reason");
      if (Passes(verdict.reason) && verdict.retry_after_us == 0) {
        Breach(
            Format("a refusal ({}) that does not say when to try again", ToString(verdict.reason)));
      }
      return;
    case wire::VerdictStatus::kUnknown: return Breach("a verdict \"unknown\" without a journal");
  }
}

void Ledger::OnResult(ConnectionId to, const wire::ResultHead& head, ByteView bytes, Instant) {
  if (head.fate == Fate::kOpen) {
    OnNoResult(head);
  } else {
    Told(head, bytes);
  }
  if (head.correlation == 0) return;
  const auto found = askings_.find({to, head.correlation});
  if (found == askings_.end()) {
    if (!gone_.contains(to)) Breach("a result for a get that is not open");
    return;
  }
  OpenAsking& open = found->second;
  bool matched = false;
  for (std::size_t i = 0; i < open.answered.size() && !matched; ++i) {
    const ObjectId& id = open.asking.ids[i];
    if (open.answered[i] || id.task != head.task || id.index != head.index) continue;
    matched = open.answered[i] = true;
  }
  if (!matched) Breach(Format("a get got {} twice or unasked", ToString(head.task)));
  if (std::find(open.answered.begin(), open.answered.end(), false) == open.answered.end()) {
    askings_.erase(found);
  }
}

// Why there is none has to be true.
void Ledger::OnNoResult(const wire::ResultHead& head) {
  const Entry* entry = Find(head.task);
  const bool accepted = entry != nullptr && entry->accepted;
  if (head.reason == Reason::kNotFound) {
    const bool further = accepted && head.index > 0;  // it has fewer returns
    if (accepted && !further && !head.task.is_child() && !entry->is_root &&
        !ended_sessions_.contains(head.task.session)) {
      Breach(Format("{} was accepted and is said to be unknown", ToString(head.task)));
    }
  } else if (head.reason == Reason::kReleased) {
    if (!accepted || (!entry->released && !entry->is_root)) {
      Breach(Format("{} is said to be released, and was not", ToString(head.task)));
    }
  } else if (head.reason != Reason::kTimeout) {
    Breach(Format("no result of {} for {}", ToString(head.task), ToString(head.reason)));
  }
}

// An outcome is written once: everybody is told the same.
void Ledger::Told(const wire::ResultHead& head, ByteView bytes) {
  const TaskId id = head.task;
  Entry& entry = entries_[id];
  if (!entry.accepted) return Breach(Format("a result of {}, never accepted", ToString(id)));
  if (entry.running) Breach(Format("a result of {} while it runs", ToString(id)));
  if (entry.told == Fate::kOpen) {
    entry.told = head.fate;
    entry.told_reason = head.reason;
    CheckTold(id, entry, head, bytes);
    if (head.fate == Fate::kForwarded) forwarded_.push_back(id);
  }
  if (entry.told != head.fate || entry.told_reason != head.reason) {
    Breach(Format("{} has two outcomes: {} and {}", ToString(id), ToString(entry.told_reason),
                  ToString(head.reason)));
  }
  const auto [at, first] = entry.told_bytes.insert({head.index, std::string(AsText(bytes))});
  const bool failed = head.fate != Fate::kDone;
  if (!first && at->second != AsText(bytes)) {
    Breach(Format("{} has two values", ToString(id)));
  }
  if (!failed && entry.fate == Fate::kDone &&
      (head.index >= entry.values.size() || entry.values[head.index] != AsText(bytes))) {
    Breach(Format("{} has another value than it returned", ToString(id)));
  }
}

void Ledger::CheckTold(TaskId id, const Entry& entry, const wire::ResultHead& head,
                       ByteView bytes) {
  const bool out_of_store = head.reason == Reason::kOutOfStore;
  if (entry.reported || entry.is_put) {
    if (!out_of_store && (head.fate != entry.fate || head.reason != entry.reason)) {
      Breach(Format("{} ended as {} and is told as {}", ToString(id), ToString(entry.reason),
                    ToString(head.reason)));
    }
  } else if (head.fate == Fate::kDone ||
             !(entry.runs == 0 ? MayEndUnrun(head.reason) : MayEndRun(head.reason))) {
    Breach(Format("{} is told as {} after {} runs without an end", ToString(id),
                  ToString(head.reason), entry.runs));
  }
  if (head.fate == Fate::kDone) return;
  const wire::FailureView failure = wire::ReadFailure(bytes);
  if (failure.message.empty() && head.fate != Fate::kForwarded) {
    Breach(Format("{} failed without a message", ToString(id)));
  }
  if (head.reason == Reason::kDependencyFailed && !entry.reported) {
    CheckCause(id, entry, failure.cause);
  }
}

// The root cause is an argument, or an argument's argument, that did not succeed by itself.
void Ledger::CheckCause(TaskId id, const Entry& entry, TaskId cause) {
  std::set<TaskId> seen;
  Reached reached;
  Reach(entry, cause, seen, reached);
  if (!reached.yes) {
    return Breach(
        Format("{} failed by {}, on which it does not depend", ToString(id), ToString(cause)));
  }
  const Entry* failed = Find(cause);
  if (failed == nullptr || !failed->accepted || failed->released || failed->is_root) return;
  if (cause.is_child() || ended_sessions_.contains(cause.session)) return;  // let go of by the node
  const bool succeeded = failed->told == Fate::kDone;
  const bool passed_on = failed->told_reason == Reason::kDependencyFailed;
  if (!reached.excused && (succeeded || passed_on)) {
    Breach(Format("{} failed by {}, which {}", ToString(id), ToString(cause),
                  succeeded ? "succeeded" : "only passes a failure on"));
  }
}

void Ledger::Reach(const Entry& from, TaskId cause, std::set<TaskId>& seen,
                   Reached& reached) const {
  for (const ObjectId& arg : from.args) {
    if (arg.task == cause) {
      reached.yes = true;
      reached.excused |= arg.index > 0 || from.too_early.contains(cause);
    }
    const Entry* next = Find(arg.task);
    if (next != nullptr && seen.insert(arg.task).second) Reach(*next, cause, seen, reached);
  }
}

void Ledger::OnWaitDone(ConnectionId to, const wire::FrameView& frame) {
  const auto done = wire::DecodeWaitDone(frame);
  if (!done.has_value()) return Breach("a WaitDone that cannot be read");
  const auto found = askings_.find({to, frame.header.correlation});
  if (found == askings_.end()) {
    if (!gone_.contains(to)) Breach("a WaitDone that nobody waits for");
    return;
  }
  const Asking& asking = found->second.asking;
  if (asking.type != wire::FrameType::kWait) Breach("a WaitDone for what is no wait");
  const auto ready =
      static_cast<std::size_t>(std::count(done->ready.begin(), done->ready.end(), true));
  if (done->ready.size() != asking.ids.size()) Breach("a WaitDone of another length");
  if (!done->timed_out && ready < asking.needed) Breach("a wait ended with too few");
  if (done->timed_out && ready >= asking.needed) Breach("a wait timed out with enough");
  for (std::size_t i = 0; i < done->ready.size() && i < asking.ids.size(); ++i) {
    const Entry* entry = Find(asking.ids[i].task);
    if (done->ready[i] && found->second.accepted[i] && entry->running) {
      Breach(Format("{} is said to be ready while it runs", ToString(asking.ids[i].task)));
    }
  }
  askings_.erase(found);
}

void Ledger::OnCancelled(ConnectionId to, const wire::FrameView& frame, Instant now) {
  const auto done = wire::DecodeCancelled(frame);
  const auto found = askings_.find({to, frame.header.correlation});
  if (!done.has_value()) return Breach("a Cancelled that cannot be read");
  if (found == askings_.end()) {
    if (!gone_.contains(to)) Breach("a Cancelled that nobody asked for");
    return;
  }
  const Asking& asking = found->second.asking;
  if (done->count + done->already_done != asking.ids.size()) Breach("a Cancelled of another count");
  if (done->already_done == 0) {
    any_cancelled_ = true;
    for (const ObjectId& id : asking.ids) {
      Entry& entry = entries_[id.task];
      entry.cancelled = std::min(entry.cancelled, now);
    }
  }
  askings_.erase(found);
}

void Ledger::OnStatuses(ConnectionId to, const wire::FrameView& frame) {
  const auto statuses = wire::DecodeStatuses(frame);
  const auto found = askings_.find({to, frame.header.correlation});
  if (!statuses.has_value()) return Breach("Statuses that cannot be read");
  if (found == askings_.end()) {
    if (!gone_.contains(to)) Breach("Statuses that nobody asked for");
    return;
  }
  OpenAsking& open = found->second;
  for (const wire::TaskStatus& status : statuses->tasks) {
    const auto next = std::find(open.answered.begin(), open.answered.end(), false);
    if (next == open.answered.end()) return Breach("more Statuses than were asked for");
    *next = true;
    const Entry* entry = Find(status.task);
    if (status.state == wire::TaskState::kEnded && entry != nullptr && entry->running) {
      Breach(Format("{} has the status \"ended\" while it runs", ToString(status.task)));
    }
    if (status.state != wire::TaskState::kUnknown && (entry == nullptr || !entry->accepted)) {
      Breach(Format("{} has a status and was never accepted", ToString(status.task)));
    }
  }
  if (std::find(open.answered.begin(), open.answered.end(), false) == open.answered.end()) {
    askings_.erase(found);
  }
}

void Ledger::OnError(ConnectionId to, const wire::FrameView& frame) {
  const auto error = wire::DecodeError(frame);
  if (!error.has_value()) return Breach("an Error that cannot be read");
  if (error->message.empty()) Breach("an Error without a message");
  const Key key{to, frame.header.correlation};
  if (const auto sent = sendings_.find(key); sent != sendings_.end()) {
    Open& open = sent->second;
    if (open.sending.broken == Sending::Broken::kNo) {
      return Breach(Format("an Error ({}) for a whole frame", error->message));
    }
    open.error = true;
    const bool all =
        std::find(open.verdicts.begin(), open.verdicts.end(), 0) == open.verdicts.end();
    if (open.sending.broken == Sending::Broken::kFixedPart || all) sendings_.erase(sent);
    return;
  }
  const auto asked = askings_.find(key);
  if (asked == askings_.end()) {
    if (!gone_.contains(to)) Breach(Format("an Error ({}) for nothing", error->message));
    return;
  }
  if (!asked->second.asking.broken && error->reason != Reason::kTooManyWaiters) {
    Breach(Format("an Error ({}) for a whole request", error->message));
  }
  askings_.erase(asked);
}

}  // namespace spillgate::sim
