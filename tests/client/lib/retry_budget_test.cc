#include "client/lib/retry_budget.h"

#include <gtest/gtest.h>

namespace spillgate::client {
namespace {

int TakeAll(RetryBudget& budget) {
  int taken = 0;
  while (budget.Take()) ++taken;
  return taken;
}

TEST(RetryBudget, BeginsWithWhatMayBeSaved) {
  RetryBudget budget(0.1, 10);
  EXPECT_EQ(TakeAll(budget), 10);
  RetryBudget none(0.5, 0);
  EXPECT_EQ(TakeAll(none), 0);
}

TEST(RetryBudget, IsAShareOfTheFirstTries) {
  RetryBudget budget(0.25, 10);
  EXPECT_EQ(TakeAll(budget), 10);
  for (int i = 0; i < 100; ++i) budget.Earn(1);
  EXPECT_EQ(TakeAll(budget), 10) << "of what they earned one after the other, that is kept";
  budget.Earn(100);
  EXPECT_EQ(TakeAll(budget), 25) << "of a map that is answered at once, all";
}

TEST(RetryBudget, KeepsNoMoreThanMayBeSaved) {
  RetryBudget budget(0.25, 10);
  budget.Earn(10'000);
  budget.Earn(4);
  EXPECT_EQ(TakeAll(budget), 11);
}

}  // namespace
}  // namespace spillgate::client
