#include "client/bench/stream.h"

#include <sched.h>

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "core/base/format.h"

namespace spillgate::bench {
namespace {

constexpr std::uint64_t kEchoEvery = 64;                 // frames
constexpr std::uint64_t kReleaseAfter = 1024;            // results
constexpr Nanos kLook = std::chrono::milliseconds(100);  // whether somebody wants it to stop
// A sleeping client is late by what it takes to wake it; one that is due soon does not sleep.
constexpr Nanos kNoSleep = std::chrono::microseconds(200);

}  // namespace

void StreamReport::Add(const StreamReport& other) {
  sent += other.sent;
  verdicts += other.verdicts;
  done += other.done;
  errors += other.errors;
  echoed += other.echoed;
  if (problem.empty()) problem = other.problem;
  times.Add(other.times);
  late.Add(other.late);
  began = std::min(began, other.began);
  ended = std::max(ended, other.ended);
}

Result<Stream> Stream::Open(const WireOptions& wire, const StreamPlan& plan) {
  Result<WireClient> client = WireClient::Connect(wire);
  if (!client.ok()) return client.error();
  const Result<std::uint32_t> function = client.value().Find(plan.function);
  if (!function.ok()) return function.error();
  const Result<std::uint32_t> echo = client.value().Find("echo");
  if (!echo.ok()) return echo.error();
  if (plan.batch > client.value().max_batch()) {
    return Error{Code::kInvalid, Format("--batch is {}, and this node takes {} tasks a frame",
                                        plan.batch, client.value().max_batch())};
  }
  return Stream(std::move(client).value(), plan, function.value(), echo.value());
}

Stream::Stream(WireClient wire, const StreamPlan& plan, std::uint32_t function, std::uint32_t echo)
    : wire_(std::move(wire)),
      plan_(plan),
      function_(function),
      echo_(echo),
      all_echo_(function == echo),
      ledger_(plan.window, plan.batch, wire_.next_seq()),
      nonces_(plan.seed, plan.payload),
      random_(plan.seed) {}

bool Stream::IsEcho(std::uint64_t seq) const {
  return all_echo_ || ledger_.IndexOf(seq) % kEchoEvery == 0;
}

bool Stream::MaySend() const {
  return ledger_.HasRoom() && (!credit_.has_value() || spent_ + plan_.batch <= *credit_);
}

void Stream::SendFrame(Instant sent) {
  const std::uint64_t first = ledger_.Open(sent);
  const bool echo = IsEcho(first);
  const wire::SubmitPreamble preamble{.level = plan_.level,
                                      .flags = wire::kPush,
                                      .function = echo ? echo_ : function_,
                                      .first_seq = first};
  writer_.Begin(preamble);
  for (std::uint32_t i = 0; i < plan_.batch; ++i) {
    writer_.BeginTask();
    if (echo || plan_.payload > 0) writer_.AddInline(nonces_.Of(first + i));
  }
  const auto now_us =
      std::chrono::duration_cast<std::chrono::microseconds>(clock_.Now().time_since_epoch());
  writer_.Finish(wire_.NextCorrelation(), static_cast<std::uint64_t>(now_us.count()), wire_.out());
  spent_ += plan_.batch;
  report_.sent += plan_.batch;
}

Instant Stream::SendWhatIsDue(Instant now, Instant until) {
  if (plan_.rate > 0) return SendOnTime(now, until);
  if (now >= until) return kNever;
  while (MaySend()) SendFrame(now);
  return until;
}

Instant Stream::SendOnTime(Instant now, Instant until) {
  std::exponential_distribution<double> gap(plan_.rate / plan_.batch);
  while (next_send_ <= now && next_send_ < until) {
    if (!MaySend()) return kNever;  // late, through no fault of the node's: it will show in `late`
    report_.late.Add(now - next_send_);
    SendFrame(next_send_);
    next_send_ += Nanos(static_cast<std::int64_t>(std::ceil(gap(random_) * 1e9)));
  }
  return next_send_ < until ? next_send_ : kNever;
}

bool Stream::Wait(Instant now, Instant next) {
  if (next != kNever && plan_.rate > 0 && next - now < kNoSleep) {
    sched_yield();
    return wire_.Receive(Nanos(0));
  }
  const Nanos at_most = next == kNever ? kLook : std::min(kLook, next - now);
  return wire_.Receive(std::max(at_most, Nanos(0)));
}

Result<StreamReport> Stream::Run(Nanos time, const Options& options) {
  report_ = {};
  report_.began = report_.ended = clock_.Now();
  next_send_ = report_.began;
  const Instant until = After(report_.began, time);
  Instant heard = report_.began;  // the last answer, or the last time that none was due
  while (true) {
    const Instant now = clock_.Now();
    const Instant next = SendWhatIsDue(now, until);
    const std::uint64_t before = ledger_.tasks();
    if (before == 0) {
      heard = now;
      if (now >= until) break;
    }
    if (!wire_.Flush() || !Wait(now, next)) {
      return Error{Code::kUnavailable, Format("the node hung up with {} tasks under way", before)};
    }
    TakeFrames();
    if (ledger_.tasks() < before) heard = now;
    if (now - heard > plan_.answer_within) {
      return Error{Code::kTimeout, Format("{} tasks have no result, and none came for {} s", before,
                                          (now - heard) / std::chrono::seconds(1))};
    }
    if (options.stopped()) return Error{Code::kCancelled, "interrupted"};
  }
  ReleaseSome(1);
  if (!wire_.Flush()) return Error{Code::kUnavailable, "the node hung up"};
  if (report_.verdicts != report_.sent) {
    Wrong(Format("{} tasks, and {} verdicts on them", report_.sent, report_.verdicts));
  }
  return std::move(report_);
}

void Stream::TakeFrames() {
  wire::FrameView frame;
  while (wire_.Next(frame)) {
    switch (frame.header.type) {
      case wire::FrameType::kVerdicts: TakeVerdicts(frame); break;
      case wire::FrameType::kResults: TakeResults(frame); break;
      case wire::FrameType::kCredits: TakeCredits(frame); break;
      case wire::FrameType::kError: Wrong(ErrorIn(frame)); break;
      default: break;
    }
  }
  ReleaseSome(kReleaseAfter);
}

void Stream::TakeVerdicts(const wire::FrameView& frame) {
  const auto verdicts = wire::ReadVerdicts(frame);
  if (!verdicts.has_value()) return Wrong("malformed Verdicts");
  for (const wire::Verdict& verdict : *verdicts) {
    report_.verdicts += verdict.count;
    if (verdict.status == wire::VerdictStatus::kAccepted) continue;
    const std::uint64_t end = verdict.first_seq + verdict.count;
    for (std::uint64_t seq = verdict.first_seq; seq < end && seq < ledger_.next_seq(); ++seq) {
      if (ledger_.Close(seq) == nullptr) return Wrong("a verdict on what was not under way");
    }
    Wrong(Format("rejected: {}", ToString(verdict.reason)), verdict.count);
  }
}

void Stream::TakeResults(const wire::FrameView& frame) {
  const auto results = wire::ReadResults(frame);
  if (!results.has_value()) return Wrong("malformed Results");
  const Instant now = clock_.Now();
  // Neighbours are of one frame, as a rule, and took the same time.
  const Instant* run = nullptr;
  std::uint64_t length = 0;
  for (const wire::ResultHead& head : *results) {
    const Instant* sent =
        head.task.session == wire_.session() ? ledger_.Close(head.task.seq) : nullptr;
    if (sent == nullptr) {
      Wrong(Format("a result of task {}, which is not under way", head.task.seq));
      continue;
    }
    if (sent != run) {
      if (length > 0) report_.times.Add(now - *run, length);
      run = sent;
      length = 0;
    }
    ++length;
    CheckValue(head, frame);
  }
  if (length > 0) report_.times.Add(now - *run, length);
  if (!results->empty()) report_.ended = now;
}

void Stream::CheckValue(const wire::ResultHead& head, const wire::FrameView& frame) {
  const ByteView value = wire::BytesOf(frame, head);
  if (head.fate != Fate::kDone) {
    return Wrong(Format("task {} ended with {}: {}", head.task.seq, ToString(head.reason),
                        head.fate == Fate::kOpen ? "" : wire::ReadFailure(value).message));
  }
  ++report_.done;
  if (IsEcho(head.task.seq)) {
    if (!nonces_.Matches(head.task.seq, value)) return Wrong("a result is not the nonce sent");
    ++report_.echoed;
  } else if (plan_.function == "noop" && !value.empty()) {
    Wrong("a noop gave a value");
  }
}

void Stream::TakeCredits(const wire::FrameView& frame) {
  const auto credits = wire::DecodeCredits(frame);
  if (!credits.has_value()) return Wrong("malformed Credits");
  credit_ = credits->window[static_cast<std::size_t>(TaskClass::kNormal)];
}

void Stream::Wrong(std::string what, std::uint64_t count) {
  report_.errors += count;
  if (report_.problem.empty()) report_.problem = std::move(what);
}

void Stream::ReleaseSome(std::uint64_t at_least) {
  if (ledger_.closed_count() < at_least) return;
  std::vector<wire::Range> ranges;
  for (const SeqRange& range : ledger_.closed()) {
    ranges.push_back({.first = {wire_.session(), range.first}, .count = range.count});
  }
  wire_.Release(ranges);
  ledger_.ForgetClosed();
}

}  // namespace spillgate::bench
