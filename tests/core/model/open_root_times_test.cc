#include "core/model/open_root_times.h"

#include <gtest/gtest.h>

namespace spillgate {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;

double Ms(Nanos time) {
  return static_cast<double>(time.count()) / 1e6;
}

TEST(OpenRootTimes, AreAsIsSaidUntilSomethingIsKnown) {
  const OpenRootTimes times;
  EXPECT_EQ(times.Expect(milliseconds(7)), milliseconds(7));
  EXPECT_EQ(times.Expect(Nanos(0)), Nanos(0));
}

TEST(OpenRootTimes, FollowWhatWasTakenForWhatWasSaid) {
  OpenRootTimes times;
  for (int i = 0; i < 4; ++i) times.Learn(milliseconds(1), milliseconds(10), 0);
  EXPECT_NEAR(Ms(times.Expect(milliseconds(3))), 30, 0.01);
  EXPECT_EQ(times.Expect(Nanos(0)), Nanos(0)) << "of those nothing was said";
  for (int i = 0; i < 1000; ++i) times.Learn(milliseconds(2), milliseconds(1), 0);
  EXPECT_NEAR(Ms(times.Expect(milliseconds(4))), 2, 0.01) << "older ones fade";
}

TEST(OpenRootTimes, OfWhichNothingIsSaidTakeTheMean) {
  OpenRootTimes times;
  times.Learn(Nanos(0), milliseconds(10), 0);
  times.Learn(Nanos(0), milliseconds(20), 0);
  EXPECT_NEAR(Ms(times.Expect(Nanos(0))), 15, 0.01);
  EXPECT_EQ(times.Expect(milliseconds(3)), milliseconds(3));
}

TEST(OpenRootTimes, OneThatIsFarOffDoesNotRuleTheOthers) {
  OpenRootTimes times;
  for (int i = 0; i < 60; ++i) times.Learn(milliseconds(10), milliseconds(10), 0);
  times.Learn(hours(1), milliseconds(1), 0);
  EXPECT_NEAR(Ms(times.Expect(milliseconds(10))), 10, 0.5);
}

// As of one root all take about as long.
TEST(OpenRootTimes, RootsCountAndNotTheirTasks) {
  OpenRootTimes times;
  for (std::uint64_t root = 1; root <= 64; ++root) {
    for (int task = 0; task < 10; ++task) {
      times.Learn(milliseconds(1), milliseconds(root % 2 == 0 ? 1 : 3), root);
    }
  }
  EXPECT_NEAR(Ms(times.Expect(milliseconds(1))), 2, 0.01);
  for (int task = 0; task < 10; ++task) times.Learn(milliseconds(1), milliseconds(66), 65);
  EXPECT_NEAR(Ms(times.Expect(milliseconds(1))), 3, 0.01) << "one of the last 64";
}

TEST(OpenRootTimes, HaveNoOverflow) {
  OpenRootTimes times;
  for (int i = 0; i < 100; ++i) {
    times.Learn(Nanos(1), hours(10'000), 0);
    times.Learn(Nanos(0), hours(10'000), 0);
  }
  EXPECT_EQ(times.Expect(Nanos(0)), OpenRootTimes::kMost);
  EXPECT_EQ(times.Expect(hours(10'000)), OpenRootTimes::kMost);
  EXPECT_EQ(times.Expect(Nanos(2)), Nanos(2048));
  for (int i = 0; i < 1000; ++i) times.Learn(hours(10'000), Nanos(0), 0);
  EXPECT_EQ(times.Expect(Nanos(1)), Nanos(1));
  EXPECT_NEAR(Ms(times.Expect(milliseconds(8))), 2, 0.01) << "a quarter, at least";
}

}  // namespace
}  // namespace spillgate
