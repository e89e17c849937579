// Scheduling of short tasks: behind slots that come free soon the next ones are placed already.
// Whatever becomes of them, and in whatever order that is heard of, no lease is lost or made.
#include <gmock/gmock.h>

#include <algorithm>
#include <deque>
#include <functional>
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
  // Its slot is handed to the heir, if any.
  void End(std::size_t i, std::uint64_t heir = 0) {
    SlotFreed freed = Freed(i);
    freed.cost = freed.span = microseconds(100);
    if (heir != 0) freed.handed_to = {Bench::kSession, heir};
    Handle(std::move(freed));
  }
  void Block(std::size_t i, TaskId awaited = {}) {
    Handle(Lent(i, RunNotice::Kind::kBlocked, awaited));
  }
  [[nodiscard]] bool IsAhead(std::size_t i) const { return placed.events[i].task->prefetched; }
  [[nodiscard]] const Resources& free() const { return stage.free(); }

  const FunctionId blocks = bench.AddFunction("blocks", 1000);
};

TEST_F(PrefetchTest, OneStandsBehindEachSlotAndGetsItsLease) {
  Resolve({1, 2, 3, 4, 5, 6});
  EXPECT_THAT(PlacedSeqs(), ElementsAre(1, 2, 3, 4));
  EXPECT_FALSE(IsAhead(0) || IsAhead(1));
  EXPECT_TRUE(IsAhead(2) && IsAhead(3));
  EXPECT_EQ(stage.ready().Running(one), 2U);
  End(0, 3);
  EXPECT_EQ(free(), Cpu(0)) << "the third has it";
  EXPECT_EQ(stage.ready().Running(one), 2U);
  EXPECT_THAT(PlacedSeqs(), ElementsAre(1, 2, 3, 4, 5));
  EXPECT_TRUE(IsAhead(4));
  End(1, 4);
  End(2, 5);
  End(3, 6);
  End(4);
  End(5);
  EXPECT_EQ(free(), Cpu(2000));
  EXPECT_EQ(stage.ready().Running(one), 0U);
  EXPECT_THAT(granted.events, IsEmpty());
  EXPECT_EQ(bench.tally.scheduling.prefetched.get(), 4U);
}

// Its task came to where it runs when that run had ended.
TEST_F(PrefetchTest, ASlotThatNobodyWasHandedIsGranted) {
  Resolve({1, 2, 3});
  ASSERT_TRUE(IsAhead(2));
  End(0);
  ASSERT_EQ(granted.events.size(), 1U);
  EXPECT_EQ(granted.events[0].task, placed.events[2].task->id);
  EXPECT_EQ(free(), Cpu(0));
}

TEST_F(PrefetchTest, WhoEndsBeforeItIsKnownToHaveASlotTakesNoneAway) {
  Resolve({1, 2, 3});
  End(2);
  EXPECT_EQ(free(), Cpu(0)) << "the slot of the first, whose end is still to come";
  EXPECT_EQ(stage.ready().Running(one), 2U);
  End(0, 3);
  EXPECT_EQ(free(), Cpu(1000));
  End(1);
  EXPECT_EQ(free(), Cpu(2000));
}

TEST_F(PrefetchTest, ASlotGoesToWhoHasItInTheEnd) {
  Resolve({1, 2, 3, 4});
  ASSERT_TRUE(IsAhead(2) && IsAhead(3));
  End(2, 4);
  EXPECT_EQ(free(), Cpu(0));
  End(0, 3);
  EXPECT_EQ(free(), Cpu(0)) << "the fourth runs on it";
  End(1);
  EXPECT_EQ(free(), Cpu(1000));
  End(3);
  EXPECT_EQ(free(), Cpu(2000));
  EXPECT_THAT(granted.events, IsEmpty());
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
  EXPECT_EQ(granted.events.size(), 2U) << "such a slot is handed to nobody";
  EXPECT_EQ(free(), Cpu(0));
  End(1);
  End(3);
  EXPECT_EQ(free(), Cpu(2000));
}

// Whose turn it was when that was placed.
TEST_F(PrefetchTest, WhatWasPrefetchedComesBeforeWhatABlockedOneWaitsFor) {
  SchedulingBench::Resolve(1, blocks);
  Resolve({2, 3});
  Resolve({4, 5});
  ASSERT_TRUE(IsAhead(3));
  Block(0, {Bench::kSession, 5});
  ASSERT_EQ(granted.events.size(), 1U);
  EXPECT_EQ(granted.events[0].task.seq, 3U);
  for (const Placed& event : placed.events) EXPECT_TRUE(event.nested_in.is_none());
}

// Its parent takes the slot back.
TEST_F(PrefetchTest, WhoRunsInThePlaceOfAnotherHandsNothingOn) {
  SchedulingBench::Resolve(1, blocks);
  Resolve({2});
  TaskPtr child = bench.Accept(3, bench.AddFunction("unknown", 1000));
  child->root = placed.events[0].task->root;
  Handle(Resolved{std::move(child)});
  Block(0, {Bench::kSession, 3});
  ASSERT_EQ(placed.events.size(), 3U);
  EXPECT_EQ(placed.events[2].nested_in, placed.events[0].task->id);
  EXPECT_FALSE(placed.events[2].task->hands_on);
  EXPECT_TRUE(placed.events[1].task->hands_on);
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
  placed.events[2].task->held_up = true;
  Handle(std::move(freed), Returned{std::move(placed.events[2].task)});
  placed.events.pop_back();
  EXPECT_EQ(free(), Cpu(0));
  EXPECT_THAT(PlacedSeqs(), ElementsAre(1, 2)) << "those take long";
  EXPECT_EQ(stage.ready().size(), 1U);
  End(1);
  EXPECT_THAT(PlacedSeqs(), ElementsAre(1, 2, 3));
  EXPECT_FALSE(IsAhead(2));
  End(0);
  End(2);
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
    End(i, i + 3);
    End(i + 1, i + 4);
  }
  const Nanos takes = bench.costs.Takes(CostKey(one, 0));
  EXPECT_GE(takes, microseconds(104));
  EXPECT_LE(takes, microseconds(108));
}

// Scheduling and what runs its tasks, which hear of each other late and in any order.
class NewsInAnyOrderTest : public PrefetchTest {
 protected:
  // Known by their places among those that were placed.
  std::deque<std::size_t> to_start;
  std::vector<TaskId> to_grant;
  std::set<TaskId> early;  // grants that were there before their tasks
  std::vector<std::size_t> ahead;
  std::vector<std::size_t> running;
  std::vector<std::size_t> blocked;
  std::set<std::size_t> lent;  // they take their slots back, so they may be too many
  std::deque<std::function<void()>> news;
  FunctionId blocker = 0;
  std::size_t known = 0;  // that were placed
  std::mt19937_64 random{7};

  template <class Range>
  auto TakeAny(Range& from) {
    std::swap(from[random() % from.size()], from.back());
    auto taken = from.back();
    from.pop_back();
    return taken;
  }
  void Begin(std::size_t i) {
    running.push_back(i);
    std::size_t counted = 0;
    for (const std::size_t each : running) counted += lent.contains(each) ? 0 : 1;
    ASSERT_LE(counted, 2U) << "more than there are slots";
  }
  TaskId HandOn(std::size_t from) {
    if (!placed.events[from].task->hands_on || lent.contains(from) || ahead.empty()) return {};
    const std::size_t heir = ahead.front();
    ahead.erase(ahead.begin());
    Begin(heir);
    return placed.events[heir].task->id;
  }
  void Start() {
    const std::size_t i = TakeAny(to_start);
    const bool waits = placed.events[i].task->prefetched && early.erase(IdOf(i)) == 0;
    waits ? ahead.push_back(i) : Begin(i);
  }
  void Grant() {
    const TaskId id = TakeAny(to_grant);
    const auto found =
        std::find_if(ahead.begin(), ahead.end(), [&](std::size_t i) { return IdOf(i) == id; });
    if (found != ahead.end()) {
      const std::size_t i = *found;
      ahead.erase(found);
      Begin(i);
    } else if (std::any_of(to_start.begin(), to_start.end(),
                           [&](std::size_t i) { return IdOf(i) == id; })) {
      early.insert(id);
    }
  }
  void EndAny() {
    const std::size_t i = TakeAny(running);
    SlotFreed freed = Freed(i);
    freed.cost = freed.span = microseconds(50);
    freed.handed_to = HandOn(i);
    news.emplace_back([this, freed] { Handle(SlotFreed(freed)); });
  }
  void CancelAny() {
    const std::size_t i = TakeAny(ahead);
    SlotFreed freed = Freed(i);
    freed.cost = Nanos(0);
    freed.lesson = SlotFreed::Lesson::kNone;
    news.emplace_back([this, freed] { Handle(SlotFreed(freed)); });
  }
  void BlockAny() {
    const std::size_t i = TakeAny(running);
    if (placed.events[i].task->function->id != blocker) return running.push_back(i);
    blocked.push_back(i);
    lent.insert(i);
    news.emplace_back([this, i] { Block(i); });
  }
  void ResumeAny() {
    running.push_back(TakeAny(blocked));
    const std::size_t i = running.back();
    news.emplace_back([this, i] { Handle(Lent(i, RunNotice::Kind::kResumed)); });
  }
  // Mostly in order, as each thread's are.
  void Hear() {
    const std::size_t at = lent.empty() && random() % 2 == 0 ? random() % news.size() : 0;
    const std::function<void()> heard = news[at];
    news.erase(news.begin() + static_cast<std::ptrdiff_t>(at));
    heard();
    for (; known < placed.events.size(); ++known) to_start.push_back(known);
    for (const LeaseGranted& each : granted.events) to_grant.push_back(each.task);
    granted.events.clear();
  }
  void Step() {
    switch (random() % 10) {
      case 0: return to_start.empty() ? void() : Start();
      case 1: return to_grant.empty() ? void() : Grant();
      case 2: return ahead.empty() || random() % 8 > 0 ? void() : CancelAny();
      case 3: return running.empty() ? void() : BlockAny();
      case 4: return blocked.empty() ? void() : ResumeAny();
      case 5:
      case 6: return running.empty() ? void() : EndAny();
      default: bench.clock.Advance(microseconds(20)); return news.empty() ? void() : Hear();
    }
  }
  [[nodiscard]] TaskId IdOf(std::size_t i) const { return placed.events[i].task->id; }
  [[nodiscard]] bool Idle() const {
    return news.empty() && to_start.empty() && to_grant.empty() && ahead.empty() &&
           running.empty() && blocked.empty();
  }
};

TEST_F(NewsInAnyOrderTest, NoLeaseIsLostOrMade) {
  for (std::uint64_t round = 0; round < 80 && !HasFatalFailure(); ++round) {
    // Nothing is known of it but what it takes, until one of it blocks.
    blocker = bench.AddFunction("blocker" + std::to_string(round), 1000);
    Learn(blocker, microseconds(50));
    for (std::uint64_t seq = 1; seq <= 30; ++seq) {
      const FunctionId function = random() % 4 == 0 ? blocker : one;
      news.emplace_back(
          [this, id = round * 100 + seq, function] { SchedulingBench::Resolve(id, function); });
    }
    while (!Idle() && !HasFatalFailure()) Step();
    EXPECT_EQ(free(), Cpu(2000)) << "round " << round;
    EXPECT_EQ(stage.ready().size(), 0U);
    EXPECT_EQ(stage.ready().Running(one) + stage.ready().Running(blocker), 0U);
    for (Placed& each : placed.events) bench.Settle(std::move(each.task), Bench::Done("x"));
    placed.events.clear();
    lent.clear();
    known = 0;
  }
  EXPECT_GT(bench.tally.scheduling.prefetched.get(), 500U);
}

}  // namespace
}  // namespace spillgate::testing
