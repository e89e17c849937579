#include "client/bench/ledger.h"

#include <gtest/gtest.h>

namespace spillgate::bench {
namespace {

// Whether it was under way.
bool Ends(Ledger& ledger, std::uint64_t seq) {
  return ledger.Close(seq) != nullptr;
}

Instant At(int microseconds) {
  return Instant(std::chrono::microseconds(microseconds));
}

TEST(Ledger, KnowsWhenEachTaskWasSent) {
  Ledger ledger(4, 3, 10);
  EXPECT_EQ(ledger.Open(At(1)), 10U);
  EXPECT_EQ(ledger.Open(At(2)), 13U);
  EXPECT_EQ(ledger.tasks(), 6U);
  EXPECT_EQ(ledger.frames(), 2U);
  EXPECT_EQ(ledger.IndexOf(12), 0U);
  EXPECT_EQ(ledger.IndexOf(13), 1U);
  ASSERT_NE(ledger.Close(15), nullptr);
  EXPECT_EQ(*ledger.Close(10), At(1));
  EXPECT_EQ(*ledger.Close(13), At(2));
  EXPECT_EQ(ledger.tasks(), 3U);
}

TEST(Ledger, FindsOutWhatComesTwiceOrWasNeverSent) {
  Ledger ledger(2, 70, 1);  // more tasks a frame than a word has bits
  ledger.Open(At(1));
  for (std::uint64_t seq = 1; seq <= 70; ++seq) {
    EXPECT_NE(ledger.Close(seq), nullptr) << seq;
    EXPECT_EQ(ledger.Close(seq), nullptr) << seq;
  }
  EXPECT_EQ(ledger.Close(0), nullptr);
  EXPECT_EQ(ledger.Close(71), nullptr);
  EXPECT_EQ(ledger.tasks(), 0U);
  EXPECT_EQ(ledger.frames(), 0U);
}

TEST(Ledger, FindsOutWhatComesTwiceLongAfter) {
  Ledger ledger(2, 1, 1);
  for (int i = 0; i < 100; ++i) {
    const std::uint64_t seq = ledger.Open(At(i));
    ASSERT_NE(ledger.Close(seq), nullptr);
    for (std::uint64_t old = 1; old <= seq; ++old) EXPECT_EQ(ledger.Close(old), nullptr);
  }
}

TEST(Ledger, HasRoomForItsWindowAndNoMore) {
  Ledger ledger(3, 2, 1);
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(ledger.HasRoom());
    ledger.Open(At(i));
  }
  EXPECT_FALSE(ledger.HasRoom());
  EXPECT_TRUE(Ends(ledger, 3));
  EXPECT_FALSE(ledger.HasRoom()) << "half of a frame is still under way";
  EXPECT_TRUE(Ends(ledger, 4));
  EXPECT_TRUE(ledger.HasRoom());
}

TEST(Ledger, AFrameThatLagsStopsTheOthersOnlyInTheEnd) {
  Ledger ledger(2, 1, 1);
  ledger.Open(At(0));
  int others = 0;
  while (ledger.HasRoom() && others < 100) {
    EXPECT_TRUE(Ends(ledger, ledger.Open(At(1))));
    ++others;
  }
  EXPECT_GT(others, 2);
  EXPECT_LT(others, 100);
  EXPECT_EQ(*ledger.Close(1), At(0));
  EXPECT_TRUE(ledger.HasRoom());
}

TEST(Ledger, GivesOutWholeFramesAsRanges) {
  Ledger ledger(4, 2, 1);
  for (int i = 0; i < 4; ++i) ledger.Open(At(i));
  for (const std::uint64_t seq : {5U, 6U, 1U, 2U, 3U, 4U, 7U}) {
    EXPECT_TRUE(Ends(ledger, seq));
  }
  ASSERT_EQ(ledger.closed().size(), 2U);
  EXPECT_EQ(ledger.closed()[0].first, 5U);
  EXPECT_EQ(ledger.closed()[0].count, 2U);
  EXPECT_EQ(ledger.closed()[1].first, 1U);
  EXPECT_EQ(ledger.closed()[1].count, 4U);
  EXPECT_EQ(ledger.closed_count(), 6U);
  ledger.ForgetClosed();
  EXPECT_EQ(ledger.closed_count(), 0U);
  EXPECT_TRUE(Ends(ledger, 8));
  ASSERT_EQ(ledger.closed().size(), 1U);
  EXPECT_EQ(ledger.closed()[0].first, 7U);
}

}  // namespace
}  // namespace spillgate::bench
