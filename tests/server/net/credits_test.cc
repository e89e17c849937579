#include "server/net/credits.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace spillgate::net {
namespace {

constexpr TaskClass kNormal = TaskClass::kNormal;
const Instant kStart = Instant(std::chrono::seconds(10));

Room Of(std::uint64_t tasks, std::size_t senders = 1) {
  Room room{.senders = senders};
  room.tasks.fill(tasks);
  room.most.fill(std::max<std::uint64_t>(tasks, 10));
  return room;
}

TEST(Credits, AreToldAtOnceAndThenOnlyWhenTheyAreNews) {
  CreditWindow window;
  const auto first = window.Renew(Of(1000), kStart);
  ASSERT_TRUE(first.has_value());
  EXPECT_EQ(first->window[Index(kNormal)], 1000u);
  EXPECT_FALSE(window.Renew(Of(1000), kStart).has_value());
  window.NoteSent(kNormal, 100);
  EXPECT_FALSE(window.Renew(Of(1000), kStart).has_value());
  window.NoteSent(kNormal, 500);
  const auto second = window.Renew(Of(1000), kStart);
  ASSERT_TRUE(second.has_value());
  EXPECT_EQ(second->window[Index(kNormal)], 1600u);  // absolute: 600 sent, 1000 more
}

TEST(Credits, AreSharedByThoseWhoSend) {
  CreditWindow window;
  EXPECT_EQ(window.Renew(Of(1000, 4), kStart)->window[0], 250u);
}

TEST(Credits, OneThatSendsHearsBeforeTheyExpire) {
  CreditWindow window;
  ASSERT_TRUE(window.Renew(Of(1000), kStart).has_value());
  EXPECT_FALSE(window.Renew(Of(1000), kStart + CreditWindow::kTtl).has_value());  // silent
  window.NoteSent(kNormal, 1);
  EXPECT_TRUE(window.Renew(Of(1000), kStart + CreditWindow::kTtl).has_value());
}

TEST(Credits, OneAtZeroHearsWhenThereIsRoomAgain) {
  CreditWindow window;
  ASSERT_TRUE(window.Renew(Of(10), kStart).has_value());
  EXPECT_FALSE(window.at_zero());
  window.NoteSent(kNormal, 10);
  EXPECT_TRUE(window.at_zero());
  EXPECT_FALSE(window.Renew(Of(0), kStart).has_value());  // it knows that it may send no more
  EXPECT_FALSE(window.Exceeded(kNormal, kStart));
  const auto more = window.Renew(Of(10), kStart + CreditWindow::kTtl / 4);
  ASSERT_TRUE(more.has_value());
  EXPECT_EQ(more->window[Index(kNormal)], 20u);
  EXPECT_FALSE(window.at_zero());
}

// It cannot send before it hears, and has not sent since it heard last.
TEST(Credits, OneAtZeroHearsThoughItHasSentNothingSinceItWasTold) {
  CreditWindow came_when_full;
  ASSERT_TRUE(came_when_full.Renew(Of(0), kStart).has_value());
  EXPECT_FALSE(came_when_full.Renew(Of(0), kStart + CreditWindow::kTtl).has_value());
  const auto first = came_when_full.Renew(Of(10), kStart + CreditWindow::kTtl);
  ASSERT_TRUE(first.has_value());
  EXPECT_EQ(first->window[Index(kNormal)], 10u);

  CreditWindow told_again;
  ASSERT_TRUE(told_again.Renew(Of(10), kStart).has_value());
  told_again.NoteSent(kNormal, 10);
  const Instant renewed = kStart + CreditWindow::kTtl;
  ASSERT_TRUE(told_again.Renew(Of(0), renewed).has_value());
  EXPECT_FALSE(told_again.Renew(Of(0), renewed).has_value());
  const auto more = told_again.Renew(Of(3), renewed);
  ASSERT_TRUE(more.has_value());
  EXPECT_EQ(more->window[Index(kNormal)], 13u);
  EXPECT_FALSE(told_again.Renew(Of(3), renewed).has_value());  // no news
}

// Else some of them would be refused. But where there are never enough for all, each tries one.
TEST(Credits, FewerPlacesThanSendersAreGivenToNobodyUntilHalfAreFree) {
  CreditWindow window;
  EXPECT_EQ(window.Renew(Of(4, 20), kStart)->window[Index(kNormal)], 0u);
  EXPECT_FALSE(window.Renew(Of(4, 20), kStart).has_value());
  EXPECT_EQ(window.Renew(Of(5, 20), kStart)->window[Index(kNormal)], 1u);
}

TEST(Credits, OneThatHasSentAllThatItMayCountsAsASender) {
  CreditWindow window;
  ASSERT_TRUE(window.Renew(Of(10), kStart).has_value());
  EXPECT_FALSE(window.waits());
  window.NoteSent(kNormal, 10);
  ASSERT_TRUE(window.Renew(Of(0), kStart + CreditWindow::kTtl).has_value());
  EXPECT_FALSE(window.sends());
  EXPECT_TRUE(window.waits());
}

TEST(Credits, BindNobodyOnceTheyHaveExpired) {
  CreditWindow window;
  ASSERT_TRUE(window.Renew(Of(10), kStart).has_value());
  window.NoteSent(kNormal, 11);
  EXPECT_TRUE(window.Exceeded(kNormal, kStart));
  EXPECT_FALSE(window.Exceeded(kNormal, kStart + CreditWindow::kTtl));
}

}  // namespace
}  // namespace spillgate::net
