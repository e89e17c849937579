// When the first of the runs that hold a resource ends, as far as is known.
#include "core/model/busy_slots.h"

#include <gtest/gtest.h>

namespace spillgate {
namespace {

using std::chrono::seconds;

constexpr std::size_t kGpu = 3;

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
  EXPECT_EQ(slots.FirstEnd(kCpu), kNever);
  slots.Begins(Id(1), Of(kCpu), Instant(seconds(9)));
  slots.Begins(Id(2), Of(kCpu), Instant(seconds(5)));
  slots.Begins(Id(3), Of(kGpu), Instant(seconds(1)));
  EXPECT_EQ(slots.FirstEnd(kCpu), Instant(seconds(5)));
  EXPECT_EQ(slots.FirstEnd(kGpu), Instant(seconds(1)));
  slots.Ends(Id(2));
  EXPECT_EQ(slots.FirstEnd(kCpu), Instant(seconds(9)));
  slots.Ends(Id(3));
  EXPECT_EQ(slots.FirstEnd(kGpu), kNever);
}

// Of those that were not followed nobody knows which ends first.
TEST(BusySlotsTest, OfTooManyItSaysNothingUntilAllThatIsLeftIsFollowed) {
  BusySlots slots;
  for (std::uint64_t seq = 1; seq <= BusySlots::kMost; ++seq) {
    slots.Begins(Id(seq), Of(kCpu), Instant(seconds(seq)));
  }
  EXPECT_EQ(slots.FirstEnd(kCpu), Instant(seconds(1)));
  slots.Begins(Id(100), Of(kCpu), Instant(seconds(0)));
  EXPECT_EQ(slots.FirstEnd(kCpu), kNever);
  slots.Ends(Id(1));
  EXPECT_EQ(slots.FirstEnd(kCpu), kNever) << "one of the eight was never followed";
  slots.Begins(Id(101), Of(kCpu), Instant(seconds(50)));
  slots.Ends(Id(100));
  EXPECT_EQ(slots.FirstEnd(kCpu), kNever) << "nor was the other";
  for (std::uint64_t seq = 2; seq <= BusySlots::kMost; ++seq) slots.Ends(Id(seq));
  slots.Ends(Id(101));
  slots.Begins(Id(200), Of(kCpu), Instant(seconds(7)));
  EXPECT_EQ(slots.FirstEnd(kCpu), Instant(seconds(7)));
}

}  // namespace
}  // namespace spillgate
