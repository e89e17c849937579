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

// Lines before them fill when they have been let in, as all of the slot was theirs.
TEST(SlackAtDoor, WhoWasLetInIsInTimeWhateverComesLater) {
  for (const int times : {2, 10, 70}) {
    std::vector<Stream> streams{{.may_wait = times * kTarget, .load = 10}};
    for (int before = 0; before < LineOf(times * kTarget, kTarget); ++before) {
      constexpr Nanos kMayWait[] = {kTarget / 2, 2 * kTarget, 10 * kTarget};
      streams.push_back({.may_wait = kMayWait[before], .load = 10, .from = seconds(2)});
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
