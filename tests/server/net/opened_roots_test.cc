// What a connection brings without credit, in its share; and who does not heed refusals.
#include "server/net/opened_roots.h"

#include <gtest/gtest.h>

#include <vector>

#include "server/net/credits.h"

namespace spillgate::net {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

constexpr TaskClass kNormal = TaskClass::kNormal;
const Instant kStart = Instant(std::chrono::seconds(10));

TEST(OpenedRoots, HaveNoBoundBeforeAnythingWasDealt) {
  OpenedRoots opened;
  opened.Note(1'000'000);
  EXPECT_FALSE(opened.Exceeds(1'000'000));
}

TEST(OpenedRoots, TakeFromTheShareWithWhatIsSent) {
  OpenedRoots opened;
  opened.Deal(5);
  opened.Note(2);
  EXPECT_FALSE(opened.Exceeds(3));
  EXPECT_TRUE(opened.Exceeds(4));
  opened.Spend(2);
  EXPECT_FALSE(opened.Exceeds(1));
  EXPECT_TRUE(opened.Exceeds(2));
  opened.Spend(9);
  EXPECT_FALSE(opened.Exceeds(0)) << "it has not opened more for that";
  EXPECT_TRUE(opened.Exceeds(1));
  opened.Note(3);
  EXPECT_TRUE(opened.Exceeds(0));
  opened.Deal(1);
  EXPECT_FALSE(opened.Exceeds(1)) << "what is past is past";
}

class HeedTest : public ::testing::Test {
 protected:
  // Asks so many times, one so long after the other; all are turned away. True once it is taken for
  // one that does not heed.
  bool Ask(int times, Nanos apart, Nanos transit = Nanos(0)) {
    bool ignores = false;
    for (int i = 0; i < times; ++i) {
      now_ += apart;
      ignores = opened_.TurnAway(now_, transit) || ignores;
    }
    return ignores;
  }

  OpenedRoots opened_;
  Instant now_ = kStart;
};

TEST_F(HeedTest, WhoGoesOnWhateverItHearsDoesNotHeed) {
  EXPECT_FALSE(Ask(200, microseconds(100))) << "a few are borne";
  EXPECT_TRUE(Ask(200, microseconds(100)));
}

TEST_F(HeedTest, ABurstThatHasHeardNothingIsBorne) {
  EXPECT_FALSE(Ask(10'000, Nanos(0)));
  now_ += milliseconds(50);
  EXPECT_FALSE(Ask(10'000, Nanos(0), milliseconds(50))) << "sent as early, and read late";
  now_ += milliseconds(200);
  EXPECT_TRUE(Ask(10'000, Nanos(0), milliseconds(250))) << "not any clock is believed";
}

TEST_F(HeedTest, WhoComesAgainWhenItIsToldToHeeds) {
  EXPECT_FALSE(Ask(5000, OpenedRoots::kLeastPause));
}

// As long as it has not found out that most are refused, a client asks for twice what is taken.
TEST_F(HeedTest, WhoIsLetInMayAskForMore) {
  bool ignores = false;
  for (int i = 0; i < 2000; ++i) {
    opened_.LetIn(now_);
    ignores = Ask(2, microseconds(500)) || ignores;
  }
  EXPECT_FALSE(ignores);
}

TEST_F(HeedTest, NorIsOneForWhichAllWasTakenUntilNow) {
  for (int i = 0; i < 10'000; ++i) {
    now_ += microseconds(100);
    opened_.LetIn(now_);
  }
  EXPECT_FALSE(Ask(5'000, microseconds(50))) << "it has a quarter of a second to find out";
  EXPECT_TRUE(Ask(200'000, microseconds(50)));
}

TEST_F(HeedTest, WhatWasLongAgoIsForgotten) {
  EXPECT_FALSE(Ask(220, microseconds(100)));
  now_ += std::chrono::minutes(1);
  EXPECT_FALSE(Ask(200, microseconds(100)));
}

Shares Of(std::uint64_t tasks) {
  Shares shares;
  shares.fill(tasks);
  return shares;
}

class OpenedInWindowTest : public ::testing::Test {
 protected:
  // It has sent one, and may send ten more.
  OpenedInWindowTest() {
    window_.NoteSent(kNormal, 1, kStart);
    static_cast<void>(window_.Renew(Of(10), 0, kStart));
  }
  CreditWindow window_;
};

TEST_F(OpenedInWindowTest, TheyAreOfItsShareAndNotOfWhatItWasTold) {
  window_.NoteOpened(kNormal, 4, kStart);
  EXPECT_EQ(window_.Left(kNormal), 6U);
  EXPECT_TRUE(window_.sends());
  EXPECT_FALSE(window_.PastShare(kNormal, kStart, 6));
  EXPECT_TRUE(window_.PastShare(kNormal, kStart, 7));
  // Its client does not count them.
  const Instant later = kStart + std::chrono::seconds(1);
  window_.NoteSent(kNormal, 10, later);
  EXPECT_EQ(window_.Left(kNormal), 0U);
  EXPECT_FALSE(window_.Exceeded(kNormal, later));
  EXPECT_FALSE(window_.ignores(kNormal, later));
  window_.NoteSent(kNormal, 1, later);
  EXPECT_TRUE(window_.Exceeded(kNormal, later));
  EXPECT_TRUE(window_.ignores(kNormal, later));
}

TEST_F(OpenedInWindowTest, WhoHasOpenedAllOfItsShareIsToldOfMore) {
  window_.NoteOpened(kNormal, 10, kStart);
  EXPECT_TRUE(window_.WantsMore(kNormal));
  EXPECT_FALSE(window_.Renew(Of(0), 0, kStart).has_value()) << "there is none";
  EXPECT_FALSE(window_.Waits(kNormal, kStart)) << "its client believes that it may send ten";
  const auto more = window_.Renew(Of(3), 0, kStart);
  ASSERT_TRUE(more.has_value());
  EXPECT_EQ(more->window[Index(kNormal)], 4U) << "one was sent";
  EXPECT_EQ(window_.Left(kNormal), 3U);
}

TEST_F(OpenedInWindowTest, TheShareIsOfTheLastRoundAlsoWhereThatIsNoNews) {
  window_.NoteOpened(kNormal, 10, kStart);
  ASSERT_FALSE(window_.Renew(Of(0), 0, kStart).has_value());
  EXPECT_TRUE(window_.PastShare(kNormal, kStart, 1));
  EXPECT_FALSE(window_.PastShare(kNormal, kStart + CreditWindow::kTtl, 1)) << "long ago";
}

TEST_F(OpenedInWindowTest, ToOpenMoreThanThatIsNotToIgnoreIt) {
  const Instant later = kStart + std::chrono::seconds(1);
  window_.NoteOpened(kNormal, 1000, later);
  EXPECT_TRUE(window_.PastShare(kNormal, later));
  EXPECT_FALSE(window_.ignores(kNormal, later));
  for (int i = 0; i < 400; ++i) {
    window_.NoteTurnedAway(kNormal, later + i * microseconds(100), Nanos(0));
  }
  EXPECT_TRUE(window_.ignores(kNormal, later + milliseconds(40))) << "to go on regardless is";
  EXPECT_FALSE(window_.ignores(TaskClass::kCritical, later + milliseconds(40)));
}

class OpenersRoundTest : public ::testing::Test {
 protected:
  // Two that wait for credit, and one that opens roots; of one tenant.
  OpenersRoundTest() {
    for (CreditWindow* window : {&first_, &second_, &opener_}) {
      static_cast<void>(window->Renew(Of(1), 0, kStart));
    }
    first_.NoteSent(kNormal, 1, kStart);
    second_.NoteSent(kNormal, 1, kStart);
    opener_.NoteOpened(kNormal, 1, kStart);
  }
  std::vector<std::uint64_t> Deal(std::uint64_t fits) {
    round_.Begin(Of(1000), kNow);
    round_.Add({.window = &first_, .id = 1, .tenant = 1, .fits = Of(fits)});
    round_.Add({.window = &second_, .id = 2, .tenant = 1, .fits = Of(fits)});
    round_.Add({.window = &opener_, .id = 3, .tenant = 1, .fits = Of(fits)});
    std::vector<std::uint64_t> shares;
    for (const CreditRound::Party& party : round_.Deal()) {
      shares.push_back(party.shares[Index(kNormal)]);
      static_cast<void>(party.window->Renew(party.shares, 0, kNow));
    }
    return shares;
  }

  const Instant kNow = kStart + milliseconds(100);
  CreditWindow first_;
  CreditWindow second_;
  CreditWindow opener_;
  CreditRound round_;
};

using Dealt = std::vector<std::uint64_t>;

TEST_F(OpenersRoundTest, WhoOpensRootsHasItsPart) {
  EXPECT_EQ(Deal(90), Dealt(3, 30));
  EXPECT_FALSE(opener_.PastShare(kNormal, kNow, 30));
  EXPECT_TRUE(opener_.PastShare(kNormal, kNow, 31));
}

// What it takes without being told is not given again.
TEST_F(OpenersRoundTest, WhereThereIsLessThanOneForEachItHasItsTurn) {
  EXPECT_EQ(Deal(1), (Dealt{1, 0, 0}));
  first_.NoteSent(kNormal, 1, kNow);
  EXPECT_EQ(Deal(1), (Dealt{0, 1, 0}));
  EXPECT_TRUE(opener_.PastShare(kNormal, kNow, 1));
  second_.NoteSent(kNormal, 1, kNow);
  EXPECT_EQ(Deal(1), (Dealt{0, 0, 1}));
  EXPECT_FALSE(opener_.PastShare(kNormal, kNow, 1));
  EXPECT_EQ(Deal(1), (Dealt{0, 0, 1})) << "it is not used yet";
  opener_.NoteOpened(kNormal, 1, kNow);
  EXPECT_EQ(Deal(1), (Dealt{1, 0, 0}));
}

TEST_F(OpenersRoundTest, OnlyWhoWaitsForCreditIsHeldBack) {
  EXPECT_EQ(Deal(0), Dealt(3, 0));
  EXPECT_TRUE(round_.HeldBack(1, kNormal, 1)) << "the second is";
  first_ = CreditWindow();
  EXPECT_EQ(Deal(0), Dealt(3, 0));
  EXPECT_TRUE(round_.HeldBack(1, kNormal, 3));
  EXPECT_FALSE(round_.HeldBack(1, kNormal, 2)) << "but for itself nobody is";
}

}  // namespace
}  // namespace spillgate::net
