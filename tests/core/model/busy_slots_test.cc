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

TEST(BusySlotsTest, TheFirstOfThoseThatHoldItEndsFirst) {
  BusySlots slots;
  EXPECT_EQ(slots.FirstEnd(kCpu, kStart), kNever);
  slots.Begins(Id(1), Of(kCpu), kStart, seconds(9));
  slots.Begins(Id(2), Of(kCpu), kStart, seconds(5));
  slots.Begins(Id(3), Of(kGpu), kStart, seconds(1));
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
    slots.Begins(Id(seq), Of(kCpu), kStart, seconds(seq));
  }
  EXPECT_EQ(slots.FirstEnd(kCpu, kStart), kStart + seconds(1));
  slots.Begins(Id(100), Of(kCpu), kStart, seconds(0));
  EXPECT_EQ(slots.FirstEnd(kCpu, kStart), kNever);
  slots.Ends(Id(1));
  EXPECT_EQ(slots.FirstEnd(kCpu, kStart), kNever) << "one of the first was never followed";
  slots.Begins(Id(101), Of(kCpu), kStart, seconds(50));
  slots.Ends(Id(100));
  EXPECT_EQ(slots.FirstEnd(kCpu, kStart), kNever) << "nor was the other";
  for (std::uint64_t seq = 2; seq <= BusySlots::kMost; ++seq) slots.Ends(Id(seq));
  slots.Ends(Id(101));
  slots.Begins(Id(200), Of(kCpu), kStart, seconds(7));
  EXPECT_EQ(slots.FirstEnd(kCpu, kStart), kStart + seconds(7));
}

TEST(BusySlotsTest, OfLongRunsAShortOneThatEndsSoonerIsNone) {
  BusySlots slots;
  slots.Begins(Id(1), Of(kCpu), kStart, seconds(1), 2);
  EXPECT_EQ(slots.FirstEnd(kCpu, kStart, 5), kNever);
  slots.Begins(Id(2), Of(kCpu), kStart, seconds(9), 5);
  EXPECT_EQ(slots.FirstEnd(kCpu, kStart, 5), kStart + seconds(9));
  EXPECT_EQ(slots.FirstEnd(kCpu, kStart), kStart + seconds(1));
}

TEST(BusySlotsTest, WhatTakesLongerThanItsLikeTakesAsLongAgain) {
  BusySlots slots;
  slots.Begins(Id(1), Of(kCpu), kStart, seconds(2));
  EXPECT_EQ(slots.FirstEnd(kCpu, kStart + seconds(1)), kStart + seconds(2));
  EXPECT_EQ(slots.FirstEnd(kCpu, kStart + seconds(5)), kStart + seconds(10));
}

}  // namespace
}  // namespace spillgate
