// The door and the ready set together: who has much time does not shut out who has little, and who
// was let in is in time, whatever comes after it. One slot, roots of a millisecond, one tenant.
#include <gtest/gtest.h>

#include <vector>

#include "tests/stages/door_bench.h"

namespace spillgate {
namespace {

using std::chrono::seconds;
using testing::DoorBench;
using testing::Fared;
using testing::kTarget;
using testing::Stream;

TEST(SlackAtDoor, WhoHasMuchTimeDoesNotShutOutWhoHasLittle) {
  for (const double x : {2.0, 10.0}) {
    const std::vector<Fared> fared = DoorBench({{.may_wait = 2 * kTarget, .load = x / 2},
                                                {.may_wait = 100 * kTarget, .load = x / 2}})
                                         .Run();
    const double mean = (fared[0].success() + fared[1].success()) / 2;
    EXPECT_GT(mean, 0.95 / x) << "the slot is busy with what is good";
    for (const Fared& each : fared) {
      EXPECT_GT(each.success(), 0.8 * mean) << x;
      EXPECT_EQ(each.late, 0) << x;
    }
  }
}

// A line before them fills when they have been let in, as all of the slot was theirs; and a further
// one when they, and that, have been let in as two had the slot.
TEST(SlackAtDoor, WhoWasLetInIsInTimeWhateverLineFillsUp) {
  for (const int times : {2, 10, 70}) {
    constexpr Nanos kEnd = seconds(12);
    std::vector<Stream> streams{{.may_wait = times * kTarget, .load = 10, .until = kEnd}};
    for (int before = 0; before < LineOf(times * kTarget, kTarget); ++before) {
      constexpr Nanos kMayWait[] = {kTarget / 2, 2 * kTarget, 10 * kTarget};
      const Nanos later = before * (9 * times * kTarget / 4);  // what they have, and a little
      streams.push_back(
          {.may_wait = kMayWait[before], .load = 10, .from = seconds(2) + later, .until = kEnd});
    }
    const std::vector<Fared> fared = DoorBench(streams).Run();
    for (const Fared& each : fared) {
      EXPECT_GT(each.good, 500) << times;
      EXPECT_LE(each.late, each.good / 1000) << times;
    }
  }
}

}  // namespace
}  // namespace spillgate
