// The weights of those that had something lately.
#include "core/model/active_weights.h"

#include <gtest/gtest.h>

namespace spillgate {
namespace {

TEST(ActiveWeights, EachFlowCountsOnceInAWindow) {
  ActiveWeights active;
  ActiveWeights::Mark one;
  ActiveWeights::Mark other;
  EXPECT_EQ(active.At(7), 0);
  EXPECT_FALSE(one.IsActive(7));
  for (int i = 0; i < 10; ++i) active.Add(one, 3, 7);
  active.Add(other, 1, 7);
  EXPECT_EQ(active.At(7), 4);
  EXPECT_TRUE(one.IsActive(7));
}

TEST(ActiveWeights, TheWindowBeforeCountsAsWell) {
  ActiveWeights active;
  ActiveWeights::Mark one;
  ActiveWeights::Mark other;
  active.Add(one, 3, 7);
  active.Add(other, 1, 7);
  EXPECT_EQ(active.At(8), 4);
  active.Add(other, 1, 8);
  EXPECT_EQ(active.At(8), 4) << "who has not been given anything yet may still be";
  EXPECT_TRUE(one.IsActive(8));
  EXPECT_EQ(active.At(9), 1);
  EXPECT_FALSE(one.IsActive(9));
  EXPECT_EQ(active.At(10), 0);
  active.Add(one, 3, 12);
  EXPECT_EQ(active.At(12), 3) << "nothing is left of what was before a pause";
}

}  // namespace
}  // namespace spillgate
