// The mean of what became of roots around several steps.
#include "client/bench/spike_series.h"

#include <gtest/gtest.h>

#include <array>
#include <vector>

namespace spillgate::bench {
namespace {

using std::chrono::milliseconds;

TEST(SpikeSeries, IsTheMeanOverTheSteps) {
  std::vector<RootOutcome> outcomes;
  const auto add = [&](int ms, RootFate fate) { outcomes.push_back({milliseconds(ms), fate}); };
  add(89, RootFate::kGood);  // before the first bin
  add(95, RootFate::kGood);
  add(100, RootFate::kRefused);
  add(101, RootFate::kHeld);
  add(119, RootFate::kExpired);
  add(120, RootFate::kGood);  // after the last
  add(200, RootFate::kGood);
  add(209, RootFate::kLate);
  const std::array<Nanos, 2> steps{milliseconds(100), milliseconds(200)};
  const std::vector<SeriesBin> bins =
      Around(outcomes, steps,
             {.before = milliseconds(10), .after = milliseconds(20), .bin = milliseconds(10)});
  ASSERT_EQ(bins.size(), 3U);
  EXPECT_EQ(bins[0].at, milliseconds(-10));
  EXPECT_EQ(bins[2].at, milliseconds(10));
  // One of a bin of 10 ms in one of two steps is 50 a second.
  EXPECT_DOUBLE_EQ(bins[0].offered, 50);
  EXPECT_DOUBLE_EQ(bins[0].good, 50);
  EXPECT_DOUBLE_EQ(bins[1].offered, 200);
  EXPECT_DOUBLE_EQ(bins[1].good, 50);
  EXPECT_DOUBLE_EQ(bins[1].refused, 100);
  EXPECT_DOUBLE_EQ(bins[1].bad, 50);
  EXPECT_DOUBLE_EQ(bins[2].offered, 50);
  EXPECT_DOUBLE_EQ(bins[2].bad, 50);
}

}  // namespace
}  // namespace spillgate::bench
