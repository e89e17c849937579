// Scheduling of short tasks: behind slots that come free soon the next ones are placed already.
// Whatever becomes of them, and in whatever order that is heard of, no lease is lost or made.
#include <gmock/gmock.h>

#include <algorithm>
#include <random>
#include <set>

#include "tests/stages/scheduling_bench.h"

namespace spillgate::testing {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

// Two slots and a thread for each; the function takes 100 us.
class PrefetchTest : public SchedulingBench {
 protected:
  PrefetchTest() : SchedulingBench(2) {
    Learn(one, microseconds(100));
    Learn(blocks, microseconds(100));
  }

  void Learn(FunctionId function, Nanos cost) {
    for (int i = 0; i < 20; ++i) bench.costs.Learn(CostKey(function, 0), cost);
  }
  void Resolve(std::initializer_list<std::uint64_t> seqs) {
    for (const std::uint64_t seq : seqs) SchedulingBench::Resolve(seq, one);
  }
  void End(std::size_t i) {
    SlotFreed freed = Freed(i);
    freed.cost = freed.span = microseconds(100);
    freed.lent = lent_.contains(freed.task);
    Handle(std::move(freed));
  }
  void Block(std::size_t i, TaskId awaited = {}) {
    SlotLent lent = Lent(i, RunNotice::Kind::kBlocked, awaited);
    lent.hands_on &= lent_.insert(lent.notice.task).second;
    Handle(std::move(lent));
  }
  [[nodiscard]] bool IsAhead(std::size_t i) const { return placed.events[i].task->prefetched; }
  [[nodiscard]] const Resources& free() const { return stage.free(); }

  const FunctionId blocks = bench.AddFunction("blocks", 1000);

 private:
  std::set<TaskId> lent_;
};

TEST_F(PrefetchTest, OneStandsBehindEachSlotAndGetsItsLease) {
  Resolve({1, 2, 3, 4, 5, 6});
  EXPECT_THAT(PlacedSeqs(), ElementsAre(1, 2, 3, 4));
  EXPECT_FALSE(IsAhead(0) || IsAhead(1));
  EXPECT_EQ(placed.events[2].task->behind, 0U);
  EXPECT_TRUE(IsAhead(3));
  EXPECT_EQ(placed.events[3].task->behind, 1U);
  EXPECT_EQ(placed.events[3].task->heard, 0U);
  End(0);
  EXPECT_EQ(free(), Cpu(0)) << "the third has it";
  EXPECT_THAT(PlacedSeqs(), ElementsAre(1, 2, 3, 4, 5));
  EXPECT_TRUE(IsAhead(4));
  EXPECT_EQ(placed.events[4].task->behind, 1U);
  EXPECT_EQ(placed.events[4].task->heard, 1U);
  for (std::size_t i = 1; i < 6; ++i) End(i);
  EXPECT_EQ(free(), Cpu(2000));
  EXPECT_EQ(bench.tally.scheduling.prefetched.get(), 4U);
}

TEST_F(PrefetchTest, NothingIsPlacedBehindLongRunsOrInTheRoomThatIsKept) {
  Learn(two, microseconds(100));
  const FunctionId slow = bench.AddFunction("slow", 1000);
  Learn(slow, milliseconds(20));
  SchedulingBench::Resolve(1, slow);
  SchedulingBench::Resolve(2, slow);
  Resolve({3});
  EXPECT_THAT(PlacedSeqs(), ElementsAre(1, 2)) << "who comes in the meantime may be before it";
  End(0);
  EXPECT_THAT(PlacedSeqs(), ElementsAre(1, 2, 3));
  End(1);
  SchedulingBench::Resolve(4, two);
  Resolve({5});
  EXPECT_THAT(PlacedSeqs(), ElementsAre(1, 2, 3, 5)) << "it fits beside the third";
  bench.clock.Advance(milliseconds(11));
  Resolve({6});
  EXPECT_THAT(PlacedSeqs(), ElementsAre(1, 2, 3, 5)) << "the fourth has waited for long enough";
}

TEST_F(PrefetchTest, ARunThatTakesTooLongHasNothingMorePlacedBehindIt) {
  Resolve({1, 2});
  bench.clock.Advance(milliseconds(3));
  Resolve({3});
  EXPECT_THAT(PlacedSeqs(), ElementsAre(1, 2));
}

TEST_F(PrefetchTest, WhoComesFirstInOrderIsNotPassedByAShorterOne) {
  const FunctionId slow = bench.AddFunction("slow", 1000);
  Learn(slow, milliseconds(20));
  Resolve({1, 2});
  TaskPtr first = bench.Accept(3, slow);
  first->cls = first->root->cls = TaskClass::kHigh;
  Handle(Resolved{std::move(first)}, Resolved{bench.Accept(4, one)});
  EXPECT_THAT(PlacedSeqs(), ElementsAre(1, 2));
  End(0);
  EXPECT_THAT(PlacedSeqs(), ElementsAre(1, 2, 3, 4)) << "the other slot is due";
}

TEST_F(PrefetchTest, ABlockedOneLendsItsSlotAndTakesItBack) {
  SchedulingBench::Resolve(1, blocks);
  Resolve({2, 3});
  ASSERT_TRUE(IsAhead(2));
  Block(0);
  EXPECT_EQ(granted.events.size(), 1U) << "nobody else wants it";
  EXPECT_EQ(free(), Cpu(0));
  Handle(Lent(0, RunNotice::Kind::kResumed));
  EXPECT_EQ(free(), Cpu(-1000));
  Resolve({4});
  EXPECT_THAT(PlacedSeqs(), ElementsAre(1, 2, 3)) << "what comes free next is not for others";
  End(2);
  EXPECT_EQ(free(), Cpu(0));
  EXPECT_THAT(PlacedSeqs(), ElementsAre(1, 2, 3, 4));
  EXPECT_TRUE(IsAhead(3));
  End(0);
  EXPECT_EQ(granted.events.size(), 2U) << "such a lease does not go on by itself";
  EXPECT_EQ(free(), Cpu(0));
  End(1);
  End(3);
  EXPECT_EQ(free(), Cpu(2000));
}

TEST_F(PrefetchTest, WhatABlockedOneWaitsForComesBeforeWhatWasPrefetched) {
  SchedulingBench::Resolve(1, blocks);
  Resolve({2, 3});
  Resolve({4, 5});
  ASSERT_TRUE(IsAhead(3));
  Block(0, {Bench::kSession, 5});
  EXPECT_THAT(PlacedSeqs(), ElementsAre(1, 2, 3, 4, 5));
  EXPECT_EQ(placed.events[4].nested_in, placed.events[0].task->id);
  EXPECT_FALSE(placed.events[4].task->hands_on) << "its parent takes the slot back";
  EXPECT_THAT(granted.events, IsEmpty());
}

TEST_F(PrefetchTest, WhatMayWaitForOthersIsNotPlacedAhead) {
  SchedulingBench::Resolve(1, blocks);
  Resolve({2});
  Block(0);
  Handle(Lent(0, RunNotice::Kind::kResumed));
  SchedulingBench::Resolve(3, blocks);
  Resolve({4});
  EXPECT_THAT(PlacedSeqs(), ElementsAre(1, 2));
}

TEST_F(PrefetchTest, OneThatIsHeldUpComesBackAndIsPlacedAnew) {
  Resolve({1, 2, 3});
  ASSERT_TRUE(IsAhead(2));
  bench.clock.Advance(milliseconds(2));
  SlotFreed freed = Freed(2);
  freed.lesson = SlotFreed::Lesson::kNone;
  freed.cost = Nanos(0);
  freed.waited = true;
  Handle(std::move(freed), Returned{std::move(placed.events[2].task)});
  placed.events.pop_back();
  EXPECT_EQ(free(), Cpu(0));
  EXPECT_THAT(PlacedSeqs(), ElementsAre(1, 2)) << "those take long";
  EXPECT_EQ(stage.ready().size(), 1U);
  End(1);
  EXPECT_THAT(PlacedSeqs(), ElementsAre(1, 2, 3));
  EXPECT_FALSE(IsAhead(2));
  Resolve({4});
  EXPECT_EQ(placed.events[3].task->heard, 1U) << "what has had no slot has not ended";
  End(0);
  End(2);
  End(3);
  EXPECT_EQ(free(), Cpu(2000));
}

TEST_F(PrefetchTest, WhatExecutionHasNoPlaceForIsReadyAgain) {
  Resolve({1, 2});
  placed.full = true;
  Resolve({3});
  placed.full = false;
  EXPECT_EQ(stage.ready().size(), 1U);
  End(0);
  End(1);
  EXPECT_THAT(PlacedSeqs(), ElementsAre(1, 2, 3));
  End(2);
  EXPECT_EQ(free(), Cpu(2000));
}

// What handing a slot on takes is the time between two ends beside the run.
TEST_F(PrefetchTest, HandOversAreLearnedFromTheLeaseNotFromThePlacement) {
  Resolve({1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16});
  for (std::size_t i = 0; i < 12; i += 2) {
    bench.clock.Advance(microseconds(107));
    End(i);
    End(i + 1);
  }
  const Nanos takes = bench.costs.Takes(CostKey(one, 0));
  EXPECT_GE(takes, microseconds(104));
  EXPECT_LE(takes, microseconds(108));
}

// News of several threads come in any order; a prefetched task may end, block or be given back
// before its lease has come to it.
TEST_F(PrefetchTest, NoLeaseIsLostInWhateverOrderTheNewsCome) {
  std::mt19937_64 random(7);
  for (int round = 0; round < 60; ++round) {
    placed.events.clear();
    // Nothing is known of it but what it takes, until one of it blocks.
    const FunctionId blocker = bench.AddFunction("blocker" + std::to_string(round), 1000);
    Learn(blocker, microseconds(50));
    std::vector<std::size_t> running;
    std::vector<std::size_t> blocked;
    std::uint64_t left = 30;
    while (left > 0 || !running.empty() || !blocked.empty()) {
      const std::size_t before = placed.events.size();
      const std::uint64_t kind = random() % 8;
      if (kind < 3 && left > 0) {
        const std::uint64_t seq = static_cast<std::uint64_t>(round) * 100 + left--;
        SchedulingBench::Resolve(seq, random() % 3 == 0 ? blocker : one);
      } else if (kind == 3 && !running.empty()) {
        std::swap(running[random() % running.size()], running.back());
        if (placed.events[running.back()].task->function->id != blocker) continue;
        blocked.push_back(running.back());
        running.pop_back();
        Block(blocked.back());
      } else if (kind == 4 && !blocked.empty()) {
        running.push_back(blocked.back());
        blocked.pop_back();
        Handle(Lent(running.back(), RunNotice::Kind::kResumed));
      } else if (!running.empty()) {
        std::swap(running[random() % running.size()], running.back());
        const std::size_t ended = running.back();
        running.pop_back();
        bench.clock.Advance(microseconds(random() % 200));
        End(ended);
      }
      for (std::size_t i = before; i < placed.events.size(); ++i) running.push_back(i);
    }
    ASSERT_EQ(free(), Cpu(2000)) << "round " << round;
    ASSERT_EQ(stage.ready().size(), 0U);
    for (Placed& each : placed.events) bench.Settle(std::move(each.task), Bench::Done("x"));
  }
}

}  // namespace
}  // namespace spillgate::testing
