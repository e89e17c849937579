#include "server/net/refused_roots.h"

#include <gtest/gtest.h>

namespace spillgate::net {
namespace {

TEST(RefusedRoots, AreTheLastOnes) {
  RefusedRoots roots;
  EXPECT_FALSE(roots.Has(0)) << "no root has that number";
  EXPECT_FALSE(roots.Has(1));
  const std::uint64_t last = 3 * RefusedRoots::kMost;
  for (std::uint64_t seq = 1; seq <= last; ++seq) roots.Add(seq);
  EXPECT_TRUE(roots.Has(last));
  EXPECT_TRUE(roots.Has(last - RefusedRoots::kMost + 1));
  EXPECT_FALSE(roots.Has(last - RefusedRoots::kMost));
  EXPECT_FALSE(roots.Has(last + 1));
}

TEST(RefusedRoots, ForgetWhatTheirNumbersMayBeNow) {
  RefusedRoots roots;
  for (const std::uint64_t seq : {7U, 8U, 9U, 12U}) roots.Add(seq);
  roots.Forget(8, 3);
  EXPECT_TRUE(roots.Has(7));
  EXPECT_FALSE(roots.Has(8));
  EXPECT_FALSE(roots.Has(9));
  EXPECT_TRUE(roots.Has(12));
  EXPECT_FALSE(roots.Has(0)) << "a place that is free is no root";
}

TEST(RefusedRoots, OneThatIsRefusedTwiceTakesOnePlace) {
  RefusedRoots roots;
  roots.Add(1);
  for (std::size_t i = 0; i < 2 * RefusedRoots::kMost; ++i) roots.Add(2);
  EXPECT_TRUE(roots.Has(1));
}

}  // namespace
}  // namespace spillgate::net
