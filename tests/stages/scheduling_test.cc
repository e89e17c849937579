#include "stages/scheduling.h"

#include "tests/stages/scheduling_bench.h"

namespace spillgate::testing {
namespace {

using std::chrono::milliseconds;

class SchedulingTest : public SchedulingBench {};

TEST_F(SchedulingTest, PlacesWhatFitsAndTheRestWhenALeaseComesHome) {
  for (std::uint64_t seq = 1; seq <= 3; ++seq) Resolve(seq, one);
  EXPECT_EQ(PlacedSeqs(), (Seqs{1, 2}));
  EXPECT_EQ(stage.free(), Cpu(0));
  Handle(Freed(0));
  EXPECT_EQ(PlacedSeqs(), (Seqs{1, 2, 3}));
  Handle(Freed(1), Freed(2));
  EXPECT_EQ(stage.free(), Cpu(2000));
}

TEST_F(SchedulingTest, GivesOutMoreSlotsWhileTasksWaitForSomethingOutside) {
  for (std::uint64_t seq = 1; seq <= 9; ++seq) Resolve(seq, one);
  EXPECT_EQ(placed.events.size(), 2U);
  std::uint32_t period = 0;
  const auto tick = [&](std::uint32_t busy) {
    bench.shared.signals.cpu = CpuPeriod{.number = ++period, .busy = busy};
    stage.Tick(bench.now());  // finds out
    stage.Tick(bench.now());  // gives out
    return placed.events.size();
  };
  EXPECT_EQ(tick(2000), 2U) << "they compute";
  EXPECT_TRUE(bench.shared.signals.slots_wanted.load());
  EXPECT_EQ(tick(20), 4U);
  EXPECT_EQ(tick(40), 6U) << "the most that is allowed";
  EXPECT_EQ(tick(60), 6U);
  EXPECT_EQ(tick(6000), 6U) << "they compute again, and are not interrupted";
  for (std::size_t i = 0; i < 3; ++i) Handle(Freed(i));
  EXPECT_EQ(placed.events.size(), 6U) << "but the slots that come home are not given out";
  for (std::size_t i = 3; i < 6; ++i) Handle(Freed(i));
  tick(0);
  for (std::size_t i = 6; i < placed.events.size(); ++i) Handle(Freed(i));
  tick(0);
  EXPECT_EQ(placed.events.size(), 9U);
  tick(0);
  EXPECT_EQ(stage.free(), Cpu(2000)) << "and in the end there are as many as there were";
}

TEST_F(SchedulingTest, WhatFitsNowhereIsInfeasibleAndSaysWhatIsMissing) {
  Resolve(1, huge);
  ASSERT_EQ(finished.events.size(), 1U);
  EXPECT_EQ(finished.events[0].task->outcome.reason, Reason::kInfeasible);
  EXPECT_NE(finished.events[0].task->outcome.failure->message.find("cpu 3 of 2"),
            std::string::npos);
}

TEST_F(SchedulingTest, WhatFitsNowhereHereIsSpilledOnceAndThenInfeasible) {
  peers.there = true;
  Resolve(1, huge);
  ASSERT_EQ(spilled.events.size(), 1U);
  Handle(Returned{std::move(spilled.events[0].task)});
  ASSERT_EQ(finished.events.size(), 1U);
  EXPECT_EQ(finished.events[0].task->outcome.reason, Reason::kInfeasible);
  EXPECT_EQ(spilled.events.size(), 1U);
}

TEST_F(SchedulingTest, WhatSpilloverHasNoPlaceForIsOfferedAgainAndNeverReady) {
  peers.there = true;
  spilled.full = true;
  Resolve(1, huge);
  Resolve(2, huge);
  EXPECT_TRUE(stage.ready().empty());
  bench.MarkCancelled({Bench::kSession, 2});
  spilled.full = false;
  stage.Tick(bench.now());
  ASSERT_EQ(spilled.events.size(), 1U);
  EXPECT_EQ(spilled.events[0].task->id.seq, 1U);
  ASSERT_EQ(finished.events.size(), 1U);
  EXPECT_EQ(finished.events[0].task->outcome.fate, Fate::kCancelled);
}

TEST_F(SchedulingTest, SmallerTasksPassOneThatDoesNotFitForABoundedTime) {
  Resolve(1, one);
  Resolve(2, two);
  Resolve(3, one);
  EXPECT_EQ(PlacedSeqs(), (Seqs{1, 3})) << "3 passes 2, which does not fit";
  bench.clock.Advance(milliseconds(20));
  stage.Tick(bench.now());
  Resolve(4, one);
  Handle(Freed(0));
  EXPECT_EQ(PlacedSeqs(), (Seqs{1, 3})) << "room is kept for 2 now";
  Handle(Freed(1));
  EXPECT_EQ(PlacedSeqs(), (Seqs{1, 3, 2}));
}

TEST_F(SchedulingTest, TenantsShareTheNodeByTheirWorkWhateverEachAsksFor) {
  for (std::uint64_t seq = 1; seq <= 6; ++seq) ResolveOf(seq, 1);
  for (std::uint64_t seq = 11; seq <= 13; ++seq) ResolveOf(seq, 2);
  EXPECT_EQ(RunAll(9), (Seqs{1, 11, 2, 12, 3, 13, 4, 5, 6}));
}

TEST_F(SchedulingTest, ATenantOfTwiceTheWeightGetsTwiceTheWork) {
  const TenantId light = bench.tenants.Set("light", 1, 100);
  const TenantId heavy = bench.tenants.Set("heavy", 2, 100);
  stage.Tick(bench.now());  // reads the weights
  for (std::uint64_t seq = 1; seq <= 9; ++seq) ResolveOf(seq, light);
  for (std::uint64_t seq = 11; seq <= 19; ++seq) ResolveOf(seq, heavy);
  const Seqs order = RunAll(9);
  const auto heavy_ones =
      std::count_if(order.begin(), order.end(), [](auto seq) { return seq > 10; });
  EXPECT_EQ(heavy_ones, 6);
}

TEST_F(SchedulingTest, TheHigherClassGoesFirst) {
  ResolveOf(1, 1);
  ResolveOf(2, 1, TaskClass::kSheddable);
  ResolveOf(3, 1, TaskClass::kNormal);
  ResolveOf(4, 1, TaskClass::kCritical);
  EXPECT_EQ(RunAll(4), (Seqs{1, 4, 3, 2}));
}

TEST_F(SchedulingTest, AFunctionAtItsLimitWaitsAndHoldsUpNobody) {
  Resolve(1, single);
  Resolve(2, single);
  Resolve(3, one);
  EXPECT_EQ(PlacedSeqs(), (Seqs{1, 3}));
  Handle(Freed(0));
  EXPECT_EQ(PlacedSeqs(), (Seqs{1, 3, 2}));
}

TEST_F(SchedulingTest, ABlockedTaskLendsItsResourcesAndTheSlotOfItsFunction) {
  Resolve(1, single);
  Resolve(2, single);
  EXPECT_EQ(PlacedSeqs(), (Seqs{1}));
  Handle(Lent(0, RunNotice::Kind::kBlocked));
  EXPECT_EQ(PlacedSeqs(), (Seqs{1, 2}));
  Handle(Lent(0, RunNotice::Kind::kResumed));
  EXPECT_EQ(stage.free(), Cpu(1000));
  Handle(Freed(0), Freed(1));
  EXPECT_EQ(stage.free(), Cpu(2000));
  EXPECT_EQ(stage.ready().Running(single), 0U);
}

TEST_F(SchedulingTest, AnAwaitedChildRunsInThePlaceOfItsParentAheadOfOthers) {
  Resolve(1, two);
  Resolve(2, two);
  TaskPtr child = bench.Accept(3, two);
  child->root = placed.events[0].task->root;
  Handle(Resolved{std::move(child)});
  Handle(Lent(0, RunNotice::Kind::kBlocked, {Bench::kSession, 3}));
  EXPECT_EQ(PlacedSeqs(), (Seqs{1, 3}));
  EXPECT_EQ(placed.events[1].nested_in, (TaskId{Bench::kSession, 1}));
}

TEST_F(SchedulingTest, AResumedTaskTakesItsSlotBackWhetherOrNotItIsFree) {
  Resolve(1, two);
  Resolve(2, two);
  Handle(Lent(0, RunNotice::Kind::kBlocked));
  EXPECT_EQ(PlacedSeqs(), (Seqs{1, 2}));
  Handle(Lent(0, RunNotice::Kind::kResumed));
  EXPECT_EQ(stage.free(), Cpu(-2000));
  Resolve(3, one);
  EXPECT_EQ(PlacedSeqs(), (Seqs{1, 2})) << "nothing is free";
  Handle(Freed(0), Freed(1));
  EXPECT_EQ(PlacedSeqs(), (Seqs{1, 2, 3}));
}

TEST_F(SchedulingTest, WhatExecutionHasNoPlaceForIsReadyAgainWithItsLeaseFree) {
  placed.full = true;
  Resolve(1, two);
  EXPECT_EQ(stage.free(), Cpu(2000));
  EXPECT_EQ(stage.ready().size(), 1U);
  placed.full = false;
  Handle();
  EXPECT_EQ(PlacedSeqs(), (Seqs{1}));
}

// No thread is left for a short task beside the slots.
class FixedSlotsTest : public SchedulingBench {
 protected:
  FixedSlotsTest() : SchedulingBench(2) {}
};

// It has no slot that it could give back once more.
TEST_F(FixedSlotsTest, KnowsOfThoseThatRunAlsoWhenABlockedOneAsksForMore) {
  bench.costs.Learn(one, milliseconds(50));
  Resolve(1, one);
  Resolve(2, one);
  Handle(Lent(0, RunNotice::Kind::kBlocked));
  SlotLent more = Lent(0, RunNotice::Kind::kBlocked, {Bench::kSession, 77});
  more.held = {};
  more.function = nullptr;
  Handle(std::move(more));
  Handle(Lent(0, RunNotice::Kind::kResumed));
  bench.clock.Advance(milliseconds(10));
  stage.Tick(bench.now());
  EXPECT_EQ(bench.account.BusyFor(kCpu, bench.now()), milliseconds(10))
      << "as long as it has run since";
}

TEST_F(FixedSlotsTest, SaysUntilWhenAllAreHeld) {
  const auto busy = [&] { return bench.account.BusyFor(kCpu, bench.now()); };
  bench.costs.Learn(one, milliseconds(30));
  Resolve(1, one);
  EXPECT_EQ(busy(), Nanos(0)) << "one is free";
  bench.clock.Advance(milliseconds(10));
  Resolve(2, one);
  EXPECT_EQ(busy(), milliseconds(20)) << "the first ends before the second";
  Handle(Lent(0, RunNotice::Kind::kBlocked));
  EXPECT_EQ(busy(), Nanos(0));
  Handle(Lent(0, RunNotice::Kind::kResumed));
  EXPECT_EQ(busy(), Nanos(0)) << "nobody knows how long it still takes";
  Handle(Freed(0));
  EXPECT_EQ(busy(), Nanos(0));
  Resolve(3, one);
  EXPECT_EQ(busy(), std::chrono::microseconds(15'500)) << "the mean of what it took";
}

TEST_F(SchedulingTest, ADoomedPlacementGivesItsLeaseBack) {
  Resolve(1, single);
  Placed event = std::move(placed.events[0]);
  bench.MarkCancelled(event.task->id);
  stage.DropPlaced(std::move(event));
  Handle();
  EXPECT_EQ(stage.free(), Cpu(2000));
  EXPECT_EQ(stage.ready().Running(single), 0U);
  ASSERT_EQ(finished.events.size(), 1U);
  EXPECT_EQ(finished.events[0].task->outcome.fate, Fate::kCancelled);
}

TEST_F(SchedulingTest, ACancelReachesWhatWaitsAndWhatItHasOvertaken) {
  Resolve(1, two);
  Resolve(2, two);
  Handle(CancelAsked{{Bench::kSession, 2}});
  ASSERT_EQ(finished.events.size(), 1U);
  TaskPtr overtaken = bench.Accept(3, two);
  bench.MarkCancelled(overtaken->id);
  Handle(CancelAsked{{Bench::kSession, 3}}, Resolved{std::move(overtaken)});
  ASSERT_EQ(finished.events.size(), 2U);
  EXPECT_EQ(finished.events[1].task->outcome.fate, Fate::kCancelled);
  EXPECT_TRUE(stage.ready().empty());
}

TEST_F(SchedulingTest, WhatCouldWaitAndDidIsCountedWithHowItEnded) {
  const SchedulingTally& tally = bench.tally.scheduling;
  const auto resolve = [&](std::uint64_t seq, Instant deadline) {
    TaskPtr task = bench.Accept(seq, two);
    task->root->line = 1;
    task->deadline = deadline;
    Handle(Resolved{std::move(task)});
  };
  resolve(1, kNever);
  for (const std::uint64_t seq : {2, 3}) resolve(seq, kNever);
  resolve(4, bench.now() + milliseconds(3));
  EXPECT_EQ(bench.account.At(TaskClass::kNormal).patient.get(), 3);
  bench.clock.Advance(milliseconds(2));
  Handle(Freed(0));
  bench.clock.Advance(milliseconds(2));
  stage.Tick(bench.now());
  Handle(CancelAsked{{Bench::kSession, 3}});
  EXPECT_EQ(tally.deferrals.outcomes[DeferralTally::kRun].get(), 1U) << "the first did not wait";
  EXPECT_EQ(tally.deferrals.outcomes[DeferralTally::kExpired].get(), 1U);
  EXPECT_EQ(tally.deferrals.outcomes[DeferralTally::kCancelled].get(), 1U);
  EXPECT_EQ(tally.deferrals.ages.sum_ns(), Nanos(milliseconds(2 + 4 + 4)).count());
  EXPECT_EQ(bench.account.At(TaskClass::kNormal).patient.get(), 0);
}

TEST_F(SchedulingTest, ADeadlinePassesWhileATaskWaits) {
  Resolve(1, two);
  TaskPtr due = bench.Accept(2, two);
  due->deadline = bench.now() + milliseconds(5);
  Handle(Resolved{std::move(due)});
  bench.clock.Advance(milliseconds(6));
  stage.Tick(bench.now());
  ASSERT_EQ(finished.events.size(), 1U);
  EXPECT_EQ(finished.events[0].task->outcome.fate, Fate::kExpired);
}

TEST_F(SchedulingTest, EndedTasksThatCouldNotPassAreHandedOnAtTheNextTick) {
  finished.full = true;
  Resolve(1, huge);
  EXPECT_TRUE(finished.events.empty());
  finished.full = false;
  stage.Tick(bench.now());
  EXPECT_EQ(finished.events.size(), 1U);
}

TEST_F(SchedulingTest, FlushGivesUpWhatWaits) {
  Resolve(1, two);
  Resolve(2, two);
  stage.Flush(bench.now());
  ASSERT_EQ(finished.events.size(), 1U);
  EXPECT_EQ(finished.events[0].task->outcome.reason, Reason::kDrained);
}

TEST_F(SchedulingTest, ANodeWhoseRootsHaveEndedMaySleepHoweverFarTheirDeadlinesAre) {
  bench.costs.LearnRoot(one);
  for (int i = 0; i < 8; ++i) {
    bench.costs.LearnSpawn(one, milliseconds(1), bench.Takes(milliseconds(1)));
  }
  bench.costs.LearnRoot(one);
  TaskPtr task = bench.Accept(1, one);
  Root& root = *task->root;
  root.id = task->id;
  root.function = one;
  root.deadline = bench.now() + std::chrono::hours(1);
  root.promise = std::make_unique<WorkPromise>(bench.account, WorkPromise::Of{.cls = root.cls},
                                               bench.Takes(milliseconds(1)), 4);
  Handle(Resolved{std::move(task)});
  stage.Tick(bench.now());
  EXPECT_FALSE(stage.Idle()) << "it may bring four more";
  Handle(Freed(0));
  bench.Settle(std::move(placed.events[0].task), Bench::Done("all"));
  stage.Tick(bench.now());
  EXPECT_TRUE(stage.Idle());
}

}  // namespace
}  // namespace spillgate::testing
