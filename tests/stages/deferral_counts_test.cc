// How tasks are counted that can wait, where they are placed before there is a slot for them: once,
// and with all the time that they waited.
#include "tests/stages/scheduling_bench.h"

namespace spillgate::testing {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

// Two slots, and tasks of 100 us. Four that cannot wait are before the others, which get behind a
// slot 2 ms after they came.
class DeferralCountsTest : public SchedulingBench {
 protected:
  DeferralCountsTest() : SchedulingBench(2) {
    for (int i = 0; i < 20; ++i) bench.costs.Learn(CostKey(one, 0), microseconds(100));
    for (const std::uint64_t seq : {1, 2, 3, 4}) Resolve(seq, one);
  }
  void ResolvePatient(std::uint64_t seq, Instant deadline = kNever) {
    TaskPtr task = bench.Accept(seq, one);
    task->root->line = 1;
    task->deadline = task->root->deadline = deadline;
    Handle(Resolved{std::move(task)});
  }
  // The third and the fourth run, and what comes next is placed behind them.
  void RunOn() {
    bench.clock.Advance(milliseconds(2));
    End(0, 3);
    End(1, 4);
  }
  void End(std::size_t i, std::uint64_t heir = 0) {
    SlotFreed freed = Freed(i);
    freed.cost = freed.span = microseconds(100);
    if (heir != 0) freed.handed_to = {Bench::kSession, heir};
    Handle(std::move(freed));
  }
  // Its turn did not come soon.
  void HoldUp(std::size_t i) {
    SlotFreed freed = Freed(i);
    freed.cost = Nanos(0);
    freed.lesson = SlotFreed::Lesson::kNone;
    placed.events[i].task->held_up = true;
    Handle(std::move(freed), Returned{std::move(placed.events[i].task)});
  }
  [[nodiscard]] std::uint64_t Counted(DeferralTally::Outcome how) const {
    return bench.tally.scheduling.deferrals.outcomes[how].get();
  }
  [[nodiscard]] Nanos Waited() const {
    return Nanos(static_cast<std::int64_t>(bench.tally.scheduling.deferrals.ages.sum_ns()));
  }
};

TEST_F(DeferralCountsTest, WhatIsHeldUpWaitsOnAndIsCountedOnce) {
  ResolvePatient(5);
  ResolvePatient(6);
  RunOn();
  ASSERT_EQ(placed.events.size(), 6U);
  ASSERT_TRUE(placed.events[4].task->prefetched && placed.events[5].task->prefetched);
  EXPECT_EQ(Counted(DeferralTally::kRun), 0U) << "they have no slot yet";
  HoldUp(4);
  EXPECT_EQ(Counted(DeferralTally::kRun), 0U);
  bench.clock.Advance(milliseconds(1));
  End(2);
  EXPECT_EQ(Counted(DeferralTally::kRun), 1U) << "the sixth has the slot";
  End(3);
  ASSERT_EQ(placed.events.size(), 7U);
  EXPECT_EQ(Counted(DeferralTally::kRun), 2U);
  EXPECT_EQ(Waited(), milliseconds(3 + 3));
}

TEST_F(DeferralCountsTest, WhatExpiresAfterItWasHeldUpDidNotRun) {
  ResolvePatient(5, bench.now() + milliseconds(10));
  RunOn();
  ASSERT_EQ(placed.events.size(), 5U);
  HoldUp(4);
  bench.clock.Advance(milliseconds(20));
  stage.Tick(bench.now());
  EXPECT_EQ(Counted(DeferralTally::kRun), 0U);
  EXPECT_EQ(Counted(DeferralTally::kExpired), 1U);
  EXPECT_EQ(Waited(), milliseconds(22));
}

TEST_F(DeferralCountsTest, WhatRanBeforeItsSlotWasHeardOfRan) {
  ResolvePatient(5);
  RunOn();
  ASSERT_EQ(placed.events.size(), 5U);
  End(4);
  EXPECT_EQ(Counted(DeferralTally::kRun), 1U);
  End(2, 5);
  EXPECT_EQ(Counted(DeferralTally::kRun), 1U);
  EXPECT_EQ(Waited(), milliseconds(2));
}

TEST_F(DeferralCountsTest, SoDidWhatBlocked) {
  ResolvePatient(5);
  RunOn();
  ASSERT_EQ(placed.events.size(), 5U);
  Handle(Lent(4, RunNotice::Kind::kBlocked));
  EXPECT_EQ(Counted(DeferralTally::kRun), 1U);
  End(2, 5);
  EXPECT_EQ(Counted(DeferralTally::kRun), 1U);
}

}  // namespace
}  // namespace spillgate::testing
