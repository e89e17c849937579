// When the first of the runs that hold a resource ends, as far as is known.
#include "core/model/busy_slots.h"

#include <gtest/gtest.h>

namespace spillgate {
namespace {

using std::chrono::seconds;

constexpr std::size_t kGpu = 3;
const Instant kStart = Instant(std::chrono::seconds(100));

TaskId Id(std::uint64_t seq) {
  return {1, seq};
}
Resources Of(std::size_t kind) {
  Resources held;
  held.amount[kind] = 1000;
  return held;
}

BusySlots::Run RunOf(TaskId task, const Resources& held, Instant begun, Nanos takes,
                     KeptSlot::Length length = 0) {
  return {
      .task = task, .held = held, .begun = begun, .ends = After(begun, takes), .length = length};
}

TEST(BusySlotsTest, TheFirstOfThoseThatHoldItEndsFirst) {
  BusySlots slots;
  EXPECT_EQ(slots.FirstEnd(kCpu, kStart), kNever);
  slots.Begins(RunOf(Id(1), Of(kCpu), kStart, seconds(9)));
  slots.Begins(RunOf(Id(2), Of(kCpu), kStart, seconds(5)));
  slots.Begins(RunOf(Id(3), Of(kGpu), kStart, seconds(1)));
  EXPECT_EQ(slots.FirstEnd(kCpu, kStart), kStart + seconds(5));
  EXPECT_EQ(slots.FirstEnd(kGpu, kStart), kStart + seconds(1));
  slots.Ends(Id(2));
  EXPECT_EQ(slots.FirstEnd(kCpu, kStart), kStart + seconds(9));
  slots.Ends(Id(3));
  EXPECT_EQ(slots.FirstEnd(kGpu, kStart), kNever);
}

// Of those that were not followed nobody knows which ends first.
TEST(BusySlotsTest, OfTooManyItSaysNothingUntilAllThatIsLeftIsFollowed) {
  BusySlots slots;
  for (std::uint64_t seq = 1; seq <= BusySlots::kMost; ++seq) {
    slots.Begins(RunOf(Id(seq), Of(kCpu), kStart, seconds(seq)));
  }
  EXPECT_EQ(slots.FirstEnd(kCpu, kStart), kStart + seconds(1));
  slots.Begins(RunOf(Id(100), Of(kCpu), kStart, seconds(0)));
  EXPECT_EQ(slots.FirstEnd(kCpu, kStart), kNever);
  slots.Ends(Id(1));
  EXPECT_EQ(slots.FirstEnd(kCpu, kStart), kNever) << "one of the first was never followed";
  slots.Begins(RunOf(Id(101), Of(kCpu), kStart, seconds(50)));
  slots.Ends(Id(100));
  EXPECT_EQ(slots.FirstEnd(kCpu, kStart), kStart + seconds(2)) << "that was the one";
  for (std::uint64_t seq = 2; seq <= BusySlots::kMost; ++seq) slots.Ends(Id(seq));
  slots.Ends(Id(101));
  slots.Begins(RunOf(Id(200), Of(kCpu), kStart, seconds(7)));
  EXPECT_EQ(slots.FirstEnd(kCpu, kStart), kStart + seconds(7));
}

TEST(BusySlotsTest, OfLongRunsAShortOneThatEndsSoonerIsNone) {
  BusySlots slots;
  slots.Begins(RunOf(Id(1), Of(kCpu), kStart, seconds(1), 2));
  EXPECT_EQ(slots.FirstEnd(kCpu, kStart, 5), kNever);
  slots.Begins(RunOf(Id(2), Of(kCpu), kStart, seconds(9), 5));
  EXPECT_EQ(slots.FirstEnd(kCpu, kStart, 5), kStart + seconds(9));
  EXPECT_EQ(slots.FirstEnd(kCpu, kStart), kStart + seconds(1));
}

TEST(BusySlotsTest, WhatTakesLongerThanItsLikeTakesAsLongAgain) {
  BusySlots slots;
  slots.Begins(RunOf(Id(1), Of(kCpu), kStart, seconds(2)));
  EXPECT_EQ(slots.FirstEnd(kCpu, kStart + seconds(1)), kStart + seconds(2));
  EXPECT_EQ(slots.FirstEnd(kCpu, kStart + seconds(5)), kStart + seconds(10));
}

TEST(BusySlotsTest, CountsThoseThatHandTheirSlotsOnSoon) {
  BusySlots slots;
  BusySlots::Run run = RunOf(Id(1), Of(kCpu), kStart, seconds(2));
  slots.Begins(run);
  run.hands_on = true;
  run.task = Id(2);
  slots.Begins(run);
  run.task = Id(3);
  run.ends = kStart + seconds(9);
  slots.Begins(run);
  EXPECT_EQ(slots.Ending(kStart + seconds(1), kStart), 0U);
  EXPECT_EQ(slots.Ending(kStart + seconds(3), kStart), 1U)
      << "and another one that hands nothing on";
  EXPECT_EQ(slots.Ending(kStart + seconds(8), kStart + seconds(5)), 0U)
      << "the second takes longer than was expected, and has run for five seconds";
  EXPECT_EQ(slots.Ending(kStart + seconds(10), kStart + seconds(5)), 2U);
  EXPECT_EQ(slots.Ends(Id(2)), kStart);
  EXPECT_EQ(slots.Ends(Id(4)), kNever);
}

// A node with more slots than are followed goes on so for ever.
TEST(BusySlotsTest, OfTooManySomeAreFollowedHoweverManyHaveEnded) {
  BusySlots slots;
  std::uint64_t seq = 0;
  for (; seq < BusySlots::kMost + 8; ++seq) {
    BusySlots::Run run = RunOf(Id(seq + 1), Of(kCpu), kStart, seconds(1));
    run.hands_on = true;
    slots.Begins(run);
  }
  for (std::uint64_t ended = 1; ended <= BusySlots::kMost; ++ended) {
    EXPECT_EQ(slots.Ends(Id(ended)), kStart);
    BusySlots::Run run = RunOf(Id(++seq), Of(kCpu), kStart, seconds(1));
    run.hands_on = true;
    slots.Begins(run);
  }
  EXPECT_EQ(slots.Ending(kStart + seconds(1), kStart), BusySlots::kMost);
  EXPECT_EQ(slots.FirstEnd(kCpu, kStart), kNever);
  EXPECT_TRUE(slots.MayRun(Id(seq + 1))) << "who knows";
}

TEST(BusySlotsTest, WhoRunsIsKnown) {
  BusySlots slots;
  slots.Begins(RunOf(Id(1), Of(kCpu), kStart, seconds(1)));
  EXPECT_TRUE(slots.MayRun(Id(1)));
  EXPECT_FALSE(slots.MayRun(Id(2)));
  slots.Ends(Id(1));
  EXPECT_FALSE(slots.MayRun(Id(1)));
}

}  // namespace
}  // namespace spillgate
