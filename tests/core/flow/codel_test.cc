// The rule of codel on virtual time.
#include <gtest/gtest.h>

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
});

// Those that came first wait for longer, as the newest go before them.
TEST(Codel, LetsNoMoreWaitThanAreServedInTwiceTheTarget) {
  for (const Situation& c : kSituations) {
    const auto controller = MakeController("codel");
    controller->set_target_delay(c.target);
    ServedQueue node(*controller, c.node);
    const double rate = node.capacity() * c.times;
    node.For(milliseconds(1000), rate);
    const Flow flow = node.For(milliseconds(1000), rate);
    EXPECT_GE(static_cast<double>(flow.ended), 0.97 * node.capacity()) << c.what;
    const double within_s =
        std::chrono::duration<double>(c.target * 9 / 4 + c.node.service).count();
    EXPECT_LE(static_cast<double>(flow.most_waiting), within_s * node.capacity() + 1) << c.what;
  }
}

TEST(Codel, RefusesNobodyWhileTheQueueEmptiesAtTimes) {
  const auto controller = MakeController("codel");
  ServedQueue node(*controller, {.service = microseconds(100), .frame = 64});
  const Flow flow = node.For(milliseconds(1000), 9'000);
  EXPECT_EQ(flow.admitted, flow.offered);
}

TEST(Codel, EndsWithTheOverload) {
  const auto controller = MakeController("codel");
  ServedQueue node(*controller, {.service = microseconds(100)});
  node.For(milliseconds(200), 100'000);
  node.For(milliseconds(20), 5'000);
  const Flow flow = node.For(milliseconds(200), 5'000);
  EXPECT_EQ(flow.admitted, flow.offered);
}

// By hand: ticks of a node with two slots.
class CodelTicks : public ::testing::Test {
 protected:
  std::uint32_t Ask(std::uint32_t count, std::int64_t held) {
    return controller->Admit({.count = count}, {.held = held, .capacity = 1000}, now);
  }
  void Tick(std::uint32_t ended, Nanos least, Nanos after = milliseconds(1)) {
    now += after;
    controller->Observe({.count = ended,
                         .samples = ended,
                         .least_wait = least,
                         .mean_wait = least,
                         .p90_response = least,
                         .mean_service = milliseconds(1),
                         .waiting = 10,
                         .slots = 2},
                        now);
  }

  const std::unique_ptr<Controller> controller = MakeController("codel");  // target 5 ms
  Instant now{std::chrono::seconds(1)};
};

TEST_F(CodelTicks, OneShortWaitInAnIntervalIsEnough) {
  for (int i = 0; i < 10; ++i) Tick(2, milliseconds(6));
  EXPECT_LT(Ask(1000, 30), 1000U);
  Tick(2, milliseconds(5), microseconds(500));  // not longer than the target
  Tick(2, milliseconds(6), microseconds(500));
  EXPECT_EQ(Ask(1000, 30), 1000U);
}

TEST_F(CodelTicks, TheNewestGoFirstForAsLongAsItIsOverloaded) {
  EXPECT_FALSE(controller->NewestFirst());
  for (int i = 0; i < 10; ++i) Tick(2, milliseconds(6));
  EXPECT_TRUE(controller->NewestFirst());
  for (int i = 0; i < 2; ++i) Tick(2, milliseconds(1));
  EXPECT_FALSE(controller->NewestFirst());
}

TEST_F(CodelTicks, TheRestHasRoomForTwiceTheTarget) {
  for (int i = 0; i < 40; ++i) Tick(2, milliseconds(6));
  // 2 a millisecond: in 10 ms and the time of one's own run 22 end.
  EXPECT_NEAR(Ask(1000, 0), 22, 1);
  EXPECT_NEAR(Ask(1000, 20), 2, 1);
  EXPECT_EQ(Ask(1000, 24), 0U);
}

TEST_F(CodelTicks, AnIntervalInWhichNothingEndsGoesOn) {
  for (int i = 0; i < 40; ++i) Tick(2, milliseconds(6));
  for (int i = 0; i < 20; ++i) Tick(0, Nanos(0));  // a stall
  EXPECT_NEAR(Ask(1000, 0), 22, 1);
}

TEST_F(CodelTicks, AnIdleSlotIsNeverRefused) {
  for (int i = 0; i < 12; ++i) Tick(1, milliseconds(6), milliseconds(100));
  EXPECT_EQ(Ask(5, 0), 2U) << "ten a second: in twice the target nothing ends";
  EXPECT_EQ(Ask(5, 2), 0U);
}

TEST_F(CodelTicks, BeforeAnythingIsKnownAllAreLetIn) {
  EXPECT_EQ(Ask(1000, 0), 1000U);
  controller->Observe({}, now);
  controller->Observe({.count = 1, .samples = 1, .least_wait = milliseconds(9)}, now);
  EXPECT_EQ(Ask(1000, 0), 1000U);
}

}  // namespace
}  // namespace spillgate::flow
