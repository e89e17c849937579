#include "server/net/refusal_share.h"

#include <gtest/gtest.h>

namespace spillgate::net {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

class RefusalShareTest : public ::testing::Test {
 protected:
  // A turn of so many frames, each at work for a microsecond.
  void Turn(int frames, std::initializer_list<std::pair<RefusalShare::Part*, int>> refused) {
    const Instant began = now_;
    for (int i = 0; i < frames; ++i) share_.NoteFrame();
    for (const auto& [part, count] : refused) {
      share_.NoteRefused(*part, static_cast<std::uint32_t>(count), began);
    }
    now_ += microseconds(frames);
    share_.EndTurn(began, now_);
  }

  RefusalShare share_;
  RefusalShare::Part loud_;
  RefusalShare::Part quiet_;
  Instant now_{milliseconds(100)};
};

TEST_F(RefusalShareTest, WhatIsNotRefusedCostsNothing) {
  for (int i = 0; i < 100; ++i) Turn(1000, {});
  EXPECT_FALSE(share_.Over());
}

TEST_F(RefusalShareTest, ThreePercentOfTheLoopAreFree) {
  for (int i = 0; i < 1000; ++i) Turn(1000, {{&quiet_, 28}});
  EXPECT_FALSE(share_.Over());
}

TEST_F(RefusalShareTest, TheOneThatIsRefusedMostRestsAndTheOtherGoesOn) {
  Turn(400, {{&loud_, 350}, {&quiet_, 10}});
  ASSERT_TRUE(share_.Over());
  EXPECT_GT(share_.RefusedOf(loud_), share_.RefusedOf(quiet_));
  const Instant until = share_.Rest(loud_, now_);
  EXPECT_EQ(until, now_ + RefusalShare::kRest);
  EXPECT_FALSE(share_.Over()) << "what is left is the other one's, and little";
  EXPECT_EQ(share_.RefusedOf(loud_), 0U);
  EXPECT_EQ(share_.RefusedOf(quiet_), 10U);
}

TEST_F(RefusalShareTest, WhoeverIsOverRestsUntilTheOthersFit) {
  Turn(2000, {{&loud_, 1000}, {&quiet_, 900}});
  (void)share_.Rest(loud_, now_);
  EXPECT_TRUE(share_.Over());
  (void)share_.Rest(quiet_, now_);
  EXPECT_FALSE(share_.Over());
}

TEST_F(RefusalShareTest, AFloodGetsItsShareAndNoMore) {
  Nanos at_work(0);
  const Instant begin = now_;
  while (now_ - begin < milliseconds(1000)) {
    if (loud_.rests_until > now_) {
      now_ = loud_.rests_until;
      share_.EndTurn(now_, now_);
      continue;
    }
    Turn(64, {{&loud_, 64}});
    at_work += microseconds(64);
    while (share_.Over()) (void)share_.Rest(loud_, now_);
  }
  EXPECT_GT(at_work, milliseconds(20));
  EXPECT_LT(at_work, milliseconds(50));
}

TEST_F(RefusalShareTest, AnOldCountIsNotHeldAgainstIt) {
  Turn(100, {{&loud_, 100}});
  EXPECT_EQ(share_.RefusedOf(loud_), 100U);
  now_ += RefusalShare::kWindow;
  Turn(1, {});
  EXPECT_EQ(share_.RefusedOf(loud_), 0U);
  EXPECT_GT(loud_.noisy_until, now_) << "but it is read in portions for a while";
}

TEST_F(RefusalShareTest, WithNobodyLeftToRestItIsForgiven) {
  Turn(1000, {{&loud_, 1000}});
  share_.Forgive();
  EXPECT_FALSE(share_.Over());
}

}  // namespace
}  // namespace spillgate::net
