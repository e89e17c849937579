// The part of a resource that somebody had in the last moments.
#include "core/model/given_lately.h"

#include <gtest/gtest.h>

namespace spillgate {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Instant kBegan{seconds(10)};

TEST(GivenLately, IsThePartOfTheTime) {
  GivenLately given;
  Instant now = kBegan;
  for (int i = 0; i < 200; ++i) {
    given.Add(Nanos(milliseconds(1)).count(), now);
    now += milliseconds(4);
  }
  EXPECT_NEAR(given.Part(now), 0.25, 0.03);
  EXPECT_NEAR(given.Part(now + milliseconds(27)), 0.25 * 23 / 50 + 0.1, 0.15) << "it fades";
  EXPECT_EQ(given.Part(now + 2 * GivenLately::kWindow), 0);
}

TEST(GivenLately, NobodyHasMoreThanAll) {
  GivenLately given;
  for (int i = 0; i < 1000; ++i) given.Add(Nanos(milliseconds(1)).count(), kBegan);
  EXPECT_EQ(given.Part(kBegan), 1);
}

TEST(GivenLately, ALongRunCountsForAsLongAsItTakes) {
  GivenLately given;
  given.Add(Nanos(seconds(1)).count(), kBegan);
  EXPECT_EQ(given.Part(kBegan + milliseconds(500)), 1);
  EXPECT_GE(given.Part(kBegan + milliseconds(990)), 0.8);
  EXPECT_EQ(given.Part(kBegan + milliseconds(1110)), 0);
  given.Add(1, kBegan + milliseconds(600));
  EXPECT_EQ(given.Part(kBegan + milliseconds(900)), 1) << "who adds does not forget it";
  EXPECT_EQ(given.Part(kBegan + std::chrono::hours(10'000)), 0);
}

TEST(GivenLately, NothingIsNothing) {
  const GivenLately given;
  EXPECT_EQ(given.Part(kBegan), 0);
  EXPECT_EQ(given.Part(Instant{}), 0);
}

}  // namespace
}  // namespace spillgate
