// The rule that keeps room for short work, by what came and what runs.
#include "core/model/kept_slot.h"

#include <gtest/gtest.h>

namespace spillgate {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Nanos kTarget = milliseconds(20);

Resources Of(std::int64_t cpu, std::int64_t gpu = 0) {
  Resources of;
  of.amount[kCpu] = cpu;
  of.amount[kGpu] = gpu;
  return of;
}

class KeptSlotTest : public ::testing::Test {
 protected:
  KeptSlotTest() {
    slot.Apply({kTarget, kTarget, kTarget, kTarget});
    slot.Held(kMinutes, Of(1000, 1000));
  }
  void Comes(const Resources& shape) {
    slot.Came(TaskClass::kNormal, milliseconds(1), seconds(1), shape, now);
  }
  // A long run that takes a CPU and a GPU.
  [[nodiscard]] bool Waits() const {
    return slot.WouldTake(Of(1000, 1000), total, slot.LongFrom(now));
  }

  static constexpr KeptSlot::Length kMinutes = KeptSlot::kUnknown;
  const Resources total = Of(16000, 2000);
  KeptSlot slot;
  Instant now = Instant(seconds(1));
};

TEST_F(KeptSlotTest, NothingIsKeptWhereNothingShortComes) {
  EXPECT_FALSE(Waits());
  Comes(Of(1000));
  EXPECT_FALSE(Waits()) << "it needs no GPU, and there are CPUs";
}

TEST_F(KeptSlotTest, TheRoomIsAsLargeAsAnyThatCameNotAsTheLastOne) {
  Comes(Of(1000, 1000));
  for (int i = 0; i < 100; ++i) {
    now += milliseconds(9);
    Comes(Of(1000));
  }
  EXPECT_TRUE(Waits());
}

TEST_F(KeptSlotTest, AndNotForEverAsLargeAsOneThatCameOnce) {
  Comes(Of(1000, 1000));
  for (int i = 0; i < 250; ++i) {
    now += milliseconds(9);
    Comes(Of(1000));
  }
  EXPECT_FALSE(Waits()) << "after two seconds";
  now += seconds(10);
  Comes(Of(1000));
  EXPECT_FALSE(Waits());
}

TEST_F(KeptSlotTest, AfterAPauseWhatCameBeforeItIsForgotten) {
  Comes(Of(1000, 1000));
  now += seconds(10);
  Comes(Of(1000));
  EXPECT_FALSE(Waits());
}

}  // namespace
}  // namespace spillgate
