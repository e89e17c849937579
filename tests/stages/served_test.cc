// How those fare that were let in: from publication, which counts it, to submission's controller;
// and the controller on trial beside that.
#include <algorithm>

#include "stages/served_since.h"
#include "tests/stages/publication_bench.h"
#include "tests/stages/submission_bench.h"

namespace spillgate::testing {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

class ServedTest : public PublicationBench {
 protected:
  ServedTest() { bench.signals.observed = true; }

  // A task that waited, ran, and ended now.
  TaskPtr Ran(std::uint64_t seq, Nanos wait, Nanos service,
              const std::vector<ObjectId>& args = {}) {
    TaskPtr task = bench.Accept(seq, function, args);
    task->begun = bench.now() - service;
    task->accepted = task->begun - wait;
    return task;
  }
  void PublishDone(TaskPtr task) { Publish(std::move(task), Bench::Done("")); }

  ServedSince since{bench.shared};
};

TEST_F(ServedTest, TellsWhatEndedSinceItWasLastAsked) {
  PublishDone(Ran(1, milliseconds(4), milliseconds(1)));
  PublishDone(Ran(2, milliseconds(8), milliseconds(3)));
  const flow::Served served = since.Take();
  EXPECT_EQ(served.count, 2U);
  EXPECT_EQ(served.samples, 2U);
  EXPECT_LE(served.least_wait, milliseconds(4));
  EXPECT_GE(served.least_wait, milliseconds(3));
  EXPECT_EQ(served.mean_wait, milliseconds(6));
  EXPECT_EQ(served.mean_service, milliseconds(2));
  EXPECT_GE(served.p90_response, milliseconds(11));
  EXPECT_LE(served.p90_response, milliseconds(14));
  EXPECT_EQ(served.slots, 2);
  EXPECT_EQ(since.Take().count, 0U);
  EXPECT_EQ(since.Take().samples, 0U);
}

TEST_F(ServedTest, NineOfTenAreNoLongerThanTheNinetieth) {
  for (std::uint64_t seq = 1; seq <= 20; ++seq) {
    PublishDone(Ran(seq, milliseconds(seq > 18 ? 500 : 1), Nanos(0)));
  }
  EXPECT_LE(since.Take().p90_response, microseconds(1300));
  for (std::uint64_t seq = 21; seq <= 40; ++seq) {
    PublishDone(Ran(seq, milliseconds(seq > 37 ? 500 : 1), Nanos(0)));
  }
  EXPECT_GE(since.Take().p90_response, milliseconds(500));
}

TEST_F(ServedTest, WhatWaitsForOthersEndsButSaysNothingOfTheWait) {
  TaskPtr child = Ran(1, milliseconds(4), milliseconds(1));
  child->depth = 1;
  PublishDone(std::move(child));
  const std::vector<ObjectId> args{{{Bench::kSession, 1}, 1}};
  PublishDone(Ran(2, milliseconds(4), milliseconds(1), args));
  const flow::Served served = since.Take();
  EXPECT_EQ(served.count, 2U);
  EXPECT_EQ(served.samples, 0U);
  EXPECT_EQ(served.mean_wait, Nanos(0));
}

TEST_F(ServedTest, WhatExpiredBeforeItRanHasWaitedAtLeastSoLong) {
  TaskPtr task = Ran(1, milliseconds(4), Nanos(0));
  task->begun = kNever;
  Outcome expired;
  expired.fate = Fate::kExpired;
  expired.reason = Reason::kDeadline;
  Publish(std::move(task), std::move(expired));
  Outcome stopped;
  stopped.fate = Fate::kCancelled;
  stopped.reason = Reason::kCancelled;
  Publish(Ran(2, milliseconds(4), Nanos(0)), std::move(stopped));
  const flow::Served served = since.Take();
  EXPECT_EQ(served.count, 0U) << "neither is a rate at which anything is done";
  EXPECT_EQ(served.samples, 1U);
  EXPECT_EQ(served.mean_wait, milliseconds(4));
}

TEST_F(ServedTest, AClockThatIsBehindMakesNoTimeOfIt) {
  PublishDone(Ran(1, -microseconds(3), -microseconds(5)));
  const flow::Served served = since.Take();
  EXPECT_EQ(served.mean_wait, Nanos(0));
  EXPECT_EQ(served.mean_service, Nanos(0));
}

TEST_F(ServedTest, NothingIsCountedForNobody) {
  bench.signals.observed = false;
  PublishDone(Ran(1, milliseconds(4), milliseconds(1)));
  EXPECT_EQ(since.Take().count, 0U);
}

// Lets in what it is told to, and remembers what it was told.
class Watching final : public flow::Controller {
 public:
  std::uint32_t Admit(const flow::Ask& ask, const flow::Load&, Instant) override {
    return std::min(ask.count, admits);
  }
  void Observe(const flow::Served& served, Instant) override { observed.push_back(served); }
  [[nodiscard]] bool Observes() const override { return true; }
  [[nodiscard]] bool NewestFirst() const override { return newest; }
  [[nodiscard]] std::string_view name() const override { return "watching"; }
  void Snapshot(flow::ControllerState&) const override {}

  std::uint32_t admits = 1000;
  bool newest = false;
  std::vector<flow::Served> observed;
};

class WatchedTest : public SubmissionBench {
 protected:
  // Of the place that the inbox has for it.
  Watching& Watch(bool on_trial) {
    auto made = std::make_unique<Watching>();
    Watching& watching = *made;
    on_trial ? inbox.UseDryRun(std::move(made)) : inbox.Use(std::move(made));
    return watching;
  }
};

TEST_F(WatchedTest, AControllerIsToldAtEachTick) {
  for (const bool on_trial : {false, true}) {
    Watching& watching = Watch(on_trial);
    ServedTally& served = bench.tally.publication[0].served;
    served.ran.Add(3);
    TickAfter(milliseconds(1));
    TickAfter(milliseconds(1));
    ASSERT_EQ(watching.observed.size(), 2U);
    EXPECT_EQ(watching.observed[0].count, 3U);
    EXPECT_EQ(watching.observed[1].count, 0U);
  }
}

TEST_F(WatchedTest, TheNewestGoFirstWhileItsControllerWantsIt) {
  Watching& watching = Watch(false);
  for (const bool newest : {true, false, true}) {
    watching.newest = newest;
    TickAfter(milliseconds(1));
    EXPECT_EQ(bench.account.newest_first(), newest);
  }
  inbox.Use(flow::MakeController("none"));
  TickAfter(milliseconds(1));
  EXPECT_FALSE(bench.account.newest_first());
}

TEST_F(WatchedTest, TheStageStaysAwakeUntilAllThatItLetInIsObserved) {
  Watch(false);
  TickAfter(milliseconds(1));
  EXPECT_TRUE(stage.Idle());
  EXPECT_EQ(Submit({.tasks = 1}), "accepted 1");
  TickAfter(milliseconds(1));
  EXPECT_FALSE(stage.Idle()) << "one is in flight";
  bench.tally.publication[0].served.ran.Add(1);
  End(0);
  EXPECT_FALSE(stage.Idle()) << "it has ended, and is not observed";
  TickAfter(milliseconds(1));
  TickAfter(milliseconds(1));
  EXPECT_TRUE(stage.Idle());
}

TEST_F(WatchedTest, OneThatObservesNothingLetsTheStageSleep) {
  EXPECT_EQ(Submit({.tasks = 1}), "accepted 1");
  EXPECT_TRUE(stage.Idle());
}

TEST_F(WatchedTest, WhatItRefusesIsBacklogAndNotTheNodesBound) {
  Watch(false).admits = 1;
  EXPECT_EQ(Submit({.tasks = 3}), "accepted 1, backlog 2");
  bench.in_flight.Resize(1, 1 << 20);
  EXPECT_EQ(Submit({.ask = {.first_seq = 4}}), "in_flight 1");
}

TEST_F(WatchedTest, ADryRunCountsWhatItWouldRefuseAndHasNoEffect) {
  Watching& trial = Watch(true);
  trial.admits = 1;
  EXPECT_EQ(Submit({.ask = {.cls = TaskClass::kHigh}, .tasks = 3}), "accepted 3");
  EXPECT_EQ(Submit({.ask = {.first_seq = 4}, .tasks = 2}), "accepted 2");
  const auto& refused = inbox.dry_run()->refused;
  EXPECT_EQ(refused[Index(TaskClass::kHigh)].get(), 2U);
  EXPECT_EQ(refused[Index(TaskClass::kNormal)].get(), 1U);
  inbox.UseDryRun(nullptr);
  EXPECT_EQ(Submit({.ask = {.first_seq = 6}, .tasks = 2}), "accepted 2");
  Watch(true);  // the one from before, with what it had counted
  EXPECT_EQ(inbox.dry_run()->refused[Index(TaskClass::kNormal)].get(), 1U);
}

TEST_F(WatchedTest, ADryRunByWorkSeesTheWork) {
  inbox.UseDryRun(flow::MakeController("work_bound"));
  bench.costs.Learn(function, milliseconds(10));
  EXPECT_EQ(Submit({.ask = {.remaining_us = 5'000}, .tasks = 3}), "accepted 3");
  EXPECT_EQ(inbox.dry_run()->refused[Index(TaskClass::kNormal)].get(), 2U)
      << "out of reach, but one may try";
}

}  // namespace
}  // namespace spillgate::testing
