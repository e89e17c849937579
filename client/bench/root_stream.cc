#include "client/bench/root_stream.h"

#include <poll.h>
#include <sched.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "core/base/format.h"

namespace spillgate::bench {
namespace {

constexpr std::uint64_t kReleaseAfter = 512;
constexpr std::size_t kMostUnsent = 16 << 20;  // bytes that the node does not take off us
constexpr std::uint32_t kMostCostFactor = 20;  // of the mean: an exponential has no end
constexpr double kSigma = 0.5;
constexpr double kMostSaved = 10;  // retries that a budget saves up
constexpr Nanos kLook = std::chrono::milliseconds(100);
constexpr Nanos kNoSleep = std::chrono::microseconds(200);
// What is accepted and has a deadline ends by then; what has none, when all before it has been
// served.
constexpr Nanos kSilence = std::chrono::seconds(5);

std::uint64_t Micro(Nanos time) {
  return static_cast<std::uint64_t>(std::max<std::int64_t>(1, time / std::chrono::microseconds(1)));
}

}  // namespace

Result<RootStream> RootStream::Open(const WireOptions& wire, std::string_view function) {
  Result<WireClient> client = WireClient::Connect(wire);
  if (!client.ok()) return client.error();
  std::array<std::uint32_t, kModes> functions{};
  for (std::size_t mode = 0; mode < kModes; ++mode) {
    const Result<std::uint32_t> found =
        client.value().Find(std::string(function) + (mode == 0 ? "" : "_long"));
    if (!found.ok()) return found.error();
    functions[mode] = found.value();
  }
  return RootStream(std::move(client).value(), functions);
}

Result<RootReport> RootStream::Run(const RootLoad& load, const Options& options) {
  Result<std::vector<RootReport>> reports =
      RunTogether(std::span(this, 1), std::span(&load, 1), options);
  if (!reports.ok()) return reports.error();
  return std::move(reports.value().front());
}

Result<std::vector<RootReport>> RootStream::RunTogether(std::span<RootStream> streams,
                                                        std::span<const RootLoad> loads,
                                                        const Options& options) {
  const Instant began = streams.front().clock_.Now();
  for (std::size_t i = 0; i < streams.size(); ++i) streams[i].Begin(loads[i], began);
  for (bool done = false; !done;) {
    const Instant now = streams.front().clock_.Now();
    Instant next = kNever;
    bool connected = true;
    for (RootStream& stream : streams) {
      next = std::min(next, stream.SendWhatIsDue(now));
      connected = connected && stream.wire_.Flush();
    }
    connected = connected && (streams.size() == 1 ? streams.front().Wait(now, next)
                                                  : WaitForAll(streams, now, next));
    if (!connected) return Error{Code::kUnavailable, "the node hung up with roots under way"};
    if (options.stopped()) return Error{Code::kCancelled, "interrupted"};
    done = true;
    for (RootStream& stream : streams) done = stream.Done(now) && done;
  }
  std::vector<RootReport> reports;
  for (RootStream& stream : streams) {
    reports.push_back(stream.Finish());
    if (!stream.wire_.Flush()) return Error{Code::kUnavailable, "the node hung up"};
  }
  return reports;
}

// Takes what has come. Done is who has sent all and heard of all, or of none for long.
bool RootStream::Done(Instant now) {
  const std::uint64_t before = under_way_;
  TakeFrames();
  if (under_way_ < before || before == 0 || now < until_) heard_ = now;
  if (now < until_) return false;
  return under_way_ == 0 ||
         now - heard_ > std::max(kSilence, 2 * *std::max_element(load_.deadlines.begin(),
                                                                 load_.deadlines.end()));
}

RootReport RootStream::Finish() {
  report_.silent = under_way_;
  under_way_ = 0;
  report_.span = load_.rate > 0 ? load_.time : clock_.Now() - began_;
  if (!load_.phases.empty()) TellOutcomes();
  ReleaseSome(1);
  return std::move(report_);
}

void RootStream::Begin(const RootLoad& load, Instant now) {
  load_ = load;
  phase_ = 0;
  phase_ends_ = kNever;
  if (!load_.phases.empty()) {
    load_.time = Nanos(0);
    for (const Phase& phase : load_.phases) load_.time += phase.time;
    load_.rate = load_.phases.front().rate;
    phase_ends_ = After(now, load_.phases.front().time);
  }
  report_ = {};
  random_.seed(load_.seed);
  entries_.clear();
  may_send_again_ = 0;
  if (load_.rate > 0) {
    double expected = 0;
    for (const Phase& phase : load_.phases) {
      expected += phase.rate * std::chrono::duration<double>(phase.time).count();
    }
    if (load_.phases.empty()) {
      expected = load_.rate * std::chrono::duration<double>(load_.time).count();
    }
    entries_.reserve(static_cast<std::size_t>(expected * 1.2) + 1024);
  }
  first_seq_ = next_seq_;
  began_ = heard_ = now;
  until_ = After(now, load_.time);
  next_due_ = now;
}

void RootStream::TellOutcomes() {
  report_.outcomes.reserve(entries_.size());
  for (const Entry& entry : entries_) {
    if (entry.tries == 0) report_.outcomes.push_back({entry.due - began_, entry.fate});
  }
}

// ---- sending

// A Poisson process has no memory: at the end of a phase it begins anew with the next rate.
Instant RootStream::NextDue() {
  while (true) {
    std::exponential_distribution<double> gap(load_.rate);
    const Instant due = next_due_ + Nanos(static_cast<std::int64_t>(std::ceil(gap(random_) * 1e9)));
    if (due < phase_ends_ || phase_ + 1 >= load_.phases.size()) return due;
    next_due_ = phase_ends_;
    const Phase& next = load_.phases[++phase_];
    load_.rate = next.rate;
    phase_ends_ = After(phase_ends_, next.time);
  }
}

Instant RootStream::SendWhatIsDue(Instant now) {
  if (load_.rate == 0) {
    while (now < until_ && under_way_ < load_.window) Send(now, now);
    return now < until_ ? until_ : kNever;
  }
  while (next_due_ <= now && next_due_ < until_ && wire_.out().size() < kMostUnsent) {
    report_.late_by.Add(now - next_due_);
    Send(next_due_, now);
    next_due_ = NextDue();
  }
  return next_due_ < until_ ? next_due_ : kNever;
}

RootStream::Cost RootStream::DrawCost() {
  const auto mean = static_cast<double>(Micro(load_.service.mean));
  const auto rounded = [](double cost, std::uint8_t mode) {
    return Cost{std::max(1U, static_cast<std::uint32_t>(std::lround(cost))), mode};
  };
  switch (load_.service.mix) {
    case CostMix::kConstant: return rounded(mean, 0);
    case CostMix::kExponential: {
      std::exponential_distribution<double> draw(1.0 / mean);
      return rounded(std::min(draw(random_), mean * kMostCostFactor), 0);
    }
    case CostMix::kLogNormal: {
      // Its mean is exp(mu + sigma^2 / 2).
      std::lognormal_distribution<double> draw(std::log(mean) - kSigma * kSigma / 2, kSigma);
      return rounded(std::min(draw(random_), mean * kMostCostFactor), 0);
    }
    case CostMix::kBimodal: break;
  }
  std::bernoulli_distribution is_long(kLongShare);
  if (load_.long_ones || is_long(random_)) return rounded(mean * kLongCost, 1);
  return rounded(mean * kShortCost, 0);
}

void RootStream::Send(Instant due, Instant now) {
  const Cost cost = DrawCost();
  ++report_.modes[cost.mode].offered;
  ++report_.offered;
  report_.offered_work += std::chrono::microseconds(cost.us);
  may_send_again_ = std::min(may_send_again_ + load_.retry_budget, kMostSaved);
  Put({.due = due,
       .sent = now,
       .cost_us = cost.us,
       .mode = cost.mode,
       .original = static_cast<std::uint32_t>(entries_.size())},
      now);
}

// As a client does that does not listen: as if it had just thought of it.
void RootStream::SendAgain(const Entry& entry, Instant now) {
  if (entry.tries >= load_.retries || now >= until_) return;
  if (load_.retry_budget > 0 && may_send_again_ < 1) return;
  may_send_again_ -= load_.retry_budget > 0 ? 1 : 0;
  ++report_.again;
  Entry again = entry;
  ++again.tries;
  again.due = again.sent = now;
  again.open = true;
  again.fate = RootFate::kSilent;
  Put(again, now);
}

void RootStream::Put(Entry entry, Instant now) {
  const std::uint64_t seq = next_seq_++;
  ++under_way_;
  wire::SubmitPreamble preamble{.cls = load_.cls,
                                .retry = entry.tries,
                                .flags = wire::kPush,
                                .function = functions_[entry.mode],
                                .first_seq = seq};
  const Nanos deadline = load_.deadlines[entry.mode];
  if (deadline > Nanos(0)) preamble.remaining_us = Micro(entry.due + deadline - now);
  writer_.Begin(preamble);
  writer_.BeginTask();
  writer_.AddInline(AsBytes(std::to_string(entry.cost_us)));
  writer_.AddInline(nonces_.Of(seq));
  writer_.Finish(wire_.NextCorrelation(), Micro(now.time_since_epoch()), wire_.out());
  entries_.push_back(entry);
}

bool RootStream::Wait(Instant now, Instant next) {
  if (next != kNever && load_.rate > 0 && next - now < kNoSleep) {
    sched_yield();
    return wire_.Receive(Nanos(0));
  }
  const Nanos at_most = next == kNever ? kLook : std::min(kLook, next - now);
  return wire_.Receive(std::max(at_most, Nanos(0)));
}

bool RootStream::WaitForAll(std::span<RootStream> streams, Instant now, Instant next) {
  if (next != kNever && next - now < kNoSleep) {
    sched_yield();
  } else {
    const Nanos at_most = next == kNever ? kLook : std::min(kLook, next - now);
    std::vector<pollfd> waits;
    for (RootStream& stream : streams) {
      const short room = stream.wire_.out().empty() ? 0 : POLLOUT;
      waits.push_back({stream.wire_.fd(), static_cast<short>(POLLIN | room), 0});
    }
    const auto ms = std::chrono::floor<std::chrono::milliseconds>(at_most).count();
    poll(waits.data(), waits.size(), static_cast<int>(ms));
  }
  bool connected = true;
  for (RootStream& stream : streams) connected = stream.wire_.Receive(Nanos(0)) && connected;
  return connected;
}

// ---- what comes back

RootStream::Entry* RootStream::Close(std::uint64_t seq) {
  const std::uint64_t at = seq - first_seq_;
  if (at >= entries_.size() || !entries_[at].open) return nullptr;
  entries_[at].open = false;
  --under_way_;
  return &entries_[at];
}

void RootStream::TakeFrames() {
  wire::FrameView frame;
  while (wire_.Next(frame)) {
    switch (frame.header.type) {
      case wire::FrameType::kVerdicts: TakeVerdicts(frame); break;
      case wire::FrameType::kResults: TakeResults(frame); break;
      case wire::FrameType::kError: {
        const auto error = wire::DecodeError(frame);
        Wrong(error.has_value() ? "Error: " + error->message : "a malformed Error");
        break;
      }
      default: break;
    }
  }
  ReleaseSome(kReleaseAfter);
}

void RootStream::TakeVerdicts(const wire::FrameView& frame) {
  const auto verdicts = wire::ReadVerdicts(frame);
  if (!verdicts.has_value()) return Wrong("malformed Verdicts");
  const Instant now = clock_.Now();
  for (const wire::Verdict& verdict : *verdicts) {
    report_.received += verdict.count;
    if (verdict.status == wire::VerdictStatus::kAccepted) continue;
    for (std::uint64_t seq = verdict.first_seq; seq < verdict.first_seq + verdict.count; ++seq) {
      Entry* entry = Close(seq);
      if (entry == nullptr) return Wrong("a verdict on what was not under way");
      entry->fate = RootFate::kRefused;
      report_.refusals.Add(now - entry->sent);
      const Entry refused = *entry;
      const bool shed = Passes(verdict.reason) || verdict.reason == Reason::kExpired;
      if (!shed) return Wrong(Format("rejected: {}", ToString(verdict.reason)));
      report_.refused += refused.tries == 0 ? 1 : 0;
      SendAgain(refused, now);
    }
  }
}

void RootStream::TakeResults(const wire::FrameView& frame) {
  const auto results = wire::ReadResults(frame);
  if (!results.has_value()) return Wrong("malformed Results");
  const Instant now = clock_.Now();
  for (const wire::ResultHead& head : *results) {
    if (head.task.session == wire_.session()) TakeResult(head, frame, now);
  }
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
  Entry* entry = Close(seq);
  if (entry == nullptr) {
    if (seq >= first_seq_) Wrong(Format("a result of {}, which is not under way", seq));
    return;
  }
  const Nanos work = std::chrono::microseconds(entry->cost_us);
  const ByteView value = wire::BytesOf(frame, head);
  if (head.fate == Fate::kExpired) {
    ++report_.expired;
    entry->fate = RootFate::kExpired;
    const std::string_view why = wire::ReadFailure(value).message;
    if (why.find("while it ran") != std::string_view::npos) report_.spent_work += work;
    return SendAgain(Entry(*entry), now);
  }
  if (head.fate != Fate::kDone || !nonces_.Matches(seq, value)) {
    return Wrong(Format("root {} ended with {}", seq, ToString(head.reason)));
  }
  report_.spent_work += work;
  report_.times.Add(now - entry->due);
  RootReport::Mode& mode = report_.modes[entry->mode];
  mode.times.Add(now - entry->due);
  const Nanos deadline = load_.deadlines[entry->mode];
  // However often it was sent: it was due once.
  Entry& original = entries_[entry->original];
  const bool in_time = deadline == Nanos(0) || now <= original.due + deadline;
  entry->fate = RootFate::kLate;
  if (!in_time) {
    ++report_.late;
    return SendAgain(Entry(*entry), now);
  }
  original.fate = RootFate::kGood;
  ++report_.good;
  ++mode.good;
  report_.good_work += work;
}

void RootStream::Wrong(std::string what) {
  ++report_.errors;
  if (report_.problem.empty()) report_.problem = std::move(what);
}

void RootStream::ReleaseSome(std::uint64_t at_least) {
  if (to_release_ < at_least) return;
  wire_.Release(releases_);
  releases_.clear();
  to_release_ = 0;
}

}  // namespace spillgate::bench
