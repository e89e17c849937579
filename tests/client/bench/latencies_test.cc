#include "client/bench/latencies.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "client/bench/blocks.h"

namespace spillgate::bench {
namespace {

using namespace std::chrono_literals;

TEST(Latencies, NoneHaveNoQuantiles) {
  const Latencies none;
  EXPECT_EQ(none.count(), 0U);
  EXPECT_EQ(none.Quantile(0.5), 0ns);
  EXPECT_EQ(none.max(), 0ns);
}

TEST(Latencies, TheMedianIsHalfwayBetweenTwo) {
  Latencies times;
  EXPECT_EQ(times.Median(), 0ns);
  times.Add(10ns);
  EXPECT_EQ(times.Median(), 10ns);
  for (const Nanos time : {20ns, 40ns, 50ns}) times.Add(time);
  EXPECT_EQ(times.Median(), 30ns);
  times.Add(60ns);
  EXPECT_EQ(times.Median(), 40ns);
}

TEST(Latencies, WhatNeverCameTookLongerThanAllThatDid) {
  Latencies times;
  for (int i = 1; i <= 98; ++i) times.Add(Nanos(i));
  Latencies never;
  never.AddEndless(2);
  EXPECT_EQ(never.Quantile(0.1), Latencies::kEndless);
  EXPECT_EQ(never.Median(), Latencies::kEndless);
  times.Add(never);
  EXPECT_EQ(times.count(), 100U);
  EXPECT_EQ(times.Quantile(0.5), 50ns);
  EXPECT_GE(times.Quantile(0.98), 98ns);
  EXPECT_LT(times.Quantile(0.98), 100ns);
  EXPECT_EQ(times.Quantile(0.99), Latencies::kEndless);
  EXPECT_TRUE(std::isinf(Micros(times.Quantile(0.99))));
}

TEST(Latencies, ShortTimesAreExact) {
  Latencies times;
  for (int i = 1; i <= 60; ++i) times.Add(Nanos(i));
  EXPECT_EQ(times.Quantile(0), 1ns);
  EXPECT_EQ(times.Quantile(0.5), 30ns);
  EXPECT_EQ(times.Quantile(1), 60ns);
}

TEST(Latencies, QuantilesAreNoBetterThanTheTruthAndOffBy1In60AtMost) {
  std::mt19937_64 random(7);
  std::lognormal_distribution<double> draw(10, 3);
  Latencies times;
  std::vector<std::int64_t> all;
  for (int i = 0; i < 50'000; ++i) {
    all.push_back(static_cast<std::int64_t>(draw(random)));
    times.Add(Nanos(all.back()));
  }
  std::sort(all.begin(), all.end());
  for (const double share : {0.001, 0.1, 0.5, 0.9, 0.99, 0.999, 1.0}) {
    const auto rank = static_cast<std::size_t>(std::ceil(share * static_cast<double>(all.size())));
    const std::int64_t truth = all[rank - 1];
    const std::int64_t told = times.Quantile(share).count();
    EXPECT_GE(told, truth) << share;
    EXPECT_LE(told, truth + truth / 60 + 1) << share;
  }
  EXPECT_EQ(times.max().count(), all.back());
  EXPECT_EQ(times.Quantile(1).count(), all.back());
}

TEST(Latencies, CountsWeighAndMergingIsAdding) {
  Latencies some;
  some.Add(10ns, 99);
  Latencies others;
  others.Add(1s);
  some.Add(others);
  EXPECT_EQ(some.count(), 100U);
  EXPECT_EQ(some.Quantile(0.99), 10ns);
  EXPECT_EQ(some.Quantile(0.991), 1s);
  EXPECT_EQ(some.max(), 1s);
}

TEST(Latencies, TheLongestAndTheImpossible) {
  Latencies times;
  times.Add(Nanos::max());
  EXPECT_EQ(times.Quantile(0.5), Nanos::max());
  times.Add(Nanos(-5));  // a clock that went backwards is no time at all
  EXPECT_EQ(times.Quantile(0.5), 0ns);
}

TEST(MedianOf, IsTheMiddleOrBetweenTheMiddleTwo) {
  EXPECT_EQ(MedianOf({}), 0);
  EXPECT_EQ(MedianOf({3}), 3);
  EXPECT_EQ(MedianOf({9, 1, 5}), 5);
  EXPECT_EQ(MedianOf({9, 1, 5, 7}), 6);
}

// Each trip moves the clock by what it is given next.
struct ScriptedTrip {
  ManualClock& clock;
  std::vector<Nanos> times;
  std::uint64_t trips = 0;

  Trip trip() {
    return [this]() -> Status {
      clock.Advance(times[trips++ % times.size()]);
      return {};
    };
  }
};

TEST(Compare, TakesTheRatioWithinEachPairOfBlocks) {
  ManualClock clock;
  ScriptedTrip node{clock, {20us}};
  ScriptedTrip bare{clock, {10us}};
  const auto comparison = Compare(node.trip(), bare.trip(), 48ms, clock, 24);
  ASSERT_TRUE(comparison.ok());
  EXPECT_EQ(comparison.value().ratios.size(), 24U);
  EXPECT_NEAR(comparison.value().ratio(), 2.0, 0.05);
  EXPECT_EQ(comparison.value().times.count(), node.trips);
  // One millisecond a block.
  EXPECT_EQ(node.trips, 24U * 50);
  EXPECT_EQ(bare.trips, 24U * 100);
}

TEST(Compare, ABlockThatIsDisturbedDoesNotMoveTheRatio) {
  ManualClock clock;
  std::uint64_t trips = 0;
  const Trip node = [&]() -> Status {
    const bool disturbed = trips++ < 3 * kLeastTrips;  // in the first blocks, all the time
    clock.Advance(disturbed ? 900us : 30us);
    return {};
  };
  ScriptedTrip bare{clock, {10us}};
  const auto comparison = Compare(node, bare.trip(), 480ms, clock, 24);
  ASSERT_TRUE(comparison.ok());
  EXPECT_NEAR(comparison.value().ratio(), 3.0, 0.1);
}

TEST(Compare, HasEnoughTripsInABlockHoweverShort) {
  ManualClock clock;
  ScriptedTrip node{clock, {1s}};
  ScriptedTrip bare{clock, {1s}};
  ASSERT_TRUE(Compare(node.trip(), bare.trip(), 1ms, clock, 20).ok());
  EXPECT_EQ(node.trips, 20 * kLeastTrips);
  EXPECT_EQ(bare.trips, 20 * kLeastTrips);
}

TEST(Compare, EndsWithTheFirstTripThatFails) {
  ManualClock clock;
  ScriptedTrip node{clock, {1ms}};
  const Trip broken = []() -> Status { return Error{Code::kUnavailable, "gone"}; };
  const auto comparison = Compare(node.trip(), broken, 1s, clock);
  ASSERT_FALSE(comparison.ok());
  EXPECT_EQ(comparison.error().message, "gone");
}

}  // namespace
}  // namespace spillgate::bench
