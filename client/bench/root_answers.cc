// RootStream: what comes back.
#include <algorithm>
#include <string>
#include <utility>

#include "client/bench/root_stream.h"
#include "core/base/format.h"
#include "schema/messages.h"

namespace spillgate::bench {
namespace {

constexpr std::uint64_t kReleaseAfter = 512;

}  // namespace

RootStream::Sending* RootStream::SendingOf(std::uint64_t seq) {
  if (seq < first_seq_) return nullptr;
  const std::uint64_t at = (seq - first_seq_) / writer_.numbers();
  return at < sendings_.size() ? &sendings_[at] : nullptr;
}

bool RootStream::IsFirst(std::uint64_t seq) const {
  return (seq - first_seq_) % writer_.numbers() == 0;
}

bool RootStream::IsLast(std::uint64_t seq) const {
  return (seq - first_seq_) % writer_.numbers() == writer_.numbers() - 1;
}

void RootStream::Close(Sending& sending) {
  sending.open = false;
  --under_way_;
}

// However often it was sent, a root has one fate. What comes after it was good, or wrong, does not
// change that.
void RootStream::Judge(Root& root, RootFate fate) {
  if (root.fate == RootFate::kGood || root.fate == RootFate::kWrong) return;
  root.fate = fate;
}

void RootStream::TakeFrames() {
  const Instant now = clock_.Now();
  wire::FrameView frame;
  while (wire_.Next(frame)) {
    switch (frame.header.type) {
      case wire::FrameType::kVerdicts: {
        const auto verdicts = wire::ReadVerdicts(frame);
        if (!verdicts.has_value()) return Wrong("malformed Verdicts");
        for (const wire::Verdict& verdict : *verdicts) TakeVerdict(verdict, now);
        break;
      }
      case wire::FrameType::kResults: {
        const auto results = wire::ReadResults(frame);
        if (!results.has_value()) return Wrong("malformed Results");
        for (const wire::ResultHead& head : *results) {
          if (head.task.session == wire_.session()) TakeResult(head, frame, now);
        }
        break;
      }
      case wire::FrameType::kCredits: {
        const auto credits = wire::DecodeCredits(frame);
        if (!credits.has_value()) return Wrong("malformed Credits");
        gate_.OnCredits(*credits, now, load_.turnaround);
        break;
      }
      case wire::FrameType::kError: Wrong(ErrorIn(frame)); break;
      default: break;
    }
  }
  ReleaseSome(kReleaseAfter);
}

void RootStream::TakeVerdict(const wire::Verdict& verdict, Instant now) {
  const bool accepted = verdict.status == wire::VerdictStatus::kAccepted;
  for (std::uint64_t seq = verdict.first_seq; seq < verdict.first_seq + verdict.count; ++seq) {
    if (seq < first_seq_) continue;  // of a run before
    Sending* sending = SendingOf(seq);
    if (sending == nullptr) return Wrong("a verdict on what was not sent");
    if (IsFirst(seq)) {
      // Within the time of the load; of a phase, all of its own.
      if (now <= until_ || load_.parts) ++PartOf(roots_[sending->root]).received;
      if (!writer_.opens()) gate_.NoteAnswered(load_.cls);
      if (sending->tries == 0) retry_budget_.Earn(1);
      if (!accepted) TakeRefusal(*sending, verdict, now);
    } else if (!accepted && sending->open) {
      TakeRejection(*sending, verdict.reason, now);
    }
  }
}

// Of a task of an accepted root: only roots are shed, but its deadline may have passed meanwhile.
void RootStream::TakeRejection(Sending& sending, Reason reason, Instant now) {
  if (reason != Reason::kExpired && !IsOver(sending, now)) {
    return Wrong(sending, Format("a task of an accepted root was rejected: {}", ToString(reason)));
  }
  sending.expired = true;
  CountResult(sending, now);
}

void RootStream::TakeRefusal(Sending& sending, const wire::Verdict& verdict, Instant now) {
  if (!sending.open) return Wrong("a verdict on what was not under way");
  const bool shed = Passes(verdict.reason) || verdict.reason == Reason::kExpired;
  if (!shed) return Wrong(sending, Format("rejected: {}", ToString(verdict.reason)));
  sending.refused = true;
  Close(sending);
  Root& root = roots_[sending.root];
  Judge(root, RootFate::kRefused);
  PartOf(root).refusals.Add(now - sending.sent);
  SendAgain(Sending(sending), now, std::chrono::microseconds(verdict.retry_after_us));
}

void RootStream::TakeResult(const wire::ResultHead& head, const wire::FrameView& frame,
                            Instant now) {
  const std::uint64_t seq = head.task.seq;
  wire::Range* last = releases_.empty() ? nullptr : &releases_.back();
  if (last != nullptr && last->first.seq + last->count == seq) {
    ++last->count;
  } else {
    releases_.push_back({.first = head.task, .count = 1});
  }
  ++to_release_;
  if (seq < first_seq_) return;  // of a run before
  Sending* sending = SendingOf(seq);
  if (sending == nullptr || !sending->open) {
    return Wrong(Format("a result of {}, which is not under way", seq));
  }
  const ByteView value = wire::BytesOf(frame, head);
  if (head.fate == Fate::kDone) {
    TakeDone(*sending, seq, value, now);
  } else {
    TakeFailure(*sending, head, value, now);
  }
  if (sending->open) CountResult(*sending, now);
}

// One fewer to come; the last is the end of the root.
void RootStream::CountResult(Sending& sending, Instant now) {
  if (--sending.results > 0) return;
  Close(sending);
  Root& root = roots_[sending.root];
  if (sending.expired) Judge(root, RootFate::kExpired);
  const bool again = root.fate == RootFate::kExpired || root.fate == RootFate::kLate;
  if (again && !load_.cooperative) SendAgain(Sending(sending), now, Nanos(0));
}

bool RootStream::IsOver(const Sending& sending, Instant now) const {
  const Nanos deadline = load_.deadlines[roots_[sending.root].mode];
  return deadline > Nanos(0) && now >= sending.due + deadline;
}

void RootStream::TakeDone(Sending& sending, std::uint64_t seq, ByteView value, Instant now) {
  Root& root = roots_[sending.root];
  RootReport& part = PartOf(root);
  part.done_work += writer_.tasks_a_result() * std::chrono::microseconds(root.cost_us);
  if (!IsLast(seq)) return;
  if (!writer_.Matches(seq + 1 - writer_.numbers(), value)) {
    return Wrong(sending, Format("root {} returned what is not its own", seq));
  }
  part.times.Add(now - sending.due);
  part.modes[root.mode].times.Add(now - sending.due);
  // However often it was sent: it was due once.
  const Nanos deadline = load_.deadlines[root.mode];
  const bool in_time = deadline == Nanos(0) || now <= root.due + deadline;
  Judge(root, in_time ? RootFate::kGood : RootFate::kLate);
}

// Whose deadline passes, and what then lacks an argument or a child, was given up by the node.
void RootStream::TakeFailure(Sending& sending, const wire::ResultHead& head, ByteView value,
                             Instant now) {
  const Root& root = roots_[sending.root];
  const std::string_view why = wire::ReadFailure(value).message;
  const bool lacks = head.reason == Reason::kDependencyFailed || head.reason == Reason::kTaskError;
  // The node gives up what would come too late before it is, and names the deadline as the cause.
  const bool doomed = IsOver(sending, now) || sending.expired || why.find("deadline") != why.npos;
  if (head.fate != Fate::kExpired && !(lacks && doomed)) {
    return Wrong(sending,
                 Format("root {} ended with {}: {}", head.task.seq, ToString(head.reason), why));
  }
  sending.expired = true;
  const bool ran =
      head.reason == Reason::kTaskError || why.find("while it ran") != std::string_view::npos;
  if (!ran) return;
  PartOf(root).cut_short_work += writer_.tasks_a_result() * std::chrono::microseconds(root.cost_us);
}

void RootStream::Wrong(Sending& sending, std::string what) {
  roots_[sending.root].fate = RootFate::kWrong;
  if (sending.open) Close(sending);
  Wrong(std::move(what));
}

void RootStream::Wrong(std::string what) {
  RootReport& report = parts_.front();
  ++report.errors;
  if (report.problem.empty()) report.problem = std::move(what);
}

void RootStream::ReleaseSome(std::uint64_t at_least) {
  if (to_release_ < at_least) return;
  wire_.Release(releases_);
  releases_.clear();
  to_release_ = 0;
}

}  // namespace spillgate::bench
