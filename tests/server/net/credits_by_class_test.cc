// A connection counts in the classes that it sends, and takes nothing from others in the rest.
#include <gtest/gtest.h>

#include <vector>

#include "server/net/credits.h"

namespace spillgate::net {
namespace {

constexpr TaskClass kNormal = TaskClass::kNormal;
constexpr TaskClass kCritical = TaskClass::kCritical;
constexpr Nanos kTurn = std::chrono::milliseconds(1);
constexpr Nanos kLies = CreditWindow::kMostTurnaround;

Shares Of(std::uint64_t tasks) {
  Shares shares;
  shares.fill(tasks);
  return shares;
}

class CreditsByClassTest : public testing::Test {
 protected:
  CreditsByClassTest() : windows_(6) {}

  // All are told of so many of each class.
  void TellAll(std::uint64_t tasks) {
    for (CreditWindow& window : windows_) static_cast<void>(window.Renew(Of(tasks), 0, now_));
  }
  void Send(std::size_t i, TaskClass cls, std::uint64_t count) {
    windows_[i].NoteSent(cls, static_cast<std::uint32_t>(count), now_);
  }
  void SendAll(std::size_t i, TaskClass cls) { Send(i, cls, windows_[i].Left(cls)); }
  // What the first so many get of the class, all of one tenant. They are told if `tell`.
  std::vector<std::uint64_t> Deal(std::size_t count, TaskClass cls, const Shares& fits,
                                  bool tell = false) {
    round_.Begin(Of(1000), now_);
    for (std::size_t i = 0; i < count; ++i) {
      round_.Add({.window = &windows_[i], .id = i, .tenant = 1, .fits = fits});
    }
    std::vector<std::uint64_t> shares;
    for (const CreditRound::Party& party : round_.Deal()) {
      shares.push_back(party.shares[Index(cls)]);
      if (tell) static_cast<void>(party.window->Renew(party.shares, 0, now_));
    }
    return shares;
  }
  // Rounds in which the first four send all the normal ones that they may and the fifth all the
  // critical ones; answers how many of those.
  std::uint64_t CriticalIn(int rounds, const Shares& fits) {
    std::uint64_t sent = 0;
    for (int round = 0; round < rounds; ++round) {
      for (std::size_t i = 0; i < 4; ++i) SendAll(i, kNormal);
      sent += windows_[4].Left(kCritical);
      SendAll(4, kCritical);
      static_cast<void>(Deal(5, kCritical, fits, true));
      now_ += kTurn;
    }
    return sent;
  }

  Instant now_{std::chrono::seconds(10)};
  std::vector<CreditWindow> windows_;
  CreditRound round_;
};

using Dealt = std::vector<std::uint64_t>;

TEST_F(CreditsByClassTest, WhoSendsAnotherClassDoesNotStarveTheHighest) {
  TellAll(1000);
  for (std::size_t i = 0; i < 4; ++i) ASSERT_GT(windows_[i].Left(kCritical), 16U);
  now_ += kTurn;
  EXPECT_GE(CriticalIn(100, Of(3)), 300U) << "three fit, each time";
}

TEST_F(CreditsByClassTest, WhatOthersMaySendOfItIsNotHeldAgainstWhoSendsIt) {
  TellAll(1000);
  for (std::size_t i = 0; i < 4; ++i) SendAll(i, kNormal);
  SendAll(4, kCritical);
  SendAll(5, kCritical);
  EXPECT_EQ(Deal(6, kCritical, Of(1)), (Dealt{1, 1, 1, 1, 1, 0})) << "the four keep one";
}

TEST_F(CreditsByClassTest, TwoOfDifferentClassesDoNotShareEachOthers) {
  TellAll(10);
  SendAll(0, kNormal);
  SendAll(1, kCritical);
  EXPECT_EQ(Deal(2, kNormal, Of(100))[0], 100U);
  EXPECT_EQ(Deal(2, kCritical, Of(100))[1], 100U);
  EXPECT_EQ(Deal(1, kCritical, Of(100)), Dealt{100}) << "it may begin to send others";
}

TEST_F(CreditsByClassTest, WhoStoppedSendingAClassDoesNotCountInIt) {
  TellAll(10);
  for (std::size_t i = 0; i < 4; ++i) Send(i, kCritical, 1);
  TellAll(1000);  // some more of it than fit
  now_ += kLies;
  SendAll(4, kCritical);
  EXPECT_GE(CriticalIn(100, Of(3)), 250U);
  for (std::size_t i = 0; i < 4; ++i) Send(i, kNormal, 1);
  EXPECT_EQ(Deal(5, kCritical, Of(100))[4], 100U);
}

// For those that send others are told, by and by, that there is no room for it either.
TEST_F(CreditsByClassTest, NorDoesItOnceItIsToldThatThereIsNoMoreOfIt) {
  Shares none_critical = Of(3);
  none_critical[Index(kCritical)] = 0;
  TellAll(10);
  for (std::size_t i = 0; i < 4; ++i) Send(i, kCritical, 1);
  for (int i = 0; i < 50; ++i) {
    static_cast<void>(CriticalIn(1, Of(3)));
    static_cast<void>(CriticalIn(1, none_critical));
  }
  ASSERT_EQ(windows_[0].Left(kCritical), 0U);
  EXPECT_FALSE(windows_[0].Waits(kCritical, now_));
  EXPECT_EQ(Deal(5, kCritical, Of(100))[4], 100U);
  Send(0, kCritical, 1);  // it had expired
  EXPECT_TRUE(windows_[0].Waits(kCritical, now_));
  EXPECT_EQ(Deal(5, kCritical, Of(100))[4], 50U);
}

// It is told anew of all of them whenever one is news.
TEST_F(CreditsByClassTest, WhoSendsSeveralCountsInEach) {
  TellAll(10);
  Send(0, kCritical, 1);
  SendAll(1, kCritical);
  for (Nanos passed(0); passed < kLies; passed += kTurn) {
    SendAll(0, kNormal);
    ASSERT_TRUE(windows_[0].Renew(Of(10), 0, now_).has_value());
    Send(0, kNormal, 1);
    EXPECT_EQ(Deal(2, kCritical, Of(100)), (Dealt{50, 50}));
    now_ += kTurn;
  }
  EXPECT_EQ(Deal(2, kCritical, Of(100)), (Dealt{100, 100})) << "it has let it lie";
}

TEST_F(CreditsByClassTest, WhatItMaySoonSendIsNotGivenTwice) {
  TellAll(1);
  for (std::size_t i = 0; i < 3; ++i) SendAll(i, kCritical);
  SendAll(0, kNormal);
  EXPECT_EQ(Deal(3, kCritical, Of(1), true), (Dealt{1, 0, 0}));
  now_ += kTurn;
  SendAll(0, kNormal);
  EXPECT_EQ(Deal(3, kCritical, Of(1), true), (Dealt{1, 0, 0})) << "it is told of others";
  now_ += kLies;
  SendAll(0, kNormal);
  EXPECT_EQ(Deal(3, kCritical, Of(1), true), (Dealt{1, 1, 0})) << "it has none to send";
}

// What they are told of other classes is not what they wait for.
TEST_F(CreditsByClassTest, WhoIsToldOfOthersHasItsTurnAllTheSame) {
  TellAll(1);
  for (std::size_t i = 0; i < 3; ++i) SendAll(i, kCritical);
  Shares fits = Of(100);
  fits[Index(kCritical)] = 1;
  std::uint64_t of_first = 0;
  for (int round = 0; round < 30; ++round) {
    SendAll(0, kNormal);
    for (std::size_t i = 0; i < 3; ++i) {
      of_first += i == 0 ? windows_[0].Left(kCritical) : 0;
      SendAll(i, kCritical);
    }
    static_cast<void>(Deal(3, kCritical, fits, true));
    now_ += kTurn;
  }
  EXPECT_GE(of_first, 9U) << "a third of them";
}

// A crowd that comes to a full node is told to try by and by, and holds up nobody but itself.
TEST_F(CreditsByClassTest, WhatANewcomerHoldsIsNotGivenToAnother) {
  TellAll(0);
  now_ += kTurn;
  for (const std::size_t i : {2, 3}) {
    static_cast<void>(windows_[i].Renew(Of(1), 0, now_));
    SendAll(i, kCritical);
  }
  EXPECT_EQ(Deal(4, kCritical, Of(1), true), (Dealt{1, 0, 0, 0}));
  now_ += kTurn;
  EXPECT_EQ(Deal(4, kCritical, Of(1), true), (Dealt{1, 0, 1, 0})) << "the third sends";
  SendAll(2, kCritical);
  now_ += kLies;
  EXPECT_EQ(Deal(4, kCritical, Of(1), true), (Dealt{1, 1, 0, 0})) << "the first has none to send";
}

}  // namespace
}  // namespace spillgate::net
