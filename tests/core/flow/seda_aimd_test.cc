// The rule of seda_aimd on virtual time.
#include <gtest/gtest.h>

#include "tests/core/flow/served_queue.h"

namespace spillgate::flow {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::Flow;
using testing::ServedQueue;
using testing::Situation;

// The response time that it goes by comes late, so it swings.
constexpr double kLeast = 0.65;  // of the capacity

TEST(SedaAimd, SwingsAroundTheCapacity) {
  for (const Situation& c : testing::kOverloads) {
    const auto controller = MakeController("seda_aimd");
    controller->set_target_delay(c.target);
    ServedQueue node(*controller, c.node);
    const double rate = node.capacity() * c.times;
    node.For(seconds(3), rate);
    const Flow flow = node.For(seconds(3), rate);
    EXPECT_GE(static_cast<double>(flow.ended), 3 * kLeast * node.capacity()) << c.what;
    EXPECT_LE(static_cast<double>(flow.admitted), 3 * 1.1 * node.capacity()) << c.what;
  }
}

// By hand: what comes of a target of 5 ms and runs of 1 ms.
class SedaTicks : public ::testing::Test {
 protected:
  std::uint32_t Ask(std::uint32_t count) {
    return controller->Admit({.count = count}, {.capacity = 1000}, now);
  }
  void Tick(std::uint32_t samples, Nanos response, Nanos after = milliseconds(5)) {
    now += after;
    controller->Observe({.count = samples,
                         .samples = samples,
                         .p90_response = response,
                         .mean_service = milliseconds(1),
                         .slots = 1},
                        now);
  }
  [[nodiscard]] std::int64_t rate() const {
    ControllerState state;
    controller->Snapshot(state);
    return state.limit;
  }
  void SetRate(std::int64_t wanted) {
    while (rate() > wanted) Tick(100, seconds(1));
  }

  const std::unique_ptr<Controller> controller = MakeController("seda_aimd");
  Instant now{seconds(1)};
};

TEST_F(SedaTicks, DividesAboveTheTargetAndAddsBelowHalfOfIt) {
  EXPECT_EQ(rate(), 10'000);
  Tick(100, microseconds(6'001));
  EXPECT_EQ(rate(), 8'333);
  Tick(100, milliseconds(6));  // on it: the old one counts for .7
  EXPECT_EQ(rate(), 6'944);
  for (int i = 0; i < 10; ++i) Tick(100, milliseconds(5));  // between: neither
  const std::int64_t before = rate();
  (void)Ask(1000);
  Tick(100, milliseconds(5));
  EXPECT_EQ(rate(), before);
  for (int i = 0; i < 30; ++i) Tick(100, milliseconds(1));  // nobody was refused since
  EXPECT_EQ(rate(), before);
  (void)Ask(1000);
  Tick(100, milliseconds(1));  // an error of -1: 0.9 of 2 and of 2 % of the rate
  EXPECT_NEAR(static_cast<double>(rate()), static_cast<double>(before) * 1.018 + 1.8, 2);
}

TEST_F(SedaTicks, FewSamplesAreGathered) {
  Tick(99, milliseconds(60));
  EXPECT_EQ(rate(), 10'000);
  Tick(1, milliseconds(60), milliseconds(1));
  EXPECT_EQ(rate(), 8'333);
  Tick(1, milliseconds(60));
  Tick(0, Nanos(0));
  EXPECT_EQ(rate(), 8'333);
  Tick(1, milliseconds(60));  // after ten milliseconds those that there are
  EXPECT_EQ(rate(), 6'944);
}

TEST_F(SedaTicks, WaitsUntilAnUpdateCanBeSeen) {
  for (int i = 0; i < 5; ++i) Tick(1000, milliseconds(60), milliseconds(1));
  EXPECT_EQ(rate(), 8'333);
  Tick(1000, milliseconds(60), milliseconds(1));
  EXPECT_EQ(rate(), 6'944);
}

TEST_F(SedaTicks, TokensComeInFractionsOfAMillisecond) {
  (void)Ask(1000);
  EXPECT_EQ(Ask(1), 0U);
  std::uint32_t admitted = 0;
  for (int i = 0; i < 1000; ++i) {
    now += microseconds(10);
    admitted += Ask(1);
  }
  EXPECT_NEAR(admitted, 100, 1) << "10 ms at 10 000 a second";
  now += seconds(10);
  EXPECT_EQ(Ask(1000), 10U) << "and are not saved for ever";
  now -= milliseconds(1);
  EXPECT_EQ(Ask(1000), 0U) << "another thread's clock may be behind";
}

TEST_F(SedaTicks, AnOpenRootIsPaidForBeforeOthersGetIn) {
  const auto opens = [&](std::uint32_t tasks) {
    return controller->Opens({.count = tasks}, {.capacity = 1000}, now);
  };
  EXPECT_TRUE(opens(1010));
  EXPECT_FALSE(opens(1));
  ControllerState state;
  controller->Snapshot(state);
  EXPECT_NEAR(static_cast<double>(state.retry_after.count()), 100.1e6, 1e3);
  now += milliseconds(100);
  EXPECT_EQ(Ask(1), 0U);
  now += milliseconds(1);
  EXPECT_EQ(Ask(1), 1U);
}

TEST_F(SedaTicks, NoOpenRootHoldsTheOthersUpForMoreThanASecond) {
  for (int i = 0; i < 1000; ++i) Tick(100, seconds(10));
  ASSERT_EQ(rate(), 10);
  EXPECT_TRUE(controller->Opens({.count = 4096}, {.capacity = 10'000}, now));
  EXPECT_EQ(Ask(1), 0U);
  ControllerState state;
  controller->Snapshot(state);
  EXPECT_LE(state.retry_after, milliseconds(1100));
  now += milliseconds(1100);
  EXPECT_EQ(Ask(1), 1U);
}

TEST_F(SedaTicks, AHighRateLetsAWholeFrameIn) {
  for (int i = 0; i < 300; ++i) {
    (void)Ask(1'000'000);
    Tick(100, milliseconds(1));
  }
  EXPECT_GT(rate(), 1'000'000);
  now += milliseconds(1);
  EXPECT_GT(Ask(1'000'000), 1000U);
}

TEST_F(SedaTicks, NeverStops) {
  for (int i = 0; i < 1000; ++i) Tick(100, seconds(10));
  EXPECT_EQ(rate(), 10);
  std::uint32_t admitted = 0;
  (void)Ask(1000);
  for (int i = 0; i < 1000; ++i) {
    now += milliseconds(1);
    admitted += Ask(1);
  }
  EXPECT_NEAR(admitted, 10, 1);
}

TEST_F(SedaTicks, BeforeAnythingHasEndedTheRateIsTheFirst) {
  EXPECT_EQ(Ask(1000), 10U);
  controller->Observe({}, now);
  for (int i = 0; i < 100; ++i) Tick(0, Nanos(0));
  EXPECT_EQ(rate(), 10'000);
}

}  // namespace
}  // namespace spillgate::flow
