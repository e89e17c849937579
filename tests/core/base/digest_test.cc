#include "core/base/digest.h"

#include <gtest/gtest.h>

#include <set>
#include <vector>

namespace spillgate {
namespace {

Digest Of(const std::vector<std::string_view>& parts) {
  Digest digest;
  for (const std::string_view part : parts) digest.Add(part);
  return digest;
}

TEST(Digest, DependsOnBytesOrderAndWhereOneEnds) {
  const std::vector<std::vector<std::string_view>> different{{},
                                                             {""},
                                                             {"", ""},
                                                             {"ab", "c"},
                                                             {"a", "bc"},
                                                             {"abc"},
                                                             {"c", "ab"},
                                                             {"abd"},
                                                             {"abcdefgh"},
                                                             {"abcdefgh", ""},
                                                             {"abcdefghi"},
                                                             {"abcdefgh", "i"},
                                                             {std::string_view("a\0", 2)}};
  std::set<std::string> seen;
  for (const auto& parts : different) seen.insert(Of(parts).Hex());
  EXPECT_EQ(seen.size(), different.size());
  EXPECT_EQ(Of({"ab", "c"}).Hex(), Of({"ab", "c"}).Hex());
}

// Results of replays are compared between programs and machines: the function may never change.
TEST(Digest, IsTheSameForEver) {
  EXPECT_EQ(Of({"spillgate", "1"}).Hex(), "968b35967049bab6c1e90567fbe62f03");
}

TEST(Digest, StretchesToAnySizeWithBytesThatDependOnIt) {
  const Digest one = Of({"one"});
  EXPECT_EQ(one.Stretch(0), one.Hex());
  EXPECT_EQ(one.Stretch(32), one.Hex());
  for (const std::size_t size : {33U, 39U, 40U, 41U, 100U, 4096U}) {
    const std::string bytes = one.Stretch(size);
    EXPECT_EQ(bytes.size(), size);
    EXPECT_EQ(bytes.substr(0, 32), one.Hex());
    EXPECT_EQ(one.Stretch(5000).substr(0, size), bytes);
  }
  const std::string filler = one.Stretch(100).substr(32);
  EXPECT_NE(filler, Of({"two"}).Stretch(100).substr(32));
  EXPECT_NE(filler.substr(0, 32), filler.substr(32, 32));
}

}  // namespace
}  // namespace spillgate
