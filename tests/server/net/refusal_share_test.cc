#include "server/net/refusal_share.h"

#include <gtest/gtest.h>

#include <array>

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
    share_.EndTurn(now_ - began, now_);
  }

  // What a second of it costs the loop: rubbish, or roots that are refused for load.
  enum class Of : std::uint8_t { kRubbish, kRoots };
  Nanos Flood(Of what, bool others_have_work) {
    Nanos at_work(0);
    const Instant begin = now_;
    while (now_ - begin < milliseconds(1000)) {
      if (loud_.rests_until > now_) {
        const Nanos rest = loud_.rests_until - now_;
        now_ = loud_.rests_until;
        share_.EndTurn(others_have_work ? rest : Nanos(0), now_);
        continue;
      }
      if (what == Of::kRoots) {
        const std::uint32_t count = 64;
        share_.NoteRefusedAtDoor(
            loud_, {.busy = microseconds(64), .frames = count, .refused = count, .shed = count},
            now_);
        Turn(64, {});
      } else {
        Turn(64, {{&loud_, 64}});
      }
      at_work += microseconds(64);
      if (share_.Over() && share_.ShouldRest(loud_, now_)) (void)share_.Rest(loud_, now_);
    }
    return at_work;
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

TEST_F(RefusalShareTest, ABurstIsForNothing) {
  Turn(900, {{&quiet_, 900}});
  EXPECT_FALSE(share_.Over());
  Turn(200, {{&quiet_, 200}});
  EXPECT_TRUE(share_.Over());
  now_ += milliseconds(10);
  Turn(1, {});
  EXPECT_FALSE(share_.Over()) << "300 us of it are paid";
}

TEST_F(RefusalShareTest, TheOneThatIsRefusedMostRestsAndTheOtherGoesOn) {
  Turn(3000, {{&loud_, 2850}, {&quiet_, 10}});
  ASSERT_TRUE(share_.Over());
  EXPECT_TRUE(share_.ShouldRest(loud_, now_));
  EXPECT_FALSE(share_.ShouldRest(quiet_, now_));
  EXPECT_EQ(share_.Rest(loud_, now_), now_ + RefusalShare::kMostRest);
  EXPECT_FALSE(share_.ShouldRest(loud_, now_)) << "it rests already";
  EXPECT_FALSE(share_.ShouldRest(loud_, loud_.rests_until)) << "it has its turn in any case";
  now_ = loud_.rests_until;
  Turn(64, {{&loud_, 64}});
  EXPECT_TRUE(share_.Over()) << "the debt is not paid yet";
  EXPECT_TRUE(share_.ShouldRest(loud_, now_));
}

// As the listener does it, which meets them in any order.
TEST_F(RefusalShareTest, WhoIsRefusedLittleGoesOnWhileTheLoudRest) {
  RefusalShare::Part other;
  const std::array<RefusalShare::Part*, 3> loud_first{&loud_, &quiet_, &other};
  Turn(2000, {{&loud_, 1800}, {&quiet_, 18}, {&other, 18}});
  for (RefusalShare::Part* part : loud_first) {
    ASSERT_TRUE(share_.Over());
    if (share_.ShouldRest(*part, now_)) (void)share_.Rest(*part, now_);
  }
  EXPECT_GT(loud_.rests_until, now_);
  EXPECT_EQ(quiet_.rests_until, Instant());
  EXPECT_EQ(other.rests_until, Instant());
  // Nor later, for as long as it is over and the loud one rests.
  now_ += milliseconds(1);
  Turn(100, {{&quiet_, 10}, {&other, 10}});
  ASSERT_TRUE(share_.Over());
  EXPECT_FALSE(share_.ShouldRest(quiet_, now_));
  EXPECT_FALSE(share_.ShouldRest(other, now_));
  // One of them becomes as loud.
  Turn(1300, {{&other, 1300}});
  EXPECT_FALSE(share_.ShouldRest(quiet_, now_));
  EXPECT_TRUE(share_.ShouldRest(other, now_));
}

// Or it would rest for what it had sent before, and have no turn.
TEST_F(RefusalShareTest, WhatIsRefusedWhileItRestsIsNoTurnOfItsOwn) {
  Turn(3000, {{&loud_, 3000}});
  (void)share_.Rest(loud_, now_);
  Turn(10, {{&loud_, 10}});
  ASSERT_TRUE(share_.Over());
  EXPECT_FALSE(share_.ShouldRest(loud_, loud_.rests_until));
  now_ = loud_.rests_until;
  Turn(10, {{&loud_, 10}});
  ASSERT_TRUE(share_.Over());
  EXPECT_TRUE(share_.ShouldRest(loud_, now_));
}

TEST_F(RefusalShareTest, WhoClosesWhileItRestsIsNotHeldForThoseWhoStay) {
  Turn(3000, {{&loud_, 2900}, {&quiet_, 50}});
  (void)share_.Rest(loud_, now_);
  EXPECT_FALSE(share_.ShouldRest(quiet_, now_));
  share_.Leave(loud_);
  EXPECT_TRUE(share_.ShouldRest(quiet_, now_)) << "it is all that is left";
}

TEST_F(RefusalShareTest, AllThatAreRefusedAsMuchAsOthersRest) {
  Turn(2000, {{&loud_, 1000}, {&quiet_, 1000}});
  EXPECT_TRUE(share_.ShouldRest(loud_, now_));
  EXPECT_TRUE(share_.ShouldRest(quiet_, now_));
}

TEST_F(RefusalShareTest, WhoIsALittleOverRestsALittle) {
  Turn(1010, {{&loud_, 1010}});
  ASSERT_TRUE(share_.Over());
  EXPECT_EQ(share_.Rest(loud_, now_), now_ + RefusalShare::kLeastRest);
}

TEST_F(RefusalShareTest, WhatIsRefusedAtTheDoorCostsItsReadAlone) {
  share_.NoteRefusedAtDoor(loud_, {.busy = microseconds(30), .frames = 120, .refused = 100}, now_);
  now_ += milliseconds(1);
  share_.EndTurn(milliseconds(1), now_);  // what else the turn did
  EXPECT_FALSE(share_.Over());
  for (int i = 0; i < 50; ++i) {
    share_.NoteRefusedAtDoor(loud_, {.busy = microseconds(30), .frames = 120, .refused = 100},
                             now_);
  }
  EXPECT_TRUE(share_.Over()) << "50 times 25 us";
  EXPECT_TRUE(share_.ShouldRest(loud_, now_));
}

TEST_F(RefusalShareTest, ATurnThatDidOtherThingsIsNotItsFault) {
  for (int i = 0; i < 10; ++i) {
    share_.NoteFrame();
    share_.NoteRefused(loud_, 1, now_);
    now_ += milliseconds(30);
    share_.EndTurn(milliseconds(30), now_);
  }
  EXPECT_FALSE(share_.Over());
}

TEST_F(RefusalShareTest, AFloodGetsItsShareAndNoMore) {
  const Nanos at_work = Flood(Of::kRubbish, false);
  EXPECT_GT(at_work, milliseconds(25));
  EXPECT_LT(at_work, milliseconds(35));
}

TEST_F(RefusalShareTest, SoDoRootsThatAreRefusedForLoadWhileTheLoopWorksForOthers) {
  const Nanos at_work = Flood(Of::kRoots, true);
  EXPECT_GT(at_work, milliseconds(25));
  EXPECT_LT(at_work, milliseconds(35));
}

TEST_F(RefusalShareTest, WhereTheLoopSleepsTheseHaveATenthOfThatOnTop) {
  const Nanos at_work = Flood(Of::kRoots, false);
  EXPECT_GT(at_work, milliseconds(105));
  EXPECT_LT(at_work, milliseconds(130));
}

TEST_F(RefusalShareTest, AnOldCountIsNotHeldAgainstIt) {
  Turn(500, {{&quiet_, 500}});
  now_ += RefusalShare::kWindow;
  Turn(1, {});
  Turn(1200, {{&loud_, 1200}});
  ASSERT_TRUE(share_.Over());
  EXPECT_TRUE(share_.ShouldRest(loud_, now_));
  EXPECT_FALSE(share_.ShouldRest(quiet_, now_));
  EXPECT_GT(quiet_.noisy_until, now_) << "but it is read in portions for a while";
}

// Those who send a burst and come again would hide those who stay.
TEST_F(RefusalShareTest, WhoClosedIsNotHeldForThoseWhoStay) {
  for (int i = 0; i < 5; ++i) {
    RefusalShare::Part burst;
    Turn(1000, {{&burst, 1000}});
    share_.Leave(burst);
  }
  Turn(510, {{&loud_, 500}, {&quiet_, 10}});
  ASSERT_TRUE(share_.Over()) << "what was refused is not paid yet";
  EXPECT_TRUE(share_.ShouldRest(loud_, now_));
  EXPECT_FALSE(share_.ShouldRest(quiet_, now_));
}

TEST_F(RefusalShareTest, WhoClosesLongAfterwardsChangesNothing) {
  Turn(500, {{&quiet_, 500}});
  now_ += RefusalShare::kWindow;
  Turn(1, {});
  Turn(1200, {{&loud_, 1200}});
  share_.Leave(quiet_);
  EXPECT_TRUE(share_.ShouldRest(loud_, now_));
}

}  // namespace
}  // namespace spillgate::net
