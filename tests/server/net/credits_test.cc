#include "server/net/credits.h"

#include <gtest/gtest.h>

#include <array>
#include <vector>

namespace spillgate::net {
namespace {

constexpr TaskClass kNormal = TaskClass::kNormal;
const Instant kStart = Instant(std::chrono::seconds(10));

Shares Of(std::uint64_t tasks) {
  Shares shares;
  shares.fill(tasks);
  return shares;
}

std::optional<wire::Credits> Tell(CreditWindow& window, std::uint64_t tasks, Instant now) {
  return window.Renew(Of(tasks), 0, now);
}

TEST(Credits, AreToldAtOnceAndThenOnlyWhenTheyAreNews) {
  CreditWindow window;
  window.NoteSent(kNormal, 1, kStart);
  const auto first = Tell(window, 1000, kStart);
  ASSERT_TRUE(first.has_value());
  EXPECT_EQ(first->window[Index(kNormal)], 1001u);
  EXPECT_FALSE(Tell(window, 1000, kStart).has_value());
  window.NoteSent(kNormal, 100, kStart);
  EXPECT_FALSE(Tell(window, 1000, kStart).has_value());
  window.NoteSent(kNormal, 500, kStart);
  const auto second = Tell(window, 1000, kStart);
  ASSERT_TRUE(second.has_value());
  EXPECT_EQ(second->window[Index(kNormal)], 1601u);  // absolute: 601 sent, 1000 more
}

TEST(Credits, OneThatSendsHearsBeforeTheyExpire) {
  CreditWindow window;
  ASSERT_TRUE(Tell(window, 1000, kStart).has_value());
  EXPECT_FALSE(Tell(window, 1000, kStart + CreditWindow::kTtl).has_value());  // silent
  window.NoteSent(kNormal, 1, kStart);
  EXPECT_TRUE(Tell(window, 1000, kStart + CreditWindow::kTtl).has_value());
}

TEST(Credits, OneAtZeroHearsWhenThereIsRoomAgain) {
  CreditWindow window;
  ASSERT_TRUE(Tell(window, 10, kStart).has_value());
  EXPECT_FALSE(window.at_zero());
  window.NoteSent(kNormal, 10, kStart);
  EXPECT_TRUE(window.at_zero());
  EXPECT_FALSE(Tell(window, 0, kStart).has_value());  // it knows that it may send no more
  EXPECT_FALSE(window.Exceeded(kNormal, kStart));
  const auto more = Tell(window, 10, kStart + CreditWindow::kTtl / 4);
  ASSERT_TRUE(more.has_value());
  EXPECT_EQ(more->window[Index(kNormal)], 20u);
  EXPECT_FALSE(window.at_zero());
}

// It cannot send before it hears, and has not sent since it heard last.
TEST(Credits, OneAtZeroHearsThoughItHasSentNothingSinceItWasTold) {
  CreditWindow came_when_full;
  ASSERT_TRUE(Tell(came_when_full, 0, kStart).has_value());
  EXPECT_FALSE(Tell(came_when_full, 0, kStart + CreditWindow::kTtl).has_value());
  const auto first = Tell(came_when_full, 10, kStart + CreditWindow::kTtl);
  ASSERT_TRUE(first.has_value());
  EXPECT_EQ(first->window[Index(kNormal)], 10u);

  CreditWindow told_again;
  ASSERT_TRUE(Tell(told_again, 10, kStart).has_value());
  told_again.NoteSent(kNormal, 10, kStart);
  const Instant renewed = kStart + CreditWindow::kTtl;
  ASSERT_TRUE(Tell(told_again, 0, renewed).has_value());
  EXPECT_FALSE(Tell(told_again, 0, renewed).has_value());
  const auto more = Tell(told_again, 3, renewed);
  ASSERT_TRUE(more.has_value());
  EXPECT_EQ(more->window[Index(kNormal)], 13u);
  EXPECT_FALSE(Tell(told_again, 3, renewed).has_value());  // no news
}

TEST(Credits, OneThatHasSentAllThatItMayCountsAsASender) {
  CreditWindow window;
  ASSERT_TRUE(Tell(window, 10, kStart).has_value());
  EXPECT_FALSE(window.waits());
  window.NoteSent(kNormal, 10, kStart);
  ASSERT_TRUE(Tell(window, 0, kStart + CreditWindow::kTtl).has_value());
  EXPECT_FALSE(window.sends());
  EXPECT_TRUE(window.waits());
}

TEST(Credits, BindNobodyOnceTheyHaveExpired) {
  CreditWindow window;
  ASSERT_TRUE(Tell(window, 10, kStart).has_value());
  window.NoteSent(kNormal, 11, kStart);
  EXPECT_TRUE(window.Exceeded(kNormal, kStart));
  EXPECT_FALSE(window.Exceeded(kNormal, kStart + CreditWindow::kTtl));
}

TEST(Credits, WantMoreWhenHalfIsUsed) {
  CreditWindow window;
  ASSERT_TRUE(Tell(window, 10, kStart).has_value());
  window.NoteSent(kNormal, 5, kStart);
  EXPECT_FALSE(window.WantsMore(kNormal));
  window.NoteSent(kNormal, 1, kStart);
  EXPECT_TRUE(window.WantsMore(kNormal));
}

TEST(Credits, KnowHowLongAClientTakesToAnswerThem) {
  constexpr Nanos kTakes = std::chrono::microseconds(100);
  CreditWindow window;
  ASSERT_TRUE(Tell(window, 1, kStart).has_value());
  window.NoteSent(kNormal, 1, kStart + kTakes);
  EXPECT_EQ(window.turnaround(), Nanos(0));  // it did not wait for it
  ASSERT_TRUE(Tell(window, 1, kStart + kTakes).has_value());
  window.NoteSent(kNormal, 1, kStart + 2 * kTakes);
  EXPECT_EQ(window.turnaround(), kTakes);
  const Instant later = kStart + std::chrono::seconds(1);
  ASSERT_TRUE(Tell(window, 1, later).has_value());
  window.NoteSent(kNormal, 1, later + std::chrono::seconds(1));  // it had nothing to send
  EXPECT_EQ(window.turnaround(), kTakes);
  ASSERT_TRUE(Tell(window, 1, later).has_value());
  window.NoteSent(kNormal, 1, later + 9 * kTakes);
  EXPECT_EQ(window.turnaround(), 2 * kTakes);  // an eighth of the way
}

// Of a client on another machine a window for less leaves slots idle on each way.
TEST(Credits, KnowOfOneThatIsFarAwayAndOfNoneThatIsFartherThanTheyReckonWith) {
  constexpr Nanos kFar = std::chrono::milliseconds(30);
  CreditWindow window;
  window.NoteSent(kNormal, 1, kStart);
  ASSERT_TRUE(Tell(window, 1, kStart).has_value());
  Instant now = kStart + kFar;
  window.NoteSent(kNormal, 1, now);
  EXPECT_EQ(window.turnaround(), kFar);
  ASSERT_TRUE(Tell(window, 1, now).has_value());
  now += CreditWindow::kMostSample + Nanos(1);
  window.NoteSent(kNormal, 1, now);
  EXPECT_EQ(window.turnaround(), kFar) << "it had nothing to send";
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(Tell(window, 1, now).has_value());
    now += CreditWindow::kMostSample;
    window.NoteSent(kNormal, 1, now);
  }
  EXPECT_GT(window.turnaround(), kFar);
  EXPECT_LE(window.turnaround(), CreditWindow::kMostSample);
}

// Whatever a client has heard by then, it cannot believe that it may.
TEST(Credits, WhoSendsPastAllThatItWasToldIgnoresThem) {
  constexpr Nanos kHeard = 2 * CreditWindow::kMostTurnaround;
  CreditWindow window;
  window.NoteSent(kNormal, 100, kStart);
  EXPECT_FALSE(window.ignores(kNormal, kStart)) << "nobody told it anything";
  ASSERT_TRUE(Tell(window, 10, kStart).has_value());
  window.NoteSent(kNormal, 11, kStart + CreditWindow::kMostTurnaround);
  EXPECT_FALSE(window.ignores(kNormal, kStart + kHeard)) << "it was on its way";
  window.NoteSent(kNormal, 1, kStart + kHeard);
  EXPECT_TRUE(window.ignores(kNormal, kStart + kHeard));
  EXPECT_FALSE(window.ignores(kNormal, kStart + kHeard + CreditWindow::kTtl))
      << "for as long as it goes on";
}

TEST(Credits, WhoHasNotHeardThatItsWindowShrankDoesNotIgnoreThem) {
  constexpr Nanos kLater = std::chrono::milliseconds(100);
  CreditWindow window;
  ASSERT_TRUE(Tell(window, 10, kStart).has_value());
  window.NoteSent(kNormal, 1, kStart);
  ASSERT_TRUE(Tell(window, 0, kStart).has_value());
  window.NoteSent(kNormal, 9, kStart + kLater);
  EXPECT_FALSE(window.ignores(kNormal, kStart + kLater));
}

TEST(Credits, OfOtherClassesItMayStillHeed) {
  CreditWindow window;
  ASSERT_TRUE(Tell(window, 10, kStart).has_value());
  const Instant later = kStart + std::chrono::seconds(1);
  window.NoteSent(kNormal, 11, later);
  EXPECT_TRUE(window.ignores(kNormal, later));
  EXPECT_FALSE(window.ignores(TaskClass::kCritical, later));
}

TEST(Credits, WhatWasLongOnItsWayIsNotHeldAgainstIt) {
  CreditWindow window;
  ASSERT_TRUE(Tell(window, 10, kStart).has_value());
  const Nanos late = std::chrono::milliseconds(40);
  window.NoteSent(kNormal, 11, kStart + late, late);
  EXPECT_FALSE(window.ignores(kNormal, kStart + late)) << "it had been sent before";
  window.NoteSent(kNormal, 1, kStart + late, late / 2);
  EXPECT_TRUE(window.ignores(kNormal, kStart + late));
}

// It would else never ignore anything.
TEST(Credits, NotAnyTimeOnTheWayIsBelieved) {
  CreditWindow window;
  ASSERT_TRUE(Tell(window, 10, kStart).has_value());
  const Instant later = kStart + std::chrono::milliseconds(200);
  window.NoteSent(kNormal, 11, later, std::chrono::minutes(1));
  EXPECT_TRUE(window.ignores(kNormal, later));
}

TEST(Credits, WhoseCreditHasExpiredMaySendToSee) {
  CreditWindow window;
  ASSERT_TRUE(Tell(window, 10, kStart).has_value());
  window.NoteSent(kNormal, 64, kStart + CreditWindow::kTtl);
  EXPECT_FALSE(window.ignores(kNormal, kStart + CreditWindow::kTtl));
}

class CreditRoundTest : public testing::Test {
 protected:
  // Connections that have sent all that they were told they may, the first of them longest ago.
  CreditRoundTest() {
    for (std::size_t i = 0; i < windows_.size(); ++i) {
      const Instant told = kStart + std::chrono::milliseconds(i);
      static_cast<void>(Tell(windows_[i], 1, told));
      windows_[i].NoteSent(kNormal, 1, told);
    }
  }

  // What each gets; `tenant` of each, and how many their work leaves time for.
  std::vector<std::uint64_t> Deal(std::uint64_t places, const std::vector<TenantId>& tenants,
                                  const std::vector<std::uint64_t>& fits) {
    round_.Begin(Of(places), kStart + std::chrono::seconds(2));
    for (std::size_t i = 0; i < tenants.size(); ++i) {
      CreditRound::Party party{.window = &windows_[i], .id = i, .tenant = tenants[i]};
      party.fits.fill(fits[i]);
      party.kept_out.fill(i == kept_out_);
      round_.Add(party);
    }
    std::vector<std::uint64_t> shares;
    for (const CreditRound::Party& party : round_.Deal()) {
      shares.push_back(party.shares[Index(kNormal)]);
    }
    return shares;
  }

  // It has heard by now, and goes on.
  void Ignore(std::size_t i) { windows_[i].NoteSent(kNormal, 9, kStart + std::chrono::seconds(1)); }

  std::array<CreditWindow, 8> windows_;
  std::size_t kept_out_ = 8;  // none of them
  CreditRound round_;
};

using Dealt = std::vector<std::uint64_t>;

TEST_F(CreditRoundTest, PlacesAreSharedByAll) {
  EXPECT_EQ(Deal(1000, {1, 1, 2, 3}, {kAnyNumber, kAnyNumber, kAnyNumber, kAnyNumber}),
            Dealt(4, 250));
}

TEST_F(CreditRoundTest, TimeIsSharedByTheConnectionsOfATenant) {
  EXPECT_EQ(Deal(1000, {1, 1, 2}, {100, 100, 30}), (Dealt{50, 50, 30}));
}

TEST_F(CreditRoundTest, WhatHoldsOneClientTakesNothingFromTheOthers) {
  round_.Begin(Of(1000), kStart + std::chrono::seconds(2));
  round_.Add({.window = &windows_[0], .id = 0, .tenant = 1, .fits = Of(100), .own = 7});
  round_.Add({.window = &windows_[1], .id = 1, .tenant = 1, .fits = Of(100)});
  round_.Add({.window = &windows_[2], .id = 2, .tenant = 1, .fits = Of(100), .own = 0});
  const std::vector<CreditRound::Party>& dealt = round_.Deal();
  EXPECT_EQ(dealt[0].shares[Index(kNormal)], 7U) << "no matter who else there is";
  EXPECT_EQ(dealt[1].shares[Index(kNormal)], 50U);
  EXPECT_EQ(dealt[2].shares[Index(kNormal)], 0U) << "its turn would be wasted";
  EXPECT_FALSE(round_.HeldBack(1, kNormal)) << "it is not for want of room";
}

TEST_F(CreditRoundTest, OneThatSendsNothingTakesNothingFromTheOthers) {
  CreditWindow idle;
  round_.Begin(Of(1000), kStart);
  round_.Add({.window = &idle, .id = 100, .tenant = 1, .fits = Of(kAnyNumber)});
  round_.Add({.window = &windows_[0], .id = 0, .tenant = 1, .fits = Of(100)});
  EXPECT_EQ(round_.Deal()[1].shares[Index(kNormal)], 100U);
}

// How much fits depends on what it is.
TEST(Credits, WhoHasSentNothingYetMaySendAFewToShowWhatItIs) {
  CreditWindow newcomer;
  const auto first = Tell(newcomer, 10'000, kStart);
  ASSERT_TRUE(first.has_value());
  const std::uint64_t few = first->window[Index(kNormal)];
  EXPECT_GE(few, 16U);
  EXPECT_LE(few, 256U);
  EXPECT_FALSE(Tell(newcomer, 10'000, kStart).has_value()) << "no news";
  // What it sends before it hears of it has room all the same.
  newcomer.NoteSent(kNormal, 5000, kStart);
  EXPECT_FALSE(newcomer.Exceeded(kNormal, kStart));
  EXPECT_TRUE(newcomer.WantsMore(kNormal));
  const auto second = Tell(newcomer, 10'000, kStart);
  ASSERT_TRUE(second.has_value());
  EXPECT_EQ(second->window[Index(kNormal)], 15'000U);
  EXPECT_EQ(second->window[Index(TaskClass::kHigh)], few);
  newcomer.NoteSent(kNormal, 10'001, kStart);
  EXPECT_TRUE(newcomer.Exceeded(kNormal, kStart));
}

// A crowd that is all told to come is refused but for a few of it.
TEST_F(CreditRoundTest, LessThanOneForEachIsGivenToThoseWhoHaveWaitedLongest) {
  EXPECT_EQ(Deal(1000, {1, 1, 1, 1}, {2, 2, 2, 2}), (Dealt{1, 1, 0, 0}));
  EXPECT_EQ(Deal(3, {1, 1, 2, 2}, {2, 2, 2, 2}), (Dealt{1, 0, 1, 1})) << "the first had a turn";
  EXPECT_EQ(Deal(0, {1, 1}, {2, 2}), (Dealt{0, 0}));
}

TEST_F(CreditRoundTest, ManyConnectionsOfATenantHaveNoMoreTurnsThanOne) {
  EXPECT_EQ(Deal(2, {1, 1, 1, 2}, {9, 9, 9, 9}), (Dealt{1, 0, 0, 1}));
  EXPECT_EQ(Deal(1, {1, 1, 1, 2, 3}, {9, 9, 9, 9, 9}), (Dealt{0, 0, 0, 0, 1}))
      << "who has had no turn yet";
}

TEST_F(CreditRoundTest, WhatWasGivenAndIsNotUsedYetIsNotGivenTwice) {
  static_cast<void>(Tell(windows_[0], 1, kStart + std::chrono::seconds(2)));
  EXPECT_EQ(Deal(1000, {1, 1, 1, 1}, {2, 2, 2, 2}), (Dealt{1, 1, 0, 0}));
  windows_[0].NoteSent(kNormal, 1, kStart + std::chrono::seconds(2));
  static_cast<void>(Tell(windows_[1], 1, kStart + std::chrono::seconds(2)));
  EXPECT_EQ(Deal(1000, {1, 1, 1, 1}, {2, 2, 2, 2}), (Dealt{0, 1, 1, 0}));
}

TEST_F(CreditRoundTest, NorAreThePlacesThatATenantHasNotUsedYet) {
  static_cast<void>(Tell(windows_[0], 1, kStart + std::chrono::seconds(2)));
  EXPECT_EQ(Deal(2, {1, 2, 3, 4}, {9, 9, 9, 9}), (Dealt{1, 1, 0, 0}));
}

TEST_F(CreditRoundTest, WhatLiesForLongIsNotWaitedFor) {
  static_cast<void>(Tell(windows_[0], 1, kStart + std::chrono::seconds(1)));
  EXPECT_EQ(Deal(1000, {1, 1, 1, 1}, {2, 2, 2, 2}), (Dealt{1, 1, 1, 0}));
}

TEST_F(CreditRoundTest, WhoIgnoresItsWindowHasWhatTheOthersOfItsTenantLeave) {
  Ignore(0);
  Ignore(1);
  EXPECT_EQ(Deal(1000, {1, 1, 1}, {100, 100, 100}), (Dealt{0, 0, 100}));
  EXPECT_EQ(Deal(1000, {1, 1, 2}, {100, 100, 100}), (Dealt{50, 50, 100}))
      << "no other tenant's business";
}

// Or it would pay for a tenant that none of its connections listen.
TEST_F(CreditRoundTest, ATenantThatIgnoresItsWindowsHasNoMorePlacesThanBefore) {
  for (const std::size_t i : {1, 2, 3}) Ignore(i);
  const std::vector<std::uint64_t> any(4, kAnyNumber);
  EXPECT_EQ(Deal(1000, {1, 2, 2, 2}, any), Dealt(4, 250));
  EXPECT_EQ(Deal(1000, {1, 1, 2, 2}, any), (Dealt{333, 0, 333, 333}));
}

TEST_F(CreditRoundTest, WhoIgnoresItsWindowHasNoTurnBeforeTheOthers) {
  Ignore(0);
  Ignore(1);
  EXPECT_EQ(Deal(1000, {1, 1, 1, 1, 1}, {2, 2, 2, 2, 2}), (Dealt{0, 0, 1, 1, 0}));
}

TEST_F(CreditRoundTest, ItSaysWhetherSomeHoldBackForWantOfRoom) {
  Ignore(0);
  static_cast<void>(Deal(1000, {1, 1, 2}, {1, 1, 1}));
  EXPECT_FALSE(round_.HeldBack(1, kNormal)) << "there is room for all that listen";
  static_cast<void>(Deal(1000, {1, 1, 2}, {0, 0, 1}));
  EXPECT_TRUE(round_.HeldBack(1, kNormal));
  EXPECT_FALSE(round_.HeldBack(1, TaskClass::kHigh)) << "it sends none of those";
  EXPECT_FALSE(round_.HeldBack(2, kNormal));
  static_cast<void>(Deal(1000, {1}, {0}));
  EXPECT_FALSE(round_.HeldBack(1, kNormal)) << "who does not listen holds nothing back";
}

// Long roots, from which a slot is kept, do not wait for those that send short ones.
TEST_F(CreditRoundTest, WhomARunKeepsOutWaitsForNobodyElse) {
  kept_out_ = 1;
  static_cast<void>(Deal(1000, {1, 1}, {1, 0}));
  EXPECT_FALSE(round_.HeldBack(1, kNormal));
  kept_out_ = 8;
  static_cast<void>(Deal(1000, {1, 1}, {1, 0}));
  EXPECT_TRUE(round_.HeldBack(1, kNormal));
}

}  // namespace
}  // namespace spillgate::net
