// Who is entitled to what, and how even that is.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "client/bench/overload.h"

namespace spillgate::bench {
namespace {

using ::testing::DoubleEq;
using ::testing::DoubleNear;
using ::testing::ElementsAre;

TEST(Shares, WhoAsksForLittleGetsItAndTheRestIsShared) {
  const double few[] = {0.1, 10, 0.2};
  EXPECT_THAT(Entitlements(few), ElementsAre(DoubleEq(0.1), DoubleNear(0.7, 1e-9), DoubleEq(0.2)));
  const double many[] = {10, 0.1, 5};
  EXPECT_THAT(Entitlements(many),
              ElementsAre(DoubleNear(0.45, 1e-9), DoubleEq(0.1), DoubleNear(0.45, 1e-9)));
}

TEST(Shares, OneIsEvenAndOneOverNIsAllOfOne) {
  const double even[] = {0.3, 0.3, 0.3};
  EXPECT_NEAR(JainIndex(even), 1, 1e-9);
  const double one[] = {0, 0, 0.9, 0};
  EXPECT_NEAR(JainIndex(one), 0.25, 1e-9);
}

}  // namespace
}  // namespace spillgate::bench
