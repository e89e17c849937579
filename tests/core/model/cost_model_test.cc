// What is learned of functions: means that follow, and the time within which most runs end.
#include "core/model/cost_model.h"

#include <gtest/gtest.h>

#include <random>

namespace spillgate {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

TEST(CostModel, WhatNeverRanCostsWhatItsClientSaysOrTheUsual) {
  const CostModel costs(10);
  EXPECT_EQ(costs.Estimate(3), CostModel::kPrior);
  EXPECT_EQ(costs.Estimate(3, microseconds(70)), microseconds(70));
  EXPECT_EQ(costs.P95(3, microseconds(70)), microseconds(70));
  EXPECT_EQ(costs.CountRuns(3), 0U);
  EXPECT_EQ(costs.CountRuns(11), 0U) << "no such function";
  EXPECT_EQ(costs.Estimate(4'000'000'000), CostModel::kPrior);
}

TEST(CostModel, ASlotIsTakenForTheHandoverToo) {
  CostModel costs(10);
  EXPECT_EQ(costs.Takes(1, microseconds(70)), microseconds(70)) << "nothing is known of it";
  costs.Learn(1, microseconds(100));
  costs.LearnHandover(1, microseconds(40));
  EXPECT_EQ(costs.Takes(1), microseconds(140));
  EXPECT_EQ(costs.Estimate(1), microseconds(100));
  for (int i = 0; i < 500; ++i) costs.LearnHandover(1, microseconds(10));
  EXPECT_NEAR(static_cast<double>(costs.Takes(1).count()), 110'000, 500);
  EXPECT_NEAR(static_cast<double>(costs.Takes(2, microseconds(70)).count()), 80'000, 500)
      << "as of others";
  costs.LearnHandover(3, Nanos(-5));
  EXPECT_EQ(costs.Takes(3, microseconds(70)), microseconds(70));
  for (int i = 0; i < 500; ++i) costs.LearnHandover(4, std::chrono::hours(1));
  EXPECT_LE(costs.Takes(4, microseconds(70)), milliseconds(2)) << "it was something else";
}

TEST(CostModel, SlotTimeOfManySlotsIsAShortLease) {
  EXPECT_EQ(WallTime(milliseconds(4), 4 * kOneSlot), milliseconds(1));
  EXPECT_EQ(WallTime(milliseconds(4), kOneSlot), milliseconds(4));
  EXPECT_EQ(WallTime(milliseconds(4), kOneSlot / 10), milliseconds(40));
}

TEST(CostModel, WhatARootBringsIsWhatItsLikeHaveBrought) {
  CostModel costs(10);
  EXPECT_EQ(costs.SpawnsOf(1).tasks, 0U);
  for (int i = 0; i < 200; ++i) {
    costs.LearnRoot(1);
    for (int child = 0; child < 12; ++child)
      costs.LearnSpawn(1, microseconds(child < 6 ? 50 : 150), {});
  }
  EXPECT_NEAR(costs.SpawnsOf(1).tasks, 12, 1);
  EXPECT_NEAR(static_cast<double>(costs.SpawnsOf(1).each.count()), 100'000, 1'000);
  for (int i = 0; i < 500; ++i) costs.LearnRoot(1);
  EXPECT_EQ(costs.SpawnsOf(1).tasks, 0U) << "they spawn no more";
  EXPECT_EQ(SlotTimeOf(3, std::chrono::hours(8)), kMostSlotTime);
  EXPECT_EQ(SlotTimeOf(1 << 24, std::chrono::hours(1)), kMostSlotTime) << "a sum is never too much";
}

TEST(CostModel, WhatItBringsIsLearnedByResource) {
  CostModel costs(10);
  for (int root = 0; root < 40; ++root) {
    costs.LearnRoot(1);
    for (int child = 0; child < 4; ++child) {
      NodeTimes node_time{};
      node_time[child < 3 ? kCpu : kGpu] = child < 3 ? 1000 : 9000;
      if (root % 10 == 0 && child == 0) node_time[kMemory] = 40;
      costs.LearnSpawn(1, microseconds(10), node_time);
    }
  }
  costs.LearnRoot(1);
  const CostModel::Spawns spawns = costs.SpawnsOf(1);
  EXPECT_EQ(spawns.tasks, 3U) << "a little low";
  EXPECT_EQ(spawns.node_time[kCpu], 750);
  EXPECT_EQ(spawns.node_time[kGpu], 2250);
  EXPECT_EQ(spawns.node_time[kMemory], 1);
  EXPECT_TRUE(spawns.Need(kCpu));
  EXPECT_TRUE(spawns.Need(kGpu)) << "each root one";
  EXPECT_FALSE(spawns.Need(kMemory)) << "one in ten roots";
  for (int i = 0; i < 500; ++i) costs.LearnRoot(1);
  EXPECT_EQ(costs.SpawnsOf(1).node_time, NodeTimes{});
  EXPECT_EQ(costs.SpawnsOf(1).kinds, 0U);
}

TEST(CostModel, TheFirstRunsAreAveragedAndLaterOnesReplaceThem) {
  CostModel costs(10);
  costs.Learn(1, microseconds(100));
  EXPECT_EQ(costs.Estimate(1, milliseconds(9)), microseconds(100)) << "the hint is not needed";
  costs.Learn(1, microseconds(300));
  EXPECT_EQ(costs.Estimate(1), microseconds(200));
  for (int i = 0; i < 500; ++i) costs.Learn(1, milliseconds(10));
  EXPECT_GT(costs.Estimate(1), microseconds(9'990));
  EXPECT_EQ(costs.CountRuns(1), CostModel::kWindow);
  EXPECT_EQ(costs.Estimate(2), CostModel::kPrior);
}

// As the tasks of a root mostly cost the same.
TEST(CostModel, RunsInARowOfOneRootAreOneSample) {
  CostModel costs(10);
  for (std::uint64_t root = 1; root <= 64; ++root) {
    for (int run = 0; run < 10; ++run) {
      costs.Learn(1, milliseconds(root % 2 == 0 ? 1 : 3), kOneSlot, root);
    }
  }
  EXPECT_NEAR(static_cast<double>(costs.Estimate(1).count()), 2e6, 1e4);
  EXPECT_EQ(costs.CountRuns(1), CostModel::kWindow);
  costs.Learn(1, milliseconds(130), kOneSlot, 65);
  EXPECT_NEAR(static_cast<double>(costs.Estimate(1).count()), 4e6, 1e4) << "one of the last 64";
  for (int run = 0; run < 9; ++run) costs.Learn(1, milliseconds(2), kOneSlot, 65);
  EXPECT_NEAR(static_cast<double>(costs.Estimate(1).count()), 2.2e6, 1e4) << "of its mean";
}

TEST(CostModel, ARootWithManyRunsIsManySamples) {
  CostModel costs(10);
  for (int run = 0; run < 200; ++run) costs.Learn(1, milliseconds(1));
  for (int run = 0; run < 2000; ++run) costs.Learn(1, milliseconds(9), kOneSlot, 7);
  EXPECT_GT(costs.Estimate(1), milliseconds(7));
}

TEST(CostModel, ArgumentsOfSeveralSizesHaveCostsOfTheirOwn) {
  CostModel costs(10);
  const CostKey small(1, 600);
  const CostKey large(1, 64 << 10);
  for (int i = 0; i < 100; ++i) {
    for (const auto& [key, took] : {std::pair(small, milliseconds(1)), {large, milliseconds(50)}}) {
      costs.Learn(key, took);
      costs.LearnSpan(key, took);
    }
  }
  EXPECT_EQ(costs.Estimate(small), milliseconds(1));
  EXPECT_EQ(costs.Estimate(large), milliseconds(50));
  EXPECT_LT(costs.P95(small), milliseconds(2));
  EXPECT_GT(costs.MedianSpan(large), milliseconds(40));
  EXPECT_LE(costs.MedianSpan(small), milliseconds(1)) << "a large one does not put it out of reach";
  EXPECT_LE(costs.MedianSpan(1), milliseconds(1)) << "nor does it what may be of any size";
  EXPECT_NEAR(costs.Estimate(1).count(), 25.5e6, 1e6) << "of all";

  const CostKey unseen(1, 8 << 20);
  EXPECT_EQ(costs.Estimate(unseen), costs.Estimate(1));
  EXPECT_EQ(costs.MedianSpan(unseen), Nanos(0)) << "it may be shorter than all that are known";
}

TEST(CostModel, OneSizeAloneIsWhatTheFunctionCosts) {
  CostModel costs(10);
  for (int i = 0; i < 20; ++i) {
    costs.Learn({1, 5000}, milliseconds(2));
    costs.LearnSpan({1, 5000}, milliseconds(2));
  }
  EXPECT_EQ(costs.Estimate({1, 100}), milliseconds(2));
  EXPECT_GT(costs.MedianSpan({1, 100}), milliseconds(1));
  for (std::uint32_t i = 1; i < CostModel::kEnough; ++i) costs.Learn({1, 100}, microseconds(10));
  EXPECT_GT(costs.Estimate({1, 100}), milliseconds(1)) << "a few runs of another are not enough";
  costs.Learn({1, 100}, microseconds(10));
  EXPECT_EQ(costs.Estimate({1, 100}), microseconds(10));
}

TEST(CostModel, SizesHaveABoundOverAllFunctions) {
  constexpr auto kFunctions = static_cast<std::uint32_t>(CostModel::kMostSized);
  CostModel costs(kFunctions);
  for (std::uint32_t function = 1; function <= kFunctions; ++function) {
    for (std::uint32_t i = 0; i < 4 * CostModel::kEnough; ++i) {
      costs.Learn({function, i % 2 == 0 ? 100U : 5000U}, milliseconds(i % 2 == 0 ? 1 : 3));
      costs.Learn({function, 100U << 10}, milliseconds(50));
    }
  }
  EXPECT_EQ(costs.Estimate({1, 100}), milliseconds(1));
  const Nanos last = costs.Estimate({kFunctions, 100});
  EXPECT_EQ(last, costs.Estimate(kFunctions)) << "there was no room for one of its own";
}

TEST(CostModel, SlotTimeIsTimeBySlots) {
  CostModel costs(10);
  costs.Learn(1, microseconds(100), 2 * kOneSlot);
  costs.Learn(2, microseconds(100), kOneSlot / 2);
  EXPECT_EQ(costs.Estimate(1), microseconds(200));
  EXPECT_EQ(costs.Estimate(2), microseconds(50));
}

TEST(CostModel, HalfOfTheRunsTookTheMedianSpanAtLeastAndItIsNotOverstated) {
  CostModel costs(10);
  EXPECT_EQ(costs.MedianSpan(1), Nanos(0)) << "nothing is known";
  EXPECT_EQ(costs.MedianSpan(11), Nanos(0)) << "no such function";
  costs.LearnSpan(1, milliseconds(50));
  costs.LearnSpan(1, milliseconds(1));
  EXPECT_LE(costs.MedianSpan(1), milliseconds(1)) << "of two the shorter";
  EXPECT_GT(costs.MedianSpan(1), microseconds(800));
  for (int i = 0; i < 100; ++i) costs.LearnSpan(1, milliseconds(40));
  EXPECT_LE(costs.MedianSpan(1), milliseconds(40));
  EXPECT_GT(costs.MedianSpan(1), milliseconds(32));
  EXPECT_EQ(costs.CountRuns(1), 0U) << "what it costs is another matter";
  for (int i = 0; i < 400; ++i) costs.LearnSpan(1, milliseconds(2));
  EXPECT_LE(costs.MedianSpan(1), milliseconds(2)) << "old ones fade";
}

TEST(CostModel, NinetyFiveOfAHundredEndWithinTheP95) {
  std::mt19937_64 random(7);
  std::exponential_distribution<double> exponential(1.0 / 1e6);
  CostModel costs(10);
  for (int i = 0; i < 5000; ++i) {
    costs.Learn(1, Nanos(static_cast<std::int64_t>(exponential(random))));
  }
  // Of an exponential it is three means.
  EXPECT_GT(costs.P95(1), microseconds(2300));
  EXPECT_LT(costs.P95(1), microseconds(4700));
  for (int i = 0; i < 100; ++i) costs.Learn(2, i < 96 ? microseconds(100) : milliseconds(100));
  EXPECT_GE(costs.P95(2), microseconds(100));
  EXPECT_LE(costs.P95(2), microseconds(125));
  for (int i = 0; i < 100; ++i) costs.Learn(3, i < 90 ? microseconds(100) : milliseconds(100));
  EXPECT_GE(costs.P95(3), milliseconds(100));
}

TEST(CostModel, TheP95FollowsWithinAFewHundredRuns) {
  CostModel costs(10);
  costs.Learn(1, milliseconds(5));
  EXPECT_GE(costs.P95(1), milliseconds(5)) << "from the first run on";
  EXPECT_LE(costs.P95(1), microseconds(6250));
  for (int i = 0; i < 1500; ++i) costs.Learn(1, microseconds(100));
  EXPECT_LE(costs.P95(1), microseconds(125));
  for (int i = 0; i < 64; ++i) costs.Learn(1, milliseconds(10));
  EXPECT_GE(costs.P95(1), milliseconds(10));
}

TEST(CostModel, ExtremesStayInTheirBounds) {
  CostModel costs(10);
  costs.Learn(1, Nanos(0));
  EXPECT_EQ(costs.Estimate(1), Nanos(1));
  EXPECT_LE(costs.P95(1), Nanos(160));
  costs.Learn(2, Nanos::max(), 1'000'000'000);
  EXPECT_EQ(costs.Estimate(2), kMostSlotTime);
  EXPECT_GT(costs.P95(2), std::chrono::minutes(5));
}

}  // namespace
}  // namespace spillgate
