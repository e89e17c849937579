#include "client/lib/throttle.h"

#include <gtest/gtest.h>

#include <random>

namespace spillgate::client {
namespace {

using namespace std::chrono_literals;

constexpr double kMost = 2;

// A node that has room for so many tasks in a tick of 10 ms, of which a client wants `wanted`.
class ThrottleTest : public testing::Test {
 protected:
  struct Sums {
    std::uint32_t sent = 0;
    std::uint32_t taken = 0;
  };
  Sums Run(int ticks, std::uint32_t wanted, std::uint32_t room) {
    Sums sums;
    for (; ticks > 0; --ticks, now += 10ms) {
      std::uint32_t sent = 0;
      for (std::uint32_t i = 0; i < wanted; ++i) {
        sent += throttle.Refuses(kMost, random, now) ? 0 : 1;
      }
      const std::uint32_t taken = std::min(sent, room);
      const auto level = static_cast<std::uint8_t>(sent >= room ? 255 : 255 * sent / room);
      if (taken > 0) throttle.OnAccepted(taken, level, now);
      if (sent > taken) throttle.OnRefused(sent - taken, 50ms, now);
      sums.sent += sent;
      sums.taken += taken;
    }
    return sums;
  }

  Throttle throttle;
  std::mt19937_64 random{7};
  Instant now{1h};
};

TEST_F(ThrottleTest, RefusesNothingWhileHalfIsTaken) {
  const Sums sums = Run(1000, 20, 10);
  EXPECT_EQ(sums.sent, 20'000U);
}

TEST_F(ThrottleTest, SendsTwiceWhatIsTaken) {
  Run(1000, 100, 10);
  const Sums sums = Run(1000, 100, 10);
  EXPECT_GE(sums.taken, 9'950U) << "the node has as much as it takes";
  EXPECT_NEAR(sums.sent, 20'000, 1'500);
}

TEST_F(ThrottleTest, ABurstWithoutVerdictsIsSent) {
  for (int i = 0; i < 100'000; ++i) EXPECT_FALSE(throttle.Refuses(kMost, random, now));
}

TEST_F(ThrottleTest, AsksAgainWhenTheNodeHadSaid) {
  Run(1000, 100, 0);
  EXPECT_NEAR(Run(500, 100, 0).sent, 100, 10) << "once each 50 ms";
}

// Two ticks after a time of which so much is remembered: the first asks, the second has heard.
TEST_F(ThrottleTest, FindsOutAtOnceThatThereIsRoomAgain) {
  Run(1000, 100, 0);
  EXPECT_LE(Run(5, 100, 1000).taken, 401U);
  EXPECT_EQ(Run(100, 100, 1000).taken, 10'000U);
}

TEST_F(ThrottleTest, ForgetsWhatWasLongAgo) {
  Run(1000, 100, 0);
  now += 1min;
  EXPECT_FALSE(throttle.Refuses(kMost, random, now));
}

TEST_F(ThrottleTest, MayBeOff) {
  throttle.OnRefused(1000, 1ms, now);
  static_cast<void>(throttle.Refuses(kMost, random, now));  // it is time to ask again
  EXPECT_TRUE(throttle.Refuses(kMost, random, now)) << "all but one in a thousand";
  EXPECT_FALSE(throttle.Refuses(0, random, now));
}

}  // namespace
}  // namespace spillgate::client
