// Until when a client waits for what it has sent.
#include "client/bench/timeouts.h"

#include <gmock/gmock.h>

#include <vector>

namespace spillgate::bench {
namespace {

using std::chrono::milliseconds;
using testing::ElementsAre;
using testing::IsEmpty;

class TimeoutsTest : public testing::Test {
 protected:
  void Add(std::uint32_t sending, int until_ms) {
    timeouts_.Add(begin_ + milliseconds(until_ms), sending);
  }
  std::vector<std::uint32_t> TakeAll(Instant now) {
    std::vector<std::uint32_t> taken;
    while (const auto over = timeouts_.Take(now)) taken.push_back(*over);
    return taken;
  }

  const Instant begin_ = Instant() + std::chrono::hours(1);
  Timeouts timeouts_;
};

TEST_F(TimeoutsTest, AreOverInTheOrderOfTheirTimes) {
  Add(7, 30);
  Add(8, 10);
  Add(9, 20);
  EXPECT_EQ(timeouts_.Next(), begin_ + milliseconds(10));
  EXPECT_THAT(TakeAll(begin_ + milliseconds(25)), ElementsAre(8, 9));
  EXPECT_EQ(timeouts_.Next(), begin_ + milliseconds(30));
  EXPECT_THAT(TakeAll(begin_ + milliseconds(31)), ElementsAre(7));
  EXPECT_EQ(timeouts_.Next(), kNever);
}

TEST_F(TimeoutsTest, WhatComesAtTheLastMomentIsInTime) {
  Add(1, 10);
  EXPECT_THAT(TakeAll(begin_ + milliseconds(10)), IsEmpty());
  EXPECT_THAT(TakeAll(begin_ + milliseconds(10) + Nanos(1)), ElementsAre(1));
}

TEST_F(TimeoutsTest, EachIsToldOnceAndNoneIsKept) {
  for (int i = 0; i < 100; ++i) Add(static_cast<std::uint32_t>(i), i % 10);
  EXPECT_EQ(timeouts_.size(), 100U);
  EXPECT_EQ(TakeAll(begin_ + milliseconds(5)).size(), 50U);
  EXPECT_EQ(TakeAll(begin_ + milliseconds(5)).size(), 0U);
  EXPECT_EQ(timeouts_.size(), 50U);
  timeouts_.Clear();
  EXPECT_THAT(TakeAll(kNever), IsEmpty());
}

}  // namespace
}  // namespace spillgate::bench
