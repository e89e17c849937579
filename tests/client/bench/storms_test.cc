// Clients that send again what is not answered in time, and a node that takes its time.
#include <gtest/gtest.h>

#include <cstdint>
#include <deque>
#include <vector>

#include "client/bench/root_stream.h"
#include "tests/client/lib/fake_node.h"

namespace spillgate::bench {
namespace {

using client::FakeNode;
using client::Sent;
using namespace std::chrono_literals;

constexpr std::uint8_t kTimesAgain = 2;

// Says nothing of a root until one has come so often; then it answers it, and as many of those that
// came before.
class SlowNode {
 public:
  SlowNode(std::uint8_t waits_for, wire::VerdictStatus answer)
      : answer_(answer),
        waiting_(waits_for + std::size_t{1}),
        node_([this](const Sent& frame, auto& out) { return Take(frame, out); }) {
    node_.Start();
  }

  [[nodiscard]] Result<RootStream> Open() const {
    return RootStream::Open({.address = node_.address()}, RootShape::kSingle, "spin", 1);
  }

 private:
  bool Take(const Sent& frame, wire::OutBuffer& out) {
    if (frame.type() != wire::FrameType::kSubmit) return false;
    const std::size_t came_before = frame.ask().retry;
    if (came_before >= waiting_.size()) return true;  // never: the test notices
    waiting_[came_before].push_back(frame);
    if (came_before + 1 < waiting_.size()) return true;
    for (std::deque<Sent>& each : waiting_) {
      if (each.empty()) continue;
      Answer(each.front(), out);
      each.pop_front();
    }
    return true;
  }

  void Answer(const Sent& frame, wire::OutBuffer& out) const {
    const wire::SubmitPreamble ask = frame.ask();
    wire::Verdict verdict{
        .first_seq = ask.first_seq, .count = ask.count, .correlation = frame.correlation()};
    verdict.status = answer_;
    if (answer_ == wire::VerdictStatus::kRejected) verdict.reason = Reason::kInFlight;
    wire::WriteVerdicts({&verdict, 1}, 0, out);
    if (answer_ == wire::VerdictStatus::kRejected) return;
    const wire::SubmitView tasks = frame.tasks();
    const ArgRef& nonce = tasks.args[tasks.heads[0].first_arg + 1];
    wire::ResultsWriter writer;
    writer.Add({.task = {client::kSession, ask.first_seq}, .fate = Fate::kDone},
               frame.view().payload.subspan(nonce.offset, nonce.size), out);
    writer.Finish(out);
  }

  const wire::VerdictStatus answer_;
  std::vector<std::deque<Sent>> waiting_;  // by how often they had come before
  FakeNode node_;
};

Nanos WorkOf(std::uint64_t roots) {
  return static_cast<std::int64_t>(roots) * Nanos(1ms);
}

// A few roots, and then time enough to send them again.
RootReport RunOn(const SlowNode& node, Nanos deadline) {
  RootLoad load;
  load.phases = {{200, 100ms}, {0, 1s}};
  load.deadlines[0] = deadline;
  load.retries = kTimesAgain;
  Result<RootStream> stream = node.Open();
  EXPECT_TRUE(stream.ok());
  if (!stream.ok()) return {};
  Result<RootReport> report = stream.value().Run(load, Options());
  EXPECT_TRUE(report.ok());
  if (!report.ok()) return {};
  EXPECT_EQ(report.value().errors, 0U) << report.value().problem;
  EXPECT_GT(report.value().offered, 0U);
  return report.value();
}

// Where the machine stands still for a second there is no time to send some again.
void ExpectAllSentAgain(const RootReport& report, RootFate fate) {
  EXPECT_EQ(report.Count(fate) + report.Count(RootFate::kSilent), report.offered);
  EXPECT_GT(report.Count(fate), 0U);
  if (report.Count(RootFate::kSilent) > 0) return;
  EXPECT_EQ(report.again, kTimesAgain * report.offered);
}

TEST(Storms, WhatIsNotAnsweredByItsDeadlineIsSentAgainAndCountsOnceAsLate) {
  SlowNode node(kTimesAgain, wire::VerdictStatus::kAccepted);
  const RootReport report = RunOn(node, 20ms);
  EXPECT_EQ(report.Count(RootFate::kGood), 0U);
  ExpectAllSentAgain(report, RootFate::kLate);
  EXPECT_EQ(report.good_work, Nanos(0));
  if (report.Count(RootFate::kSilent) > 0) return;
  EXPECT_EQ(report.done_work, WorkOf(report.offered + report.again)) << "all of it for nothing";
}

TEST(Storms, ARefusalThatComesAfterItsClientHasGivenUpStartsNothing) {
  SlowNode node(kTimesAgain, wire::VerdictStatus::kRejected);
  ExpectAllSentAgain(RunOn(node, 20ms), RootFate::kRefused);
}

TEST(Storms, WhatIsAnsweredInTimeIsSentOnce) {
  SlowNode node(0, wire::VerdictStatus::kAccepted);
  const RootReport report = RunOn(node, 900ms);
  EXPECT_EQ(report.Count(RootFate::kGood) + report.Count(RootFate::kLate), report.offered);
  EXPECT_EQ(report.good_work, WorkOf(report.Count(RootFate::kGood)));
  if (report.Count(RootFate::kLate) > 0) return;  // the machine stood still for most of a second
  EXPECT_EQ(report.again, 0U);
}

}  // namespace
}  // namespace spillgate::bench
