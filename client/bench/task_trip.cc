#include "client/bench/task_trip.h"

#include <utility>

#include "core/base/format.h"

namespace spillgate::bench {
namespace {

constexpr std::uint64_t kEchoEvery = 64;
constexpr std::uint64_t kReleaseEvery = 64;
constexpr Nanos kLook = std::chrono::milliseconds(100);  // whether somebody wants it to stop

Error Wrong(std::string what) {
  return {Code::kCorrupt, std::move(what)};
}

}  // namespace

Result<TaskTrip> TaskTrip::Open(const WireOptions& wire, const Options& options, Level level) {
  Result<WireClient> client = WireClient::Connect(wire);
  if (!client.ok()) return client.error();
  const Result<std::uint32_t> function = client.value().Find(FunctionOf(options));
  if (!function.ok()) return function.error();
  const Result<std::uint32_t> echo = client.value().Find("echo");
  if (!echo.ok()) return echo.error();
  return TaskTrip(std::move(client).value(), options, level, function.value(), echo.value());
}

TaskTrip::TaskTrip(WireClient wire, const Options& options, Level level, std::uint32_t function,
                   std::uint32_t echo)
    : wire_(std::move(wire)),
      level_(level),
      function_(function),
      echo_(echo),
      options_(options),
      is_noop_(FunctionOf(options) == "noop"),
      nonces_(options.seed, options.payload),
      seq_(wire_.next_seq()),
      released_(seq_) {}

Status TaskTrip::Once() {
  const bool echo = function_ == echo_ || count_ % kEchoEvery == 0;
  const bool releases = seq_ - released_ >= kReleaseEvery;
  const EchoSizes before{wire_.bytes_sent(), wire_.bytes_received()};
  Send(echo);
  if (!wire_.Flush()) return Error{Code::kUnavailable, "the node hung up"};
  Instant until = kNever;
  while (true) {
    const std::uint64_t received = wire_.bytes_received();
    if (!wire_.Receive(kLook)) return Error{Code::kUnavailable, "the node hung up"};
    const Result<bool> done = TakeFrames(echo);
    if (!done.ok()) return done.error();
    if (done.value()) break;
    if (received != wire_.bytes_received()) continue;
    if (options_.stopped()) return Error{Code::kCancelled, "interrupted"};
    const Instant now = clock_.Now();
    if (until == kNever) until = After(now, options_.answer_within);
    if (now < until) continue;
    return Error{Code::kTimeout,
                 Format("no result within {} s", options_.answer_within / std::chrono::seconds(1))};
  }
  if (!releases && (!echo || function_ == echo_)) {
    sizes_ = {wire_.bytes_sent() - before.request, wire_.bytes_received() - before.reply};
  }
  ++seq_;
  ++count_;
  return {};
}

void TaskTrip::Send(bool echo) {
  const wire::SubmitPreamble preamble{.level = level_,
                                      .flags = wire::kPush,
                                      .function = echo ? echo_ : function_,
                                      .first_seq = seq_};
  writer_.Begin(preamble);
  writer_.BeginTask();
  if (echo || options_.payload > 0) writer_.AddInline(nonces_.Of(seq_));
  const auto now_us =
      std::chrono::duration_cast<std::chrono::microseconds>(clock_.Now().time_since_epoch());
  writer_.Finish(wire_.NextCorrelation(), static_cast<std::uint64_t>(now_us.count()), wire_.out());
  has_verdict_ = has_result_ = false;
  if (seq_ - released_ < kReleaseEvery) return;
  const wire::Range range{.first = {wire_.session(), released_}, .count = seq_ - released_};
  wire::Encode(wire::Release{.ranges = {&range, 1}}, wire_.NextCorrelation(), wire_.out());
  released_ = seq_;
}

Result<bool> TaskTrip::TakeFrames(bool echo) {
  wire::FrameView frame;
  while (wire_.Next(frame)) {
    if (frame.header.type == wire::FrameType::kVerdicts) {
      const auto verdicts = wire::ReadVerdicts(frame);
      if (!verdicts.has_value() || verdicts->size() != 1) return Wrong("not one verdict");
      const wire::Verdict& verdict = verdicts->front();
      if (verdict.status != wire::VerdictStatus::kAccepted) {
        return Wrong(Format("rejected: {}", ToString(verdict.reason)));
      }
      if (has_verdict_ || verdict.first_seq != seq_) return Wrong("a verdict on another task");
      has_verdict_ = true;
    } else if (frame.header.type == wire::FrameType::kResults) {
      const auto results = wire::ReadResults(frame);
      if (!results.has_value() || results->size() != 1) return Wrong("not one result");
      const Status status = CheckResult(frame, results->front(), echo);
      if (!status.ok()) return status.error();
    } else if (frame.header.type == wire::FrameType::kError) {
      return Wrong(ErrorIn(frame));
    }
  }
  return has_verdict_ && has_result_;
}

Status TaskTrip::CheckResult(const wire::FrameView& frame, const wire::ResultHead& head,
                             bool echo) {
  const ByteView value = wire::BytesOf(frame, head);
  if (has_result_ || head.task != TaskId{wire_.session(), seq_}) {
    return Wrong(Format("a result of task {}, not of {}", head.task.seq, seq_));
  }
  has_result_ = true;
  if (head.fate != Fate::kDone) {
    return Wrong(Format("the task ended with {}: {}", ToString(head.reason),
                        head.fate == Fate::kOpen ? "" : wire::ReadFailure(value).message));
  }
  if (echo) {
    if (!nonces_.Matches(seq_, value)) return Wrong("a result is not the nonce that was sent");
    ++echoed_;
  } else if (is_noop_ && !value.empty()) {
    return Wrong("a noop gave a value");
  }
  return {};
}

}  // namespace spillgate::bench
