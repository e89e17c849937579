// How many may come in a second, and when the next ones.
#include "core/tables/token_bucket.h"

#include <gtest/gtest.h>

namespace spillgate {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class TokenBucketTest : public ::testing::Test {
 protected:
  std::uint32_t Take(std::uint32_t wanted, std::uint32_t rate) {
    const std::uint32_t taken = std::min(wanted, bucket.Room(rate, now));
    bucket.Take(taken);
    return taken;
  }
  TokenBucket bucket;
  Instant now{seconds(100)};
};

TEST_F(TokenBucketTest, ASecondsWorthComesAtOnceAndThenTheRate) {
  EXPECT_EQ(Take(25, 10), 10U);
  EXPECT_EQ(Take(1, 10), 0U);
  now += milliseconds(99);
  EXPECT_EQ(Take(1, 10), 0U);
  now += milliseconds(1);
  EXPECT_EQ(Take(5, 10), 1U) << "parts of a token are not lost";
  now += seconds(60);
  EXPECT_EQ(Take(25, 10), 10U) << "no more is saved up";
  std::uint32_t taken = 0;
  for (int i = 0; i < 3000; ++i) {
    now += milliseconds(1);
    taken += Take(5, 10);
  }
  EXPECT_EQ(taken, 30U);
}

TEST_F(TokenBucketTest, WhoReadTheClockBeforeBringsNoTimeBack) {
  EXPECT_EQ(Take(10, 10), 10U);
  now += milliseconds(500);
  EXPECT_EQ(Take(10, 10), 5U);
  now -= milliseconds(400);
  EXPECT_EQ(Take(10, 10), 0U);
  now += milliseconds(400);
  EXPECT_EQ(Take(10, 10), 0U) << "that time has been given out";
}

TEST_F(TokenBucketTest, ItSaysWhenThereIsRoom) {
  EXPECT_EQ(Take(10, 10), 10U);
  EXPECT_EQ(bucket.Until(1, 10), milliseconds(100));
  EXPECT_EQ(bucket.Until(4, 10), milliseconds(400));
  EXPECT_EQ(bucket.Until(1000, 10), seconds(1)) << "there is never room for more than ten";
  now += milliseconds(300);
  EXPECT_EQ(Take(0, 10), 0U);
  EXPECT_EQ(bucket.Until(4, 10), milliseconds(100));
  EXPECT_EQ(bucket.Until(2, 10), Nanos(0));
}

TEST_F(TokenBucketTest, WithoutARateThereIsNoBoundAndWhatCameMeanwhileIsNotHeldAgainstOne) {
  for (int i = 0; i < 3; ++i) EXPECT_EQ(Take(1'000'000, 0), 1'000'000U);
  EXPECT_EQ(bucket.Until(5, 0), Nanos(0));
  EXPECT_EQ(Take(25, 10), 10U);
  EXPECT_EQ(Take(25, 4), 0U) << "a lower rate takes effect at once";
  now += seconds(2);
  EXPECT_EQ(Take(25, 4), 4U);
  now += seconds(1);
  EXPECT_EQ(Take(1 << 30, TokenBucket::kMostRate), TokenBucket::kMostRate);
  now -= seconds(1);
  EXPECT_EQ(Take(1, 4), 0U) << "a clock of another thread may be behind";
}

}  // namespace
}  // namespace spillgate
