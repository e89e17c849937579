#include "server/admin/observer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/admin/process.h"
#include "tests/server/admin/toy_node.h"

namespace spillgate::admin {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::Contains;
using testing::Not;

TEST(Durations, QuantilesLieInTheBucketOfTheValue) {
  flow::Histogram histogram;
  for (int i = 0; i < 99; ++i) histogram.Add(microseconds(10));
  histogram.Add(milliseconds(10));
  Durations durations;
  EXPECT_EQ(durations.Quantile(0.99), Nanos(0));
  durations.Add(histogram);
  EXPECT_EQ(durations.count(), 100U);
  EXPECT_EQ(durations.sum_ns, 99 * 10'000U + 10'000'000U);
  for (const double q : {0.01, 0.5, 0.98}) {
    EXPECT_GE(durations.Quantile(q), Nanos(8192)) << q;
    EXPECT_LE(durations.Quantile(q), Nanos(16384)) << q;
  }
  EXPECT_LT(durations.Quantile(0.2), durations.Quantile(0.8));
  EXPECT_GT(durations.Quantile(0.999), milliseconds(8));
  EXPECT_LE(durations.Quantile(1), Nanos(1 << 24));
  Durations twice = durations;
  twice.Add(durations);
  EXPECT_EQ(twice.count(), 200U);
}

TEST(Observer, ShowsWhatIsInAStage) {
  ToyNode node;
  node.Arrive(2, 8);
  node.Pass(milliseconds(1));
  node.TakeAll(2);
  node.Arrive(2, 22);
  node.Pass(seconds(2));
  const Snapshot snapshot = node.Take();
  ASSERT_EQ(snapshot.stages.size(), 6U);
  EXPECT_EQ(snapshot.stages[2].name, "scheduling");
  EXPECT_EQ(snapshot.stages[2].controller, "deadline");
  const StageFigures& x = snapshot.stages[2].all;
  EXPECT_EQ(x.queued, 22);
  EXPECT_EQ(x.held, 8);
  EXPECT_EQ(x.capacity, 100);
  EXPECT_EQ(x.bytes, 300);
  EXPECT_EQ(x.capacity_bytes, 1000);
  EXPECT_EQ(x.arrived, 30U);
  EXPECT_EQ(x.batches, 1U);
  EXPECT_EQ(x.batch_most, 100U);
  EXPECT_EQ(x.batch_fits, 4096U) << "its events take no time";
  EXPECT_EQ(x.oldest_age, seconds(2));
  EXPECT_EQ(snapshot.stages[3].all.oldest_age, Nanos(0));
  EXPECT_EQ(snapshot.uptime, seconds(2) + milliseconds(1));
}

TEST(Observer, AnEmptyStageHasNoAgeHoweverLongItIsNotTicked) {
  ToyNode node;
  node.Arrive(1, 1);
  node.Pass(milliseconds(1));
  node.TakeAll(1);
  node.Leave(1, 1);
  node.clock.Advance(seconds(100));  // idle pools sleep
  EXPECT_EQ(node.Take().stages[1].all.oldest_age, Nanos(0));
}

TEST(Observer, AddsUpShardsAndKeepsEach) {
  ToyNode node(3);
  for (std::size_t shard = 0; shard < 3; ++shard) {
    node.Arrive(shard, static_cast<int>(shard) + 1);
    node.tally.submission[shard].refused[std::size_t(Reason::kInFlight)].Add(10 + shard);
    node.tally.submission[shard].accepted[0].Add(5);
    node.inboxes[shard]->stats().wait[1].Add(microseconds(7));
  }
  node.inboxes[1]->controller().NoteRetry(milliseconds(5));
  node.Pass(milliseconds(1));
  const Snapshot snapshot = node.Take();
  ASSERT_EQ(snapshot.stages.size(), 6U);
  const Stage& submission = snapshot.stages[0];
  ASSERT_EQ(submission.shards.size(), 3U);
  EXPECT_EQ(submission.all.queued, 6);
  EXPECT_EQ(submission.all.capacity, 300);
  EXPECT_EQ(submission.all.refused_in_all(), 33U);
  EXPECT_EQ(submission.all.wait[1].count(), 3U);
  EXPECT_EQ(submission.shards[2].queued, 3);
  EXPECT_EQ(submission.shards[2].refused[std::size_t(Reason::kInFlight)], 12U);
  EXPECT_EQ(submission.all.retry_after, milliseconds(5));
  EXPECT_EQ(snapshot.tasks.accepted[0], 15U);
  EXPECT_EQ(snapshot.stages[1].all.refused_in_all(), 0U);
}

TEST(Observer, RatesAreOverTheLastSecondOrTwo) {
  ToyNode node;
  node.Arrive(1, 50);
  node.Leave(1, 50);  // long ago
  node.Pass(seconds(10));
  node.observer.Sample(node.clock.Now());
  node.Pass(seconds(1));
  node.observer.Sample(node.clock.Now());
  node.Arrive(1, 40);
  node.Leave(1, 30);
  node.inboxes[1]->stats().busy_ns.Add(500'000'000);
  node.tally.submission[0].refused[std::size_t(Reason::kQuota)].Add(20);
  node.Pass(seconds(1));
  const Snapshot snapshot = node.Take();
  const StageRates& rates = snapshot.stages[1].all.rates;
  EXPECT_DOUBLE_EQ(rates.in_per_s, 20);
  EXPECT_DOUBLE_EQ(rates.out_per_s, 15);
  EXPECT_DOUBLE_EQ(rates.utilisation, 0.25);
  EXPECT_DOUBLE_EQ(snapshot.stages[0].all.rates.shed_per_s, 10);
}

// A frame of submission can hold thousands of tasks; the other stages count tasks.
TEST(Observer, SubmissionIsCountedInTasksToo) {
  ToyNode node;
  node.Arrive(0, 2);  // frames
  node.observer.Sample(node.clock.Now());
  node.Pass(seconds(1));
  node.observer.Sample(node.clock.Now());
  node.tally.submission[0].accepted[1].Add(60);
  node.tally.submission[0].accepted[2].Add(4);
  node.tally.submission[0].repeated.Add(6);
  node.tally.submission[0].refused[std::size_t(Reason::kInFlight)].Add(30);
  node.Pass(seconds(1));
  const Snapshot snapshot = node.Take();
  const StageFigures& submission = snapshot.stages[0].all;
  EXPECT_EQ(submission.arrived, 100U);
  EXPECT_EQ(submission.left, 70U);
  EXPECT_DOUBLE_EQ(submission.rates.in_per_s, 50);
  EXPECT_DOUBLE_EQ(submission.rates.out_per_s, 35);
  EXPECT_DOUBLE_EQ(submission.rates.shed_per_s, 15);
}

TEST(Observer, JudgesTheStateOfAStage) {
  ToyNode node;
  const auto state = [&](std::size_t stage) { return node.Take().stages[stage].all.state; };
  node.Pass(milliseconds(10));
  EXPECT_EQ(state(4), StageState::kIdle);
  node.Arrive(4, 1);
  node.Leave(4, 1);
  node.Pass(seconds(1));
  EXPECT_EQ(state(4), StageState::kOk);
  node.inboxes[4]->stats().dropped += 3;
  EXPECT_EQ(state(4), StageState::kShedding);
  node.Arrive(4, 90);
  EXPECT_EQ(state(4), StageState::kSaturated);
  node.Pass(milliseconds(1));
  for (int i = 0; i < 3; ++i) {
    node.observer.Sample(node.clock.Now());
    node.Pass(seconds(1));
  }
  EXPECT_EQ(state(4), StageState::kStalled);
  node.Leave(4, 10);
  EXPECT_EQ(state(4), StageState::kOk);
}

TEST(Observer, SaysWhetherAndWhyNotTheNodeIsReady) {
  ToyNode node;
  EXPECT_TRUE(node.Take().ready());
  EXPECT_EQ(node.Take().why_not_ready(), "");
  node.figures.draining = true;
  EXPECT_FALSE(node.Take().ready());
  EXPECT_THAT(node.Take().why_not_ready(), testing::HasSubstr("draining"));
  node.figures = {.accepting = false, .why_not = "the journal is being read"};
  EXPECT_EQ(node.Take().why_not_ready(), "the journal is being read");
}

TEST(Reasons, AreListedWhole) {
  const std::vector<Reason> refusals = RefusalReasons();
  EXPECT_THAT(refusals, Contains(Reason::kInFlight));
  EXPECT_THAT(refusals, Contains(Reason::kSettled));
  EXPECT_THAT(refusals, Contains(Reason::kSessionEnded));
  EXPECT_THAT(refusals, Not(Contains(Reason::kBadRequest))) << "it is for other requests";
  EXPECT_THAT(refusals, Contains(Reason::kQuotaExceeded));
  EXPECT_THAT(refusals, Not(Contains(Reason::kNone)));
  const std::vector<Reason> failures = FailureReasons();
  EXPECT_THAT(failures, Contains(Reason::kTaskError));
  EXPECT_THAT(failures, Contains(Reason::kParkTimeout));
  EXPECT_THAT(failures, Contains(Reason::kNoWorker));
  EXPECT_THAT(failures, Not(Contains(Reason::kBadRequest)));
}

TEST(Process, IsReadFromTheSystemsText) {
  const ProcessFigures figures =
      ParseProcess("7 (a) b (c)) S 1 2 3 4 5 6 7 8 9 10 150 50 13 14 15 16 17 18 2000 20 30 x",
                   "cpu 1 2\nbtime 1700000000\nprocesses 3\n", 100, 4096);
  EXPECT_DOUBLE_EQ(figures.cpu_s, 2.0);
  EXPECT_EQ(figures.resident_bytes, 30 * 4096U);
  EXPECT_DOUBLE_EQ(figures.start_time_s, 1700000020.0);
  for (const char* damaged : {"", "7 (a", "7 (a) S", "7 (a) S 1 2 3"}) {
    EXPECT_EQ(ParseProcess(damaged, "", 100, 4096).resident_bytes, 0U) << damaged;
  }
  const ProcessFigures own = ReadProcess();
  EXPECT_GT(own.resident_bytes, 1U << 20);
  EXPECT_GT(own.start_time_s, 1.7e9);
}

}  // namespace
}  // namespace spillgate::admin
