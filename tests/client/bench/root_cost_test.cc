// What the tasks of roots cost, and which of them.
#include "client/bench/root_cost.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>

namespace spillgate::bench {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

constexpr int kDraws = 400'000;

struct Drawn {
  std::array<int, kModes> count{};
  std::array<double, kModes> work{};  // in microseconds
  std::uint32_t most = 0;
  [[nodiscard]] double all() const { return work[0] + work[1] + work[2]; }
};

Drawn Draw(const Service& service) {
  std::mt19937_64 random(7);
  Drawn drawn;
  for (int i = 0; i < kDraws; ++i) {
    const Cost cost = DrawCost(service, std::nullopt, random);
    ++drawn.count[cost.mode];
    drawn.work[cost.mode] += cost.us;
    drawn.most = std::max(drawn.most, cost.us);
  }
  return drawn;
}

TEST(RootCost, TheMeanIsWhatWasAskedFor) {
  for (const CostMix mix :
       {CostMix::kConstant, CostMix::kExponential, CostMix::kBimodal, CostMix::kLogNormal}) {
    const Service service{.time = milliseconds(1), .mix = mix};
    EXPECT_EQ(MeanCost(service), milliseconds(1)) << ToString(mix);
    const Drawn drawn = Draw(service);
    EXPECT_NEAR(drawn.all() / kDraws, 1000, 20) << ToString(mix);
    EXPECT_LE(microseconds(drawn.most), LongestCost(service)) << ToString(mix);
  }
}

TEST(RootCost, EachModeOfAHeavyTailCarriesAThirdOfTheWork) {
  const Service service{.time = milliseconds(1), .mix = CostMix::kHeavy};
  EXPECT_EQ(LongestCost(service), std::chrono::seconds(10));
  EXPECT_NEAR(static_cast<double>(MeanCost(service).count()), 3e6 / 1.0101, 1);
  const Drawn drawn = Draw(service);
  const double mean = static_cast<double>(MeanCost(service).count()) / 1000;
  // Of some 40 and 4,000 that are drawn, one in six and one in sixty is chance.
  EXPECT_NEAR(drawn.work[0] / kDraws, mean / 3, mean / 300);
  EXPECT_NEAR(drawn.work[1] / kDraws, mean / 3, mean / 15);
  EXPECT_NEAR(drawn.work[2] / kDraws, mean / 3, mean / 5);
}

TEST(RootCost, OneModeAloneIfAskedFor) {
  std::mt19937_64 random(1);
  const Service service{.time = milliseconds(1), .mix = CostMix::kHeavy};
  for (std::uint8_t mode = 0; mode < ModesOf(service.mix); ++mode) {
    const Cost cost = DrawCost(service, mode, random);
    EXPECT_EQ(cost.mode, mode);
    EXPECT_EQ(cost.us, mode == 0 ? 1000U : mode == 1 ? 100'000U : 10'000'000U);
  }
}

// So the median of a few pairs is near that of the mix.
TEST(RootCost, OfAPairOneIsBelowTheMedianAndOneAboveIt) {
  const double kMedians[] = {std::log(2.0), std::exp(-0.125)};
  for (const auto& [mix, median] : {std::pair{CostMix::kExponential, kMedians[0]},
                                    std::pair{CostMix::kLogNormal, kMedians[1]}}) {
    const Service service{.time = milliseconds(10), .mix = mix};
    std::mt19937_64 random(3);
    double all = 0;
    for (int i = 0; i < kDraws / 2; ++i) {
      const Cost one = DrawCost(service, std::nullopt, random);
      const Cost other = Opposite(service, one);
      all += one.us + other.us;
      const auto [less, more] = std::minmax(one.us, other.us);
      ASSERT_LE(less, 10'000 * median + 2) << ToString(mix);
      ASSERT_GE(more, 10'000 * median - 2) << ToString(mix);
    }
    EXPECT_NEAR(all / kDraws, 10'000, 100) << "and they are of the same mix: " << ToString(mix);
  }
  for (const CostMix mix : {CostMix::kConstant, CostMix::kBimodal, CostMix::kHeavy}) {
    const Service service{.time = milliseconds(1), .mix = mix};
    std::mt19937_64 random(3);
    const Cost one = DrawCost(service, 1 % ModesOf(mix), random);
    EXPECT_EQ(Opposite(service, one).us, one.us) << ToString(mix);
  }
}

TEST(RootCost, NothingIsFree) {
  std::mt19937_64 random(1);
  const Service service{.time = microseconds(1), .mix = CostMix::kBimodal};
  for (int i = 0; i < 100; ++i) EXPECT_GE(DrawCost(service, std::nullopt, random).us, 1U);
}

TEST(RootCost, AServiceOfStepsIsAModeOfItsOwn) {
  using std::chrono::seconds;
  Options options{.steps = {{.x = 1, .time = seconds(1), .service = {}},
                            {.x = 1, .time = seconds(1), .service = milliseconds(10)},
                            {.x = 1, .time = seconds(1), .service = milliseconds(5)},
                            {.x = 1, .time = seconds(1), .service = milliseconds(10)}}};
  EXPECT_EQ(ServicesOf(options), (std::vector<Nanos>{milliseconds(10), milliseconds(5)}));
  EXPECT_EQ(ModesOf(options), 3U);
  options.steps.resize(1);
  EXPECT_EQ(ModesOf(options), 1U);
}

}  // namespace
}  // namespace spillgate::bench
