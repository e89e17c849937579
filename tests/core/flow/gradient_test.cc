// The rule of gradient on virtual time.
#include <gtest/gtest.h>

#include "tests/core/flow/served_queue.h"

namespace spillgate::flow {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using testing::Flow;
using testing::ServedQueue;
using testing::Situation;

// It goes by no target.
const std::vector<Situation> kSituations = testing::OverloadsAnd({
    {"tasks of 10 us, of which the library sees none", {8, microseconds(10)}, {}, 2},
    {"tasks longer than a tick", {2, milliseconds(10)}, {}, 2},
});

TEST(Gradient, FillsTheNode) {
  for (const Situation& c : kSituations) {
    const auto controller = MakeController("gradient");
    ServedQueue node(*controller, c.node);
    const double rate = node.capacity() * c.times;
    node.For(milliseconds(500), rate);
    const Flow flow = node.For(milliseconds(1000), rate);
    EXPECT_GE(static_cast<double>(flow.ended), 0.97 * node.capacity()) << c.what;
  }
}

// By hand: ticks of a node with one slot.
class GradientTicks : public ::testing::Test {
 protected:
  std::uint32_t Ask(std::uint32_t count, std::int64_t held, std::uint8_t cls = 0) {
    return controller->Admit({.cls = cls, .count = count}, {.held = held, .capacity = 1000}, now);
  }
  void Tick(std::uint32_t samples, Nanos wait, Nanos after = milliseconds(1)) {
    now += after;
    controller->Observe({.count = samples,
                         .samples = samples,
                         .mean_wait = wait,
                         .mean_service = milliseconds(1),
                         .slots = slots},
                        now);
  }
  [[nodiscard]] std::int64_t limit() const {
    ControllerState state;
    controller->Snapshot(state);
    return state.limit;
  }

  const std::unique_ptr<Controller> controller = MakeController("gradient");
  std::int64_t slots = 1;
  Instant now{std::chrono::seconds(1)};
};

TEST_F(GradientTicks, GrowsByTheQueueWhileResponsesAreAsEver) {
  EXPECT_EQ(Ask(100, 0), 20U);
  for (int i = 0; i < 10; ++i) {
    (void)Ask(100, limit());
    Tick(10, Nanos(0));
  }
  EXPECT_EQ(limit(), 28) << "0.2 of 4 each time";
}

TEST_F(GradientTicks, ShrinksByAtMostATenthWhenTheyAreLonger) {
  for (int i = 0; i < 100; ++i) {
    (void)Ask(1000, limit());
    Tick(10, Nanos(0));
  }
  EXPECT_EQ(limit(), 100);
  (void)Ask(1000, limit());
  Tick(10, milliseconds(9));  // ten times the long one: a gradient of a half at most
  EXPECT_EQ(limit(), 90);
  (void)Ask(1000, limit());
  Tick(10, microseconds(400));  // within the tolerance
  EXPECT_EQ(limit(), 91);
}

TEST_F(GradientTicks, BearsWhatATurnOfTheLoopMayTake) {
  const auto tick = [&](Nanos response) {
    now += milliseconds(1);
    (void)Ask(1000, limit());
    controller->Observe({.samples = 10, .mean_service = response, .slots = 1}, now);
  };
  for (int i = 0; i < 101; ++i) tick(microseconds(i % 5 == 0 ? 100 : 1));
  EXPECT_EQ(limit(), 100);
}

TEST_F(GradientTicks, WhoUsesLittleOfItSaysNothing) {
  for (int i = 0; i < 100; ++i) {
    (void)Ask(1, 8);
    Tick(10, milliseconds(i % 10));
  }
  EXPECT_EQ(limit(), 20);
}

TEST_F(GradientTicks, FewSamplesAreGathered) {
  (void)Ask(100, 20);
  for (int i = 0; i < 9; ++i) Tick(1, Nanos(0));
  EXPECT_EQ(limit(), 20);
  Tick(1, Nanos(0));
  EXPECT_EQ(limit(), 20);  // 20.8
  (void)Ask(100, 20);
  Tick(1, Nanos(0));
  for (int i = 0; i < 20; ++i) Tick(0, Nanos(0));
  Tick(1, Nanos(0));
  EXPECT_EQ(limit(), 21) << "21.6: two in ten milliseconds have to do";
}

TEST_F(GradientTicks, HasAFloorAndNoLimitIsBeyondThePlaces) {
  for (int i = 0; i < 1000; ++i) {
    (void)Ask(1000, 1000);
    Tick(10, milliseconds(1 << std::min(i, 20)));
  }
  EXPECT_GE(limit(), 4);
  slots = 64;
  Tick(0, Nanos(0));
  EXPECT_GE(limit(), 128);
  for (int i = 0; i < 10'000; ++i) {
    (void)Ask(1000, limit());
    Tick(10, Nanos(0));
  }
  EXPECT_EQ(Ask(2000, 0), 1000U);
}

TEST_F(GradientTicks, TheLowerClassesHaveAPartOfIt) {
  for (std::uint8_t cls = 0; cls < kMaxClasses; ++cls) {
    const std::uint32_t most = std::array{20U, 18U, 16U, 10U}[cls];
    EXPECT_EQ(Ask(200, 0, cls), most);
    EXPECT_EQ(controller->Room(cls, {.capacity = 1000}), 50 * most) << "all that clients are told";
  }
}

TEST_F(GradientTicks, NothingMeasuredIsNoFault) {
  EXPECT_EQ(controller->Admit({.count = 3}, {.capacity = 0}, now), 0U);
  slots = 0;
  for (int i = 0; i < 100; ++i) {
    (void)Ask(100, 20);
    controller->Observe({.count = 10, .samples = 10}, now);  // times of zero
    Tick(0, Nanos(0));
  }
  EXPECT_EQ(limit(), 20);
}

}  // namespace
}  // namespace spillgate::flow
