// The frontier against what is known of queues: closed forms, and the table of the simulation that
// the goals come from.
#include <gtest/gtest.h>

#include <cmath>
#include <iterator>
#include <numbers>
#include <optional>
#include <string>
#include <vector>

#include "tests/sim/frontier/bound.h"
#include "tests/sim/frontier/rules.h"
#include "tests/sim/frontier/sample.h"

namespace spillgate::frontier {
namespace {

constexpr Mix kMixes[] = {Mix::kConstant, Mix::kExponential, Mix::kBimodal, Mix::kLognormal,
                          Mix::kHeavy};
constexpr std::uint32_t kEnough = 600'000;  // for the longest of the heavy mix to be sixty
constexpr double kEver = 1e9;

double Work(const Sample& sample) {
  double work = 0;
  for (const Root& root : sample.roots) work += root.cost;
  return work;
}

// ---- the sample

TEST(Sample, BringsExactlyWhatIsAskedFor) {
  for (const Mix mix : kMixes) {
    for (const double x : {0.3, 1.0, 10.0}) {
      const std::uint32_t arrivals = mix == Mix::kHeavy ? kEnough : 60'000;
      const Sample sample = Draw({.slots = 3, .mix = mix, .x = x, .arrivals = arrivals});
      EXPECT_NEAR(Work(sample) / (3 * sample.span), x, 1e-9);
      EXPECT_LT(sample.roots.back().arrival, sample.span);
      const double tolerance = mix == Mix::kHeavy ? 0.1 : 0.03;
      EXPECT_NEAR(Work(sample) / arrivals, 1, tolerance) << ToString(mix) << ": the unit";
    }
  }
}

TEST(Sample, IsTheSameForTheSameSeedAlone) {
  const Load load{.mix = Mix::kLognormal, .arrivals = 100, .seed = 7};
  Load other = load;
  other.seed = 8;
  EXPECT_EQ(Draw(load).roots[99].arrival, Draw(load).roots[99].arrival);
  EXPECT_NE(Draw(load).roots[99].cost, Draw(other).roots[99].cost);
}

TEST(Sample, DeadlinesAreMediansOfTheFunction) {
  for (const Mix mix : kMixes) {
    const Sample sample = Draw({.mix = mix, .limits = {4}});
    for (std::uint32_t function = 0; function < sample.functions.size(); ++function) {
      double below = 0;
      double all = 0;
      for (const Root& root : sample.roots) {
        if (root.function != function) continue;
        ++all;
        if (root.cost <= sample.functions[function].patience / 4 + 1e-9) ++below;
      }
      // Of a function that always costs the same, all are at the median.
      const bool varies = mix == Mix::kExponential || mix == Mix::kLognormal;
      EXPECT_NEAR(below / all, varies ? 0.5 : 1, 0.01) << ToString(mix) << " " << function;
    }
  }
}

TEST(Sample, OfTwoModesHasALongOneInAHundred) {
  const Sample sample = Draw({.mix = Mix::kBimodal});
  double count = 0;
  for (const Root& root : sample.roots) count += root.function;
  EXPECT_NEAR(count / static_cast<double>(sample.roots.size()), 0.01, 0.002);
}

TEST(Sample, OfAHeavyMixHasAThirdOfTheWorkInEachFunction) {
  const Sample sample = Draw({.mix = Mix::kHeavy, .arrivals = 3'000'000});
  ASSERT_EQ(sample.functions.size(), CountFunctions(Mix::kHeavy));
  EXPECT_NEAR(sample.functions[1].mean, 100 * sample.functions[0].mean, 1e-9);
  EXPECT_NEAR(sample.functions[2].mean, 10'000 * sample.functions[0].mean, 1e-9);
  double work[3] = {};
  for (const Root& root : sample.roots) work[root.function] += root.cost;
  for (const double each : work) EXPECT_NEAR(each / Work(sample), 1 / 3., 0.03);
}

TEST(Sample, HasALimitForAllFunctionsOrOneForEach) {
  for (const Mix mix : {Mix::kBimodal, Mix::kHeavy}) {
    const Sample same = Draw({.mix = mix, .limits = {7}, .arrivals = 10});
    const Sample each = Draw({.mix = mix, .limits = {7, 8, 9}, .arrivals = 10});
    for (std::size_t i = 0; i < same.functions.size(); ++i) {
      const double median = same.functions[i].mean;  // as it always costs the same
      EXPECT_DOUBLE_EQ(same.functions[i].patience, 7 * median);
      EXPECT_DOUBLE_EQ(each.functions[i].patience, (7 + static_cast<double>(i)) * median);
    }
  }
}

TEST(MixOf, KnowsTheNames) {
  for (const Mix mix : kMixes) EXPECT_EQ(MixOf(ToString(mix)), mix);
  EXPECT_EQ(MixOf("normal"), std::nullopt);
}

// ---- closed forms

// M/M/1 without a door. The wait W is more than w with probability x e^-(1-x)w, whatever the root
// costs; in time is the work c of those with W <= t - c.
TEST(Goodput, OfAnMM1IsThatOfItsSojournTime) {
  for (const double x : {0.3, 0.5, 0.7}) {
    const Sample sample = Draw({.mix = Mix::kExponential, .x = x, .arrivals = 200'000});
    const double t = 10 * std::numbers::ln2;
    // Work of c e^-c dc up to t, and what of it waits for more than t - c.
    const double work_that_fits = 1 - (1 + t) * std::exp(-t);
    const double late = x * std::exp(-(1 - x) * t) * (1 - std::exp(-x * t) * (1 + x * t)) / (x * x);
    EXPECT_NEAR(Goodput({.most_wait = kEver}, sample), work_that_fits - late, 0.006) << x;
  }
}

// M/D/1: the wait is at most t with (1 - x) sum over i <= t of (x(i - t))^i / i! e^-x(i - t).
TEST(Goodput, OfAnMD1IsThatOfItsWait) {
  for (const double x : {0.3, 0.5, 0.7}) {
    const Sample sample = Draw({.limits = {4}, .x = x, .arrivals = 200'000});
    double in_time = 0;
    double factorial = 1;
    for (int i = 0; i <= 3; ++i) {
      if (i > 0) factorial *= i;
      const double power = x * (i - 3);
      in_time += (i == 0 ? 1 : std::pow(power, i)) * std::exp(-power) / factorial;
    }
    EXPECT_NEAR(Goodput({.most_wait = kEver}, sample), (1 - x) * in_time, 0.005) << x;
  }
}

// Erlang's loss formula, for a door that lets in only what finds a slot free: any mix, by number.
TEST(Goodput, WithoutAQueueIsErlangs) {
  for (const std::uint32_t slots : {1U, 2U, 8U}) {
    const double offered = 0.9 * slots;
    double lost = 1;
    for (std::uint32_t k = 1; k <= slots; ++k) lost = offered * lost / (k + offered * lost);
    for (const Mix mix : {Mix::kConstant, Mix::kLognormal}) {
      const Sample sample = Draw({.slots = slots, .mix = mix, .x = 0.9, .arrivals = 200'000});
      EXPECT_NEAR(Goodput({.most_wait = 0}, sample), 1 - lost, 0.01) << slots << ToString(mix);
    }
  }
}

TEST(UpperBound, IsAllThereIsAtLowLoad) {
  EXPECT_NEAR(UpperBound(Draw({.x = 0.3})), 1, 1e-4);
  EXPECT_NEAR(UpperBound(Draw({.slots = 8, .mix = Mix::kLognormal, .x = 0.3})), 1, 1e-3);
  // But not what no deadline can hold: exponential costs beyond ten medians.
  const double t = 10 * std::numbers::ln2;
  EXPECT_NEAR(UpperBound(Draw({.slots = 8, .mix = Mix::kExponential, .x = 0.3})),
              1 - (1 + t) * std::exp(-t), 0.003);
}

TEST(UpperBound, IsTheCapacityOnceEnoughComes) {
  for (const std::uint32_t slots : {1U, 2U, 8U, 64U}) {
    for (const double x : {2.0, 5.0, 10.0}) {
      const Sample sample = Draw({.slots = slots, .x = x});
      EXPECT_NEAR(UpperBound(sample), 1, 0.001) << slots << " " << x;
      EXPECT_NEAR(BestOf(sample, false).goodput, 1, 0.003) << slots << " " << x;
    }
  }
}

// A server between an empty queue and a full one of B, at exactly its capacity: idle for a part of
// about variance / 2B (the reflected Brownian motion of the same drift and variance).
TEST(UpperBound, AtCapacityLosesWhatTheArrivalsForce) {
  EXPECT_NEAR(UpperBound(Draw({.limits = {40}, .arrivals = 200'000})), 1 - 1 / 80., 0.003);
  EXPECT_NEAR(UpperBound(Draw({.slots = 4, .limits = {10}, .arrivals = 200'000})), 1 - 1 / 80.,
              0.003);
}

TEST(UpperBound, OfTwoRootsByHand) {
  Sample sample{
      .slots = 1, .x = 1, .span = 4, .functions = {{.mean = 2, .patience = 3}}, .roots = {}};
  sample.roots = {
      {.arrival = 0, .cost = 2}, {.arrival = 1, .cost = 3}, {.arrival = 1, .cost = 3.5}};
  // The first in [0, 2), of the second two of its three by 4; the third could never be in time.
  EXPECT_DOUBLE_EQ(UpperBound(sample), 1);
  EXPECT_DOUBLE_EQ(Goodput({.most_wait = kEver}, sample), 0.5);
  sample.slots = 2;
  EXPECT_DOUBLE_EQ(UpperBound(sample), 5 / 8.);
  EXPECT_DOUBLE_EQ(Goodput({.most_wait = kEver}, sample), 5 / 8.);
}

// ---- what holds for every sample

TEST(UpperBound, IsNotExceededByAnyRule) {
  const std::vector<double> limits = {2, 5, 10};
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    const Load load{.slots = std::vector<std::uint32_t>{1, 2, 5, 16}[seed % 4],
                    .mix = kMixes[seed / 4 % std::size(kMixes)],
                    .limits = {limits[seed % 3], limits[(seed + 1) % 3], limits[seed / 3 % 3]},
                    .x = std::vector<double>{0.3, 0.7, 0.9, 1, 1.1, 2, 10}[seed % 7],
                    .tasks = std::vector<std::uint32_t>{1, 2, 13}[seed / 2 % 3],
                    .arrivals = 1500,
                    .seed = seed};
    const Sample sample = Draw(load);
    const double upper = UpperBound(sample);
    EXPECT_LE(upper, 1 + 1e-9) << seed;
    for (const bool clairvoyant : {false, true}) {
      const Best best = BestOf(sample, clairvoyant);
      EXPECT_LE(best.goodput, upper + 1e-9) << "seed " << seed << ": " << best.rule.Name();
      EXPECT_GT(best.goodput, 0.3 * upper) << "seed " << seed << ": " << best.rule.Name();
      EXPECT_DOUBLE_EQ(Goodput(best.rule, sample), best.goodput);
    }
  }
}

TEST(BestOf, CostsThatAreKnownAreWorthSomething) {
  const Sample sample = Draw({.mix = Mix::kExponential});
  EXPECT_GT(BestOf(sample, true).goodput, BestOf(sample, false).goodput + 0.05);
  EXPECT_GT(BestOf(sample, true).goodput, 0.95 * UpperBound(sample)) << "the bound is a close one";
}

// Who has longer can do no less. Of limits that are the same, one says as much as a list.
TEST(UpperBound, NeverFallsWithALongerLimitOfOneFunction) {
  for (const Mix mix : {Mix::kBimodal, Mix::kHeavy}) {
    const std::vector<double> all(CountFunctions(mix), 10);
    for (const double x : {0.7, 1.0, 2.0}) {
      const auto upper = [&](const std::vector<double>& limits) {
        return UpperBound(Draw({.slots = 2, .mix = mix, .limits = limits, .x = x}));
      };
      const double before = upper(all);
      EXPECT_EQ(before, upper({10}));
      for (std::size_t i = 0; i < all.size(); ++i) {
        std::vector<double> longer = all;
        longer[i] = 22;
        EXPECT_GE(upper(longer), before) << ToString(mix) << " " << x << " " << i;
      }
      EXPECT_LT(upper(std::vector<double>(all.size(), 1.5)), before) << "it is of consequence";
    }
  }
}

// The rules see them too: short roots that are as patient as the long ones take can wait for them.
TEST(BestOf, IsThatOfEachFunctionsLimit) {
  const auto best = [](const std::vector<double>& limits) {
    return BestOf(Draw({.mix = Mix::kBimodal, .limits = limits, .x = 0.7}), false).goodput;
  };
  EXPECT_EQ(best({10}), best({10, 10}));
  EXPECT_GT(best({22, 10}), best({10}) + 0.01);
  EXPECT_GT(best({200, 10}), best({22, 10}) + 0.05);
}

TEST(BestOf, WhatIsLateIsNotWorthASlot) {
  const Sample sample = Draw({.mix = Mix::kExponential, .x = 2});
  const Best best = BestOf(sample, false);
  EXPECT_TRUE(best.rule.cuts) << best.rule.Name();
  Rule other = best.rule;
  other.cuts = false;
  EXPECT_GT(best.goodput, Goodput(other, sample) + 0.01);
}

TEST(BestOf, LongFunctionsLeaveASlotToTheOthers) {
  const Best best = BestOf(Draw({.slots = 2, .mix = Mix::kBimodal, .x = 0.7}), false);
  EXPECT_TRUE(best.rule.lanes) << best.rule.Name();
  EXPECT_EQ(best.rule.order, Order::kDeadline) << best.rule.Name();
}

// ---- roots of several tasks

TEST(Goodput, OfRootsOfSeveralTasksByHand) {
  Sample sample{.slots = 1,
                .x = 1,
                .tasks = 3,
                .span = 10,
                .functions = {{.mean = 6, .patience = 10}, {.mean = 1.5, .patience = 4}},
                .roots = {{.arrival = 0, .cost = 6, .function = 0},
                          {.arrival = 1, .cost = 1.5, .function = 1}}};
  const Rule fifo{.most_wait = kEver};
  const Rule edf{.order = Order::kDeadline, .most_wait = kEver};
  EXPECT_DOUBLE_EQ(Goodput(fifo, sample), 0.6) << "the short one would begin at 6";
  EXPECT_DOUBLE_EQ(Goodput(edf, sample), 0.75) << "from 2 to 3.5, after the long one's first task";
  // The long one ends at 7.5 now.
  sample.functions[0].patience = 7;
  EXPECT_DOUBLE_EQ(Goodput(edf, sample), 0.15);
  sample.functions[0].patience = 10;
  sample.tasks = 1;
  EXPECT_DOUBLE_EQ(Goodput(edf, sample), 0.6) << "nothing interrupts a task";
  // To expect its turn in 0.5 at most it may come at 1.5: the first task of the long one ends at 2.
  sample.tasks = 3;
  const Rule soon{.order = Order::kDeadline, .most_wait = 0.5};
  EXPECT_DOUBLE_EQ(Goodput(soon, sample), 0.6);
  sample.roots[1].arrival = 1.5;
  EXPECT_DOUBLE_EQ(Goodput(soon, sample), 0.75);
}

// Who goes on with what it has begun has no use for the pauses; of a LIFO the newest comes between.
TEST(Goodput, OfAFifoDoesNotDependOnTheTasksOfARoot) {
  for (const Mix mix : {Mix::kConstant, Mix::kLognormal}) {
    Load load{.slots = 2, .mix = mix, .x = 0.9};
    const double whole = Goodput({.most_wait = kEver}, Draw(load));
    const double newest = Goodput({.order = Order::kLifo, .most_wait = kEver}, Draw(load));
    load.tasks = 10;
    EXPECT_NEAR(Goodput({.most_wait = kEver}, Draw(load)), whole, 1e-9);
    EXPECT_NE(Goodput({.order = Order::kLifo, .most_wait = kEver}, Draw(load)), newest);
  }
}

TEST(BestOf, RootsOfSeveralTasksLetUrgentOnesPassAndShowWhatTheyCost) {
  const auto best = [](Mix mix, std::uint32_t tasks) {
    return BestOf(Draw({.mix = mix, .x = 1, .tasks = tasks}), false).goodput;
  };
  EXPECT_GT(best(Mix::kBimodal, 10), best(Mix::kBimodal, 1) + 0.05);
  EXPECT_GT(best(Mix::kExponential, 10), best(Mix::kExponential, 1) + 0.02);
}

TEST(Rule, SaysWhatItIs) {
  EXPECT_EQ((Rule{.most_wait = 2}).Name(), "fifo, wait <= 2");
  const Rule rule{.order = Order::kDeadline,
                  .bound = Bound::kSlack,
                  .most_wait = 0.5,
                  .drops = true,
                  .lanes = true};
  EXPECT_EQ(rule.Name(), "edf, wait <= 0.5 of the slack, drops the doomed, lanes");
}

// ---- the table that the goals come from: another program's, FIFO behind an expected wait

struct Known {
  Mix mix;
  std::uint32_t slots;
  double most_wait;
  double goodput[7];  // at kTableX
  double within;
};
constexpr double kTableX[] = {0.5, 0.7, 0.9, 1, 1.2, 2, 10};

TEST(Goodput, IsThatOfTheTable) {
  const Known table[] = {
      {Mix::kConstant, 1, 2, {.97, .92, .86, .82, .89, .99, 1.0}, .01},
      {Mix::kConstant, 1, 4, {.99, .98, .93, .89, .96, 1.0, 1.0}, .01},
      {Mix::kConstant, 1, 9, {.99, .99, .98, .95, 1.0, 1.0, 1.0}, .011},
      {Mix::kConstant, 2, 2, {.99, .98, .93, .90, .96, 1.0, 1.0}, .01},
      {Mix::kConstant, 2, 4, {.99, .99, .97, .94, .99, 1.0, 1.0}, .011},
      {Mix::kExponential, 1, 2, {.91, .83, .75, .72, .78, .88, .92}, .015},
      {Mix::kExponential, 1, 9, {.94, .84, .65, .53, .40, .18, .11}, .03},
      {Mix::kExponential, 2, 1, {.94, .88, .80, .77, .83, .93, .98}, .015},
      {Mix::kExponential, 2, 2, {.98, .94, .86, .82, .88, .94, .93}, .03},
  };
  for (const Known& known : table) {
    for (std::size_t i = 0; i < std::size(kTableX); ++i) {
      const Sample sample = Draw({.slots = known.slots, .mix = known.mix, .x = kTableX[i]});
      EXPECT_NEAR(Goodput({.most_wait = known.most_wait}, sample), known.goodput[i], known.within)
          << ToString(known.mix) << ", " << known.slots << " slots, wait <= " << known.most_wait
          << ", " << kTableX[i] << " times the capacity";
    }
  }
}

}  // namespace
}  // namespace spillgate::frontier
