#include "config/suggest.h"

#include <gtest/gtest.h>

#include <vector>

namespace spillgate::config {
namespace {

TEST(Suggest, DistanceCountsInsertDropReplaceAndSwap) {
  EXPECT_EQ(EditDistance("", ""), 0U);
  EXPECT_EQ(EditDistance("abc", ""), 3U);
  EXPECT_EQ(EditDistance("", "abc"), 3U);
  EXPECT_EQ(EditDistance("treads", "threads"), 1U);
  EXPECT_EQ(EditDistance("btach", "batch"), 1U);
  EXPECT_EQ(EditDistance("kitten", "sitting"), 3U);
  EXPECT_EQ(EditDistance("batch", "shards"), EditDistance("shards", "batch"));
}

TEST(Suggest, LongWordsAreNowhereNearInsteadOfSlow) {
  const std::string endless(100'000, 'a');
  EXPECT_EQ(EditDistance(endless, "a"), endless.size());
}

TEST(Suggest, NearestIsTheFirstOfTheNearestWithinAThird) {
  const std::vector<std::string> words = {"pool", "shards", "capacity", "bytes", "batch"};
  EXPECT_EQ(Nearest("bach", words), "batch");
  EXPECT_EQ(Nearest("capacty", words), "capacity");
  EXPECT_EQ(Nearest("Pool", words), "pool");
  EXPECT_EQ(Nearest("size", words), "");
  EXPECT_EQ(Nearest("", words), "");
  EXPECT_EQ(Nearest("ab", std::vector<std::string>{"ac", "ad"}), "ac");
}

}  // namespace
}  // namespace spillgate::config
