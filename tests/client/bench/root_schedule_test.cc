// When the roots of a load are due, and what they cost: the same each time that they are drawn.
#include "client/bench/root_schedule.h"

#include <gtest/gtest.h>

#include <tuple>
#include <vector>

namespace spillgate::bench {
namespace {

using namespace std::chrono_literals;

struct Due {
  Nanos at{0};
  std::uint32_t us = 0;
  std::size_t phase = 0;
  friend bool operator==(const Due&, const Due&) = default;
};

std::vector<Due> Draw(const RootLoad& load, Nanos until) {
  RootSchedule schedule(load);
  std::vector<Due> found;
  while (schedule.due() < until) {
    const Nanos due = schedule.due();
    const std::size_t phase = schedule.phase();
    found.push_back({due, schedule.Take().us, phase});
  }
  return found;
}

RootLoad Exponential(std::uint64_t seed) {
  return {.rate = 1000, .service = {.mix = CostMix::kExponential}, .seed = seed};
}

TEST(RootSchedule, IsTheSameForTheSameSeedAlone) {
  const std::vector<Due> once = Draw(Exponential(5), 1s);
  EXPECT_EQ(Draw(Exponential(5), 1s), once);
  EXPECT_NE(Draw(Exponential(6), 1s), once);
  EXPECT_NEAR(static_cast<double>(once.size()), 1000, 150);
}

TEST(RootSchedule, GapsAndCostsAreDrawnInTurns) {
  std::vector<Due> cheap = Draw(Exponential(5), 1s);
  std::vector<Due> short_ones = Draw(Exponential(5), 500ms);
  cheap.resize(short_ones.size());
  EXPECT_EQ(short_ones, cheap) << "for how long they are drawn changes none of them";
}

TEST(RootSchedule, RootsOfABurstAreDueAtTheSameTime) {
  RootLoad load = Exponential(5);
  load.burst = 3;
  const std::vector<Due> found = Draw(load, 10s);
  EXPECT_NEAR(static_cast<double>(found.size()), 10'000, 900) << "at the same rate";
  for (std::size_t i = 0; i < found.size(); ++i) ASSERT_EQ(found[i].at, found[i - i % 3].at);
}

TEST(RootSchedule, APhaseHasItsOwnRateAndCost) {
  RootLoad load;
  load.phases = {{.rate = 0, .time = 1s, .cost = {}},
                 {.rate = 1000, .time = 1s, .cost = Cost{.us = 7, .mode = 1}},
                 {.rate = 0, .time = 1s, .cost = {}},
                 {.rate = 100, .time = 2s, .cost = {}}};
  const std::vector<Due> found = Draw(load, 5s);
  std::size_t fast = 0;
  for (const Due& each : found) {
    ASSERT_EQ(each.phase, each.at < 2s ? 1U : 3U);
    ASSERT_TRUE(each.at >= 1s && (each.at < 2s || each.at >= 3s)) << each.at.count();
    ASSERT_EQ(each.us, each.phase == 1 ? 7U : 1000U);
    fast += each.phase == 1 ? 1 : 0;
  }
  EXPECT_NEAR(static_cast<double>(fast), 1000, 150);
  EXPECT_NEAR(static_cast<double>(found.size() - fast), 200, 70);
}

TEST(RootSchedule, EndsWithAPhaseInWhichNothingComes) {
  RootLoad load;
  load.phases = {{.rate = 1000, .time = 100ms, .cost = {}}, {.rate = 0, .time = 1s, .cost = {}}};
  RootSchedule schedule(load);
  while (schedule.due() < 100ms) std::ignore = schedule.Take();
  EXPECT_EQ(schedule.due(), RootSchedule::kNone);
}

TEST(RootSchedule, InPairsOneIsTheOppositeOfTheOther) {
  RootLoad load = Exponential(5);
  load.paired = true;
  const std::vector<Due> found = Draw(load, 1s);
  for (std::size_t i = 0; i + 1 < found.size(); i += 2) {
    const Cost cost{.us = found[i].us, .mode = 0};
    ASSERT_EQ(found[i + 1].us, Opposite(load.service, cost).us);
  }
}

// As many as there is room for: only what each costs is drawn.
TEST(RootSchedule, OfAClosedLoopHasCostsAlone) {
  RootLoad load = Exponential(5);
  load.rate = 0;
  RootSchedule schedule(load);
  double sum = 0;
  for (int i = 0; i < 10'000; ++i) sum += schedule.Take().us;
  EXPECT_NEAR(sum / 10'000, 1000, 50);
  EXPECT_EQ(schedule.due(), Nanos(0));
}

}  // namespace
}  // namespace spillgate::bench
