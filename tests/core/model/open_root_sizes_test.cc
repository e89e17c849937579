#include "core/model/open_root_sizes.h"

#include <gtest/gtest.h>

namespace spillgate {
namespace {

TEST(OpenRootSizes, AreAsIsSaidUntilSomethingIsKnown) {
  OpenRootSizes sizes;
  EXPECT_EQ(sizes.Expect(7), 7U);
  EXPECT_EQ(sizes.Expect(0), 1U);
}

TEST(OpenRootSizes, FollowWhatCame) {
  OpenRootSizes sizes;
  for (int i = 0; i < 10; ++i) sizes.Learn(5, 20);
  EXPECT_EQ(sizes.Expect(3), 12U);
  EXPECT_EQ(sizes.Expect(0), 20U);
  for (int i = 0; i < 500; ++i) sizes.Learn(20, 10);
  EXPECT_EQ(sizes.Expect(8), 4U) << "older ones fade";
  EXPECT_EQ(sizes.Expect(1), 1U) << "one at least";
}

TEST(OpenRootSizes, ThoseOfWhichNothingWasSaidSayNothingOfWhatIsSaid) {
  OpenRootSizes sizes;
  for (int i = 0; i < 10; ++i) sizes.Learn(0, 100);
  EXPECT_EQ(sizes.Expect(0), 100U);
  EXPECT_EQ(sizes.Expect(3), 3U);
  for (int i = 0; i < 500; ++i) sizes.Learn(0, 0);
  EXPECT_EQ(sizes.Expect(0), 1U);
}

TEST(OpenRootSizes, HaveNoOverflow) {
  OpenRootSizes sizes;
  for (int i = 0; i < 1000; ++i) sizes.Learn(1, 4'000'000'000U);
  EXPECT_EQ(sizes.Expect(4'000'000'000U), 1'000'000'000U);
}

}  // namespace
}  // namespace spillgate
