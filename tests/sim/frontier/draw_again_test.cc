// The roots of a measurement, drawn again: what is possible with them is what it is held against.
#include <gtest/gtest.h>

#include <vector>

#include "client/bench/root_schedule.h"
#include "tests/sim/frontier/bound.h"
#include "tests/sim/frontier/rules.h"
#include "tests/sim/frontier/sample.h"

namespace spillgate::frontier {
namespace {

constexpr Mix kMixes[] = {Mix::kConstant, Mix::kExponential, Mix::kBimodal, Mix::kLognormal,
                          Mix::kHeavy};
constexpr double kEver = 1e9;

double Work(const Sample& sample) {
  double work = 0;
  for (const Root& root : sample.roots) work += root.cost;
  return work;
}

Measured Of(double per_s, double seconds) {
  return {.seed = 3, .per_s = per_s, .seconds = seconds, .service_us = 1000, .capacity_per_s = 800};
}

TEST(DrawAgain, BringsTheRootsOfTheBenchmarkInUnitsOfWhatASlotCanDo) {
  const Load load{.slots = 2, .mix = Mix::kBimodal, .limits = {20, 10}, .x = 2, .tasks = 10};
  const Sample sample = DrawAgain(load, Of(1600, 5));
  EXPECT_DOUBLE_EQ(sample.span, 5 * 400) << "each slot does 400 a second";
  EXPECT_EQ(sample.functions[1].patience, 505);
  EXPECT_NEAR(static_cast<double>(sample.roots.size()), 8000, 300);
  EXPECT_TRUE(sample.is_whole);
  bench::RootSchedule schedule({.rate = 1600,
                                .time = std::chrono::seconds(5),
                                .service = {.mix = bench::CostMix::kBimodal},
                                .seed = 3});
  for (const Root& root : sample.roots) {
    ASSERT_EQ(root.arrival, std::chrono::duration<double>(schedule.due()).count() / (2. / 800));
    const bench::Cost cost = schedule.Take();
    ASSERT_EQ(root.function, cost.mode);
    ASSERT_DOUBLE_EQ(root.cost, cost.mode == 0 ? 0.5 : 50.5);
  }
  EXPECT_GE(schedule.due(), std::chrono::seconds(5)) << "no root is missing at the end";
}

TEST(DrawAgain, KnowsTheUnitOfEachMix) {
  for (const Mix mix : kMixes) {
    const Sample sample = DrawAgain({.mix = mix}, Of(800, mix == Mix::kHeavy ? 1000 : 100));
    const double mean = Work(sample) / static_cast<double>(sample.roots.size());
    EXPECT_NEAR(mean, 1, mix == Mix::kHeavy ? 0.15 : 0.05) << ToString(mix);
    EXPECT_LT(sample.roots.back().function, CountFunctions(mix));
  }
}

TEST(DrawAgain, RootsOfABurstComeAtTheSameTime) {
  Measured measured = Of(100, 10);
  measured.burst = 4;
  const Sample sample = DrawAgain({}, measured);
  for (std::size_t i = 0; i < sample.roots.size(); ++i) {
    ASSERT_EQ(sample.roots[i].arrival, sample.roots[i - i % 4].arrival);
  }
}

// A root that comes at the end of the span is done after it.
TEST(DrawAgain, WhatIsDoneAfterTheLastHasComeCounts) {
  Sample sample{.span = 10, .functions = {{.patience = 5}}, .roots = {{.arrival = 9, .cost = 4}}};
  EXPECT_DOUBLE_EQ(UpperBound(sample), 0.1);
  EXPECT_DOUBLE_EQ(Goodput({.most_wait = kEver}, sample), 0.1);
  sample.is_whole = true;
  EXPECT_DOUBLE_EQ(UpperBound(sample), 0.4);
  EXPECT_DOUBLE_EQ(Goodput({.most_wait = kEver}, sample), 0.4);
}

// When the second comes the first will run for one more: as long as the others, for a half.
TEST(Goodput, IsOfARuleThatMayKnowCostsFromElsewhere) {
  const std::vector<Function> functions{{.mean = 1, .patience = 5}};
  const Sample sample{.span = 10,
                      .functions = functions,
                      .roots = {{.arrival = 0, .cost = 2}, {.arrival = 1, .cost = 1}}};
  const Sample others{.span = 10, .functions = functions, .roots = {{.cost = 1.5}}};
  const Rule rule{.most_wait = 0.8};
  EXPECT_DOUBLE_EQ(Goodput(rule, sample), 0.2);
  EXPECT_DOUBLE_EQ(Goodput(rule, sample, others), 0.3);
}

}  // namespace
}  // namespace spillgate::frontier
