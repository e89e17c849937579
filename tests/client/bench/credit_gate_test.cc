// When a client that listens may send, by a clock that stands where the test puts it.
#include "client/bench/credit_gate.h"

#include <gtest/gtest.h>

namespace spillgate::bench {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

constexpr TaskClass kClass = TaskClass::kNormal;

wire::Credits UpTo(std::uint64_t roots) {
  wire::Credits credits{.ttl_ms = 2000};
  credits.window[Index(kClass)] = roots;
  return credits;
}

class Gate : public testing::Test {
 protected:
  Instant now_ = Instant() + std::chrono::hours(1);
  CreditGate gate_;
};

TEST_F(Gate, IsOpenUntilTheNodeHasSpoken) {
  for (int i = 0; i < 1000; ++i) gate_.NoteSent(kClass);
  EXPECT_TRUE(gate_.MaySend(kClass, now_));
  EXPECT_EQ(gate_.NextChange(now_), kNever);
}

TEST_F(Gate, CountsFromTheBeginningOfTheConnection) {
  for (int i = 0; i < 3; ++i) gate_.NoteSent(kClass);
  gate_.OnCredits(UpTo(5), now_, Nanos(0));
  for (int i = 3; i < 5; ++i) {
    EXPECT_TRUE(gate_.MaySend(kClass, now_));
    gate_.NoteSent(kClass);
  }
  EXPECT_FALSE(gate_.MaySend(kClass, now_));
  EXPECT_FALSE(gate_.MaySend(TaskClass::kCritical, now_)) << "each class has a window of its own";
  gate_.OnCredits(UpTo(6), now_, Nanos(0));
  EXPECT_TRUE(gate_.MaySend(kClass, now_));
}

TEST_F(Gate, ASlowClientHeedsTheNodeLater) {
  gate_.OnCredits(UpTo(0), now_, Nanos(0));
  EXPECT_FALSE(gate_.MaySend(kClass, now_));
  gate_.OnCredits(UpTo(1), now_, microseconds(100));
  EXPECT_FALSE(gate_.MaySend(kClass, now_ + microseconds(99)));
  EXPECT_EQ(gate_.NextChange(now_), now_ + microseconds(100));
  EXPECT_TRUE(gate_.MaySend(kClass, now_ + microseconds(100)));
}

TEST_F(Gate, WhatHasRunOutLetsOneAtATimeAsk) {
  gate_.OnCredits(UpTo(1), now_, Nanos(0));
  EXPECT_TRUE(gate_.MaySend(kClass, now_));
  gate_.NoteSent(kClass);
  EXPECT_FALSE(gate_.MaySend(kClass, now_ + milliseconds(1999)));
  EXPECT_EQ(gate_.NextChange(now_), now_ + milliseconds(2000));
  now_ += milliseconds(2000);
  EXPECT_FALSE(gate_.MaySend(kClass, now_)) << "the verdict on the last is not there yet";
  gate_.NoteAnswered(kClass);
  EXPECT_TRUE(gate_.MaySend(kClass, now_));
  EXPECT_EQ(gate_.NextChange(now_), kNever);
}

}  // namespace
}  // namespace spillgate::bench
