#include "server/exec/ancestry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace spillgate {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr TaskId Task(std::uint64_t number) {
  return {1, number};
}

TEST(Ancestry, NamesTheRunningOnesNearestFirst) {
  Ancestry ancestry;
  ancestry.Add(Task(1), {});
  ancestry.Add(Task(2), Task(1));
  ancestry.Add(Task(3), Task(2));
  EXPECT_THAT(ancestry.RunningAbove(Task(3)), ElementsAre(Task(3), Task(2), Task(1)));
  EXPECT_THAT(ancestry.RunningAbove(Task(1)), ElementsAre(Task(1)));
  EXPECT_THAT(ancestry.RunningAbove({}), IsEmpty());
  EXPECT_THAT(ancestry.RunningAbove(Task(9)), IsEmpty());
}

TEST(Ancestry, LooksThroughThoseThatHaveEnded) {
  Ancestry ancestry;
  ancestry.Add(Task(1), {});
  ancestry.Add(Task(2), Task(1));
  ancestry.End(Task(2));
  EXPECT_THAT(ancestry.RunningAbove(Task(2)), ElementsAre(Task(1)));
  ancestry.Add(Task(2), Task(1));  // runs again
  EXPECT_THAT(ancestry.RunningAbove(Task(2)), ElementsAre(Task(2), Task(1)));
}

TEST(Ancestry, ForgetsTheOldestThatHaveEndedAndNoOther) {
  Ancestry ancestry(/*keep_ended=*/2);
  for (std::uint64_t i = 1; i <= 4; ++i) ancestry.Add(Task(i), Task(i - 1));
  ancestry.End(Task(2));
  ancestry.End(Task(3));
  EXPECT_THAT(ancestry.RunningAbove(Task(4)), ElementsAre(Task(4), Task(1)));
  ancestry.Add(Task(2), Task(1));  // runs again: it must not be forgotten for its first end
  ancestry.Add(Task(5), Task(4));
  ancestry.End(Task(5));
  ancestry.Add(Task(6), {});
  ancestry.End(Task(6));
  EXPECT_THAT(ancestry.RunningAbove(Task(2)), ElementsAre(Task(2), Task(1)));
}

TEST(Ancestry, ALoopOfIdsEnds) {
  Ancestry ancestry;
  ancestry.Add(Task(1), Task(2));
  ancestry.Add(Task(2), Task(1));
  EXPECT_LE(ancestry.RunningAbove(Task(1)).size(), 256u);
  ancestry.End(Task(7));  // was never there
}

}  // namespace
}  // namespace spillgate
