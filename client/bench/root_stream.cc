#include "client/bench/root_stream.h"

#include <poll.h>
#include <sched.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "client/lib/options.h"

namespace spillgate::bench {
namespace {

constexpr Nanos kLook = std::chrono::milliseconds(100);
constexpr Nanos kNoSleep = std::chrono::microseconds(200);
// What is accepted and has a deadline ends by then; what has none, when all before it has been
// served.
constexpr Nanos kSilence = std::chrono::seconds(5);
constexpr int kLongest = 3;  // times that of the longest task

double Seconds(Nanos time) {
  return std::chrono::duration<double>(time).count();
}

}  // namespace

Result<RootStream> RootStream::Open(const WireOptions& wire, RootShape shape, std::string_view work,
                                    std::size_t modes) {
  Result<WireClient> client = WireClient::Connect(wire);
  if (!client.ok()) return client.error();
  std::array<FunctionId, kModes> functions{};
  for (std::size_t mode = 0; mode < modes; ++mode) {
    const Result<FunctionId> found = client.value().Find(RootFunction(shape, work, mode));
    if (!found.ok()) return found.error();
    functions[mode] = found.value();
  }
  return RootStream(std::move(client).value(), RootWriter(shape, work), functions);
}

Result<RootReport> RootStream::Run(const RootLoad& load, const Options& options) {
  Result<std::vector<RootReport>> reports =
      RunTogether(std::span(this, 1), std::span(&load, 1), options);
  if (!reports.ok()) return reports.error();
  return std::move(reports.value().front());
}

Result<std::vector<RootReport>> RootStream::RunTogether(std::span<RootStream> streams,
                                                        std::span<const RootLoad> loads,
                                                        const Options& options,
                                                        const std::function<void()>& at_end) {
  const Instant began = streams.front().clock_.Now();
  Instant until = began;
  for (std::size_t i = 0; i < streams.size(); ++i) {
    streams[i].Begin(loads[i], began);
    until = std::max(until, streams[i].until_);
  }
  bool ended = !at_end;
  for (bool done = false; !done;) {
    const Instant now = streams.front().clock_.Now();
    Instant next = kNever;
    bool connected = true;
    for (RootStream& stream : streams) {
      next = std::min({next, stream.SendWhatIsDue(now), stream.SendWhatIsHeld(now),
                       stream.SendWhatTimedOut(now)});
      connected = connected && stream.wire_.Flush();
    }
    if (!ended && now >= until) {
      ended = true;
      at_end();
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

void RootStream::Begin(const RootLoad& load, Instant now) {
  load_ = load;
  open_loop_ = load_.rate > 0 || !load_.phases.empty();
  double expected = load_.rate * Seconds(load_.time);
  if (!load_.phases.empty()) {
    load_.time = Nanos(0);
    for (const Phase& phase : load_.phases) {
      load_.time += phase.time;
      expected += phase.rate * Seconds(phase.time);
    }
  }
  parts_.assign(load_.parts ? load_.phases.size() : 1, {});
  schedule_ = RootSchedule(load_);
  random_.seed(load_.seed);
  roots_.clear();
  sendings_.clear();
  held_.Clear();
  later_.clear();
  timeouts_.Clear();
  roots_.reserve(static_cast<std::size_t>(expected * 1.2) + 1024);
  sendings_.reserve(roots_.capacity());
  retry_budget_ = client::RetryBudget(load_.retry_budget, client::RetryOptions{}.burst);
  first_seq_ = next_seq_;
  began_ = heard_ = now;
  until_ = After(now, load_.time);
}

// Takes what has come. Done is who has sent all and heard of all, or of none for long.
bool RootStream::Done(Instant now) {
  const std::uint64_t before = under_way_;
  TakeFrames();
  if (under_way_ < before || before == 0 || now < until_) heard_ = now;
  if (now < until_ || !held_.empty() || !later_.empty()) return false;
  const Nanos patience =
      std::max({kSilence, kLongest * LongestCost(load_.service),
                2 * *std::max_element(load_.deadlines.begin(), load_.deadlines.end())});
  return under_way_ == 0 || now - heard_ > patience;
}

RootReport RootStream::Finish() {
  under_way_ = 0;
  // Nobody knows what became of it, whatever is known of the root's other sendings.
  for (const Sending& sending : sendings_) {
    if (sending.open) Judge(roots_[sending.root], RootFate::kSilent);
  }
  RootReport all;
  all.seed = load_.seed;
  for (const Root& root : roots_) {
    RootReport& part = PartOf(root);
    const Nanos work = writer_.tasks() * std::chrono::microseconds(root.cost_us);
    const auto fate = static_cast<std::size_t>(root.fate);
    ++part.offered;
    ++part.fates[fate];
    ++part.modes[root.mode].offered;
    ++part.modes[root.mode].fates[fate];
    part.offered_work += work;
    if (root.fate == RootFate::kGood) part.good_work += work;
    // It was accepted, and never came to an end that counts.
    if (root.fate == RootFate::kExpired || root.fate == RootFate::kSilent) {
      part.times.AddEndless();
      part.modes[root.mode].times.AddEndless();
    }
    if (!load_.phases.empty()) all.outcomes.push_back({root.due - began_, root.fate});
  }
  for (const RootReport& part : parts_) all.Add(part);
  all.span = open_loop_ ? load_.time : clock_.Now() - began_;
  if (load_.parts) {
    for (std::size_t i = 0; i < parts_.size(); ++i) parts_[i].span = load_.phases[i].time;
    all.parts = std::move(parts_);
  }
  ReleaseSome(1);
  return all;
}

bool RootStream::Wait(Instant now, Instant next) {
  if (next != kNever && open_loop_ && next - now < kNoSleep) {
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

}  // namespace spillgate::bench
