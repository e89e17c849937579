// The rule of adaptive_bound on virtual time: that it finds its bound and keeps it.
#include <gtest/gtest.h>

#include <cmath>

#include "tests/core/flow/served_queue.h"

namespace spillgate::flow {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using testing::Flow;
using testing::ServedQueue;
using testing::Situation;

const std::vector<Situation> kSituations = testing::OverloadsAnd({
    {"tasks longer than a tick", {2, milliseconds(10)}, milliseconds(50), 2},
    {"and than the target: two for each slot", {4, milliseconds(20)}, milliseconds(5), 2},
    {"less than the capacity", {2, microseconds(500)}, milliseconds(5), 0.9},
});

TEST(AdaptiveBound, FindsTheBoundAndFillsTheNode) {
  for (const Situation& c : kSituations) {
    const auto controller = MakeController("adaptive_bound");
    controller->set_target_delay(c.target);
    ServedQueue node(*controller, c.node);
    const double rate = node.capacity() * c.times;
    node.For(milliseconds(200), rate);
    const Flow run = node.For(milliseconds(1000), rate);
    const double most = std::min(1.0, c.times) * node.capacity();
    EXPECT_GE(static_cast<double>(run.ended), 0.97 * most) << c.what;
    if (c.times <= 1) continue;
    const double drains = node.capacity() * std::chrono::duration<double>(c.target).count();
    const double bound = std::max(2.0 * static_cast<double>(c.node.slots), std::ceil(drains));
    EXPECT_NEAR(static_cast<double>(node.limit()), bound, 1 + bound / 8) << c.what;
    // Who comes to a full node waits for the target, or for one task that is longer.
    EXPECT_LE(run.longest_wait, c.target * 9 / 8 + c.node.service) << c.what;
  }
}

TEST(AdaptiveBound, FollowsAStepOfTheCost) {
  const auto controller = MakeController("adaptive_bound");
  ServedQueue node(*controller, {.service = microseconds(100)});
  node.For(milliseconds(100), 20'000);
  EXPECT_NEAR(static_cast<double>(node.limit()), 50, 5);
  node.SetService(microseconds(1000));
  node.For(milliseconds(200), 20'000);
  EXPECT_NEAR(static_cast<double>(node.limit()), 5, 1);
  node.SetService(microseconds(100));
  node.For(milliseconds(50), 20'000);
  EXPECT_NEAR(static_cast<double>(node.limit()), 50, 5);
}

// By hand: ticks of a node with one slot.
class AdaptiveBoundTicks : public ::testing::Test {
 protected:
  std::uint32_t Ask(std::uint32_t count, std::int64_t held, std::uint8_t cls = 0) {
    return controller->Admit({.cls = cls, .count = count}, {.held = held, .capacity = 1000}, now);
  }
  void Tick(std::uint32_t ended, std::int64_t waiting, Nanos wait) {
    now += milliseconds(1);
    controller->Observe({.count = ended,
                         .samples = ended,
                         .least_wait = wait,
                         .mean_wait = wait,
                         .p90_response = wait,
                         .waiting = waiting,
                         .slots = 1},
                        now);
  }
  [[nodiscard]] std::int64_t limit() const {
    ControllerState state;
    controller->Snapshot(state);
    return state.limit;
  }

  const std::unique_ptr<Controller> controller = MakeController("adaptive_bound");
  Instant now{std::chrono::seconds(1)};
};

TEST_F(AdaptiveBoundTicks, AColdOneIsDoubledATickUntilWaitsAreHalfTheTarget) {
  EXPECT_EQ(Ask(100, 0), 4U);
  for (const std::int64_t bound : {8, 16, 32}) {
    Tick(1, 3, milliseconds(1));
    EXPECT_EQ(limit(), bound);
    (void)Ask(100, limit());
  }
  Tick(1, 30, milliseconds(3));
  (void)Ask(100, limit());
  Tick(1, 30, milliseconds(1));
  EXPECT_EQ(limit(), 32);
}

TEST_F(AdaptiveBoundTicks, WhatNobodyAsksForIsNotDoubled) {
  for (int i = 0; i < 10; ++i) Tick(1, 0, Nanos(0));
  EXPECT_EQ(limit(), 4);
  (void)Ask(5, 0);
  Tick(0, 0, Nanos(0));  // nothing has ended that could say how long it waits
  EXPECT_EQ(limit(), 4);
}

TEST_F(AdaptiveBoundTicks, AStallLeavesTheBoundAsItWas) {
  Tick(10, 20, milliseconds(4));
  for (int i = 0; i < 5; ++i) Tick(10, 20, milliseconds(4));
  EXPECT_EQ(limit(), 50);  // 10 in a millisecond
  for (int i = 0; i < 20; ++i) {
    (void)Ask(100, limit());
    Tick(0, 40, Nanos(0));
    EXPECT_EQ(limit(), 50) << i;
  }
}

// A reload had put another controller in its place.
TEST_F(AdaptiveBoundTicks, TheTimeInWhichNobodyAskedItIsNoneOfItsOwn) {
  for (int i = 0; i < 6; ++i) Tick(10, 20, milliseconds(4));
  ASSERT_EQ(limit(), 50);
  now += std::chrono::seconds(2);
  for (int i = 0; i < 3; ++i) Tick(10, 20, milliseconds(4));
  EXPECT_EQ(limit(), 50);
}

TEST_F(AdaptiveBoundTicks, WhatEndsWhileNothingWaitsIsNoRate) {
  for (int i = 0; i < 5; ++i) Tick(10, 20, milliseconds(4));
  for (int i = 0; i < 100; ++i) Tick(1, 0, Nanos(0));
  EXPECT_EQ(limit(), 50);
}

TEST_F(AdaptiveBoundTicks, WhoTakesTheLastPlaceNeedsNoRefusal) {
  for (const std::int64_t bound : {8, 16, 32}) {
    EXPECT_EQ(Ask(static_cast<std::uint32_t>(limit()), 0), limit());
    Tick(1, 0, microseconds(10));
    EXPECT_EQ(limit(), bound);
  }
}

TEST_F(AdaptiveBoundTicks, IsSearchedAgainWhereRootsAreRefusedAndNothingWaits) {
  for (int i = 0; i < 12; ++i) Tick(1, 20, milliseconds(4));
  EXPECT_EQ(limit(), 5);
  for (int i = 0; i < 4; ++i) {
    (void)Ask(100, 0);
    Tick(20, 0, microseconds(10));
  }
  EXPECT_EQ(limit(), 20);
}

TEST_F(AdaptiveBoundTicks, TheLowerClassesHaveAPartOfIt) {
  for (int i = 0; i < 5; ++i) Tick(20, 20, milliseconds(4));
  for (std::uint8_t cls = 0; cls < kMaxClasses; ++cls) {
    const std::uint32_t most = std::array{100U, 90U, 80U, 50U}[cls];
    EXPECT_EQ(Ask(200, 0, cls), most);
    EXPECT_EQ(controller->Admit({.cls = cls, .count = 200}, {.capacity = 10}, now), most / 10)
        << "the places are a bound too";
    EXPECT_EQ(controller->Room(cls, {.capacity = 1000}), 10 * most) << "all that clients are told";
  }
}

TEST_F(AdaptiveBoundTicks, AnUnheardOfNodeIsNoFault) {
  EXPECT_EQ(controller->Admit({.count = 3}, {.capacity = 0}, now), 0U);
  controller->Observe({}, now);  // no slots, nothing ended, no time has gone by
  controller->Observe({.count = 5, .samples = 5, .waiting = 5}, now);
  controller->Observe({.count = 5, .samples = 5, .waiting = 5}, now);
  EXPECT_GE(limit(), 1);
  EXPECT_GE(Ask(1, 0), 1U);
}

}  // namespace
}  // namespace spillgate::flow
