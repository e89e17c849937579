#include "server/net/credits.h"

#include <gtest/gtest.h>

namespace spillgate::net {
namespace {

constexpr TaskClass kNormal = TaskClass::kNormal;
const Instant kStart = Instant(std::chrono::seconds(10));

Room Of(std::uint64_t tasks, std::size_t senders = 1) {
  Room room{.senders = senders};
  room.tasks.fill(tasks);
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
  window.NoteSent(kNormal, 10);
  EXPECT_FALSE(window.Renew(Of(0), kStart).has_value());  // it knows that it may send no more
  window.NoteSent(kNormal, 1);
  EXPECT_TRUE(window.Exceeded(kNormal, kStart));
  const auto more = window.Renew(Of(10), kStart + CreditWindow::kTtl / 4);
  ASSERT_TRUE(more.has_value());
  EXPECT_EQ(more->window[Index(kNormal)], 21u);
  EXPECT_FALSE(window.Exceeded(kNormal, kStart));
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
