// What the next roots of a connection are taken to be like.
#include "server/net/next_roots.h"

#include <gtest/gtest.h>

namespace spillgate::net {
namespace {

wire::SubmitPreamble Of(FunctionId function, std::uint64_t remaining_us) {
  return {.function = function, .remaining_us = remaining_us};
}

class NextRootsTest : public testing::Test {
 protected:
  std::uint64_t TimeAfter(const wire::SubmitPreamble& sent) {
    next_.NoteSent(sent, 100);
    return next_.Guess()->remaining_us;
  }
  NextRoots next_;
};

TEST_F(NextRootsTest, AreUnknownBeforeTheFirst) {
  EXPECT_FALSE(next_.Guess().has_value());
  (void)TimeAfter(Of(7, 1000));
  EXPECT_EQ(next_.Guess()->function, 7U);
}

TEST_F(NextRootsTest, HaveSpentAQuarterOfTheirTime) {
  EXPECT_EQ(TimeAfter(Of(7, 1000)), 750U);
  EXPECT_EQ(TimeAfter(Of(7, 2000)), 1500U);
  EXPECT_EQ(TimeAfter(Of(8, 1)), 1U);
}

TEST_F(NextRootsTest, AreNotJudgedByAnOldOne) {
  (void)TimeAfter(Of(7, 16'000));
  EXPECT_GE(TimeAfter(Of(7, 100)), 11'000U);
  EXPECT_EQ(TimeAfter(Of(7, 16'000)), 12'000U);
}

TEST_F(NextRootsTest, FollowWhenAllAreInAHurry) {
  (void)TimeAfter(Of(7, 16'000));
  for (int i = 0; i < 100; ++i) (void)TimeAfter(Of(7, 1600));
  EXPECT_NEAR(static_cast<double>(TimeAfter(Of(7, 1600))), 1200, 60);
}

TEST_F(NextRootsTest, OfAnotherFunctionHaveATimeOfTheirOwn) {
  (void)TimeAfter(Of(7, 16'000));
  EXPECT_EQ(TimeAfter(Of(8, 1600)), 1200U);
}

TEST_F(NextRootsTest, AreOpenedIfTheLastWas) {
  EXPECT_FALSE(next_.GuessOpened().has_value());
  (void)TimeAfter(Of(7, 1000));
  next_.NoteOpened({.seq = 3, .remaining_us = 16'000, .estimated_tasks = 9});
  EXPECT_FALSE(next_.Guess().has_value());
  ASSERT_TRUE(next_.GuessOpened().has_value());
  EXPECT_EQ(next_.GuessOpened()->estimated_tasks, 9U);
  EXPECT_EQ(next_.GuessOpened()->remaining_us, 16'000U) << "nobody holds it back";
  next_.NoteOpened({.seq = 4, .remaining_us = 100});
  EXPECT_GE(next_.GuessOpened()->remaining_us, 15'000U) << "an old one says nothing";
  EXPECT_EQ(TimeAfter(Of(7, 1000)), 750U);
  EXPECT_FALSE(next_.GuessOpened().has_value());
}

TEST_F(NextRootsTest, AreThoseThatJoinedNoneOnceThatIsKnown) {
  next_.NoteJoinedNone();
  EXPECT_FALSE(next_.Guess().has_value());
  (void)TimeAfter(Of(7, 1000));
  next_.NoteJoining(Of(8, 2000), 300);
  EXPECT_EQ(next_.Guess()->function, 7U);
  next_.NoteJoinedNone();
  EXPECT_EQ(next_.Guess()->function, 8U);
  EXPECT_EQ(next_.bytes(), 300U);
}

TEST_F(NextRootsTest, MayHaveNoDeadline) {
  (void)TimeAfter(Of(7, 16'000));
  EXPECT_EQ(TimeAfter(Of(7, 0)), 0U);
  EXPECT_EQ(TimeAfter(Of(7, 1600)), 1200U);
}

}  // namespace
}  // namespace spillgate::net
