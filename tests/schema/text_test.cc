#include "schema/text.h"

#include <gtest/gtest.h>

#include <utility>

namespace spillgate::wire {
namespace {

using std::string_view_literals::operator""sv;

TEST(Text, NamesAreUtf8WithoutControls) {
  for (const std::string_view good : {""sv, "sum"sv, "a b.c:d/e-f"sv, "größe"sv, "\u20ac"sv,
                                      "\U0001F600"sv, "\U0010FFFF"sv, "\uFFFD"sv}) {
    EXPECT_TRUE(IsName(good)) << good;
  }
  for (const std::string_view bad :
       {"\n"sv, "a\0b"sv, "a\x7f"sv, "a\x1b[31m"sv, "\xc2\x85"sv, "\xff"sv, "\xc3"sv, "\x80"sv,
        "\xc0\xaf"sv, "\xe0\x80\xaf"sv, "\xed\xa0\x80"sv, "\xf4\x90\x80\x80"sv,
        "\xf5\x80\x80\x80"sv, "\xe2\x82"sv, "\xf0\x9f\x98"sv, "\xf0\x8f\xbf\xbf"sv,
        "\xe2\x28\xa1"sv}) {
    EXPECT_FALSE(IsName(bad)) << bad;
    EXPECT_FALSE(IsName("fine" + std::string(bad))) << bad;
  }
}

TEST(Text, IsCutBetweenCharacters) {
  EXPECT_EQ(CutText("abc", 3), "abc");
  EXPECT_EQ(CutText("abcd", 3), "abc");
  EXPECT_EQ(CutText("abcd", 0), "");
  EXPECT_EQ(CutText("ab\u20ac", 5), "ab\u20ac");
  for (const std::size_t most : {2, 3, 4}) EXPECT_EQ(CutText("ab\u20ac", most), "ab") << most;
  for (const std::size_t most : {1, 2, 3}) EXPECT_EQ(CutText("\U0001F600", most), "") << most;
  // What is no UTF-8 is cut where it must be.
  EXPECT_EQ(CutText("\x80\x80\x80\x80\x80\x80\x80\x80", 6).size(), 6U);
}

TEST(Text, MessagesAreRepaired) {
  EXPECT_EQ(Readable("line\n\tnext: größe"), "line\n\tnext: größe");
  EXPECT_EQ(Readable("a\0b\x1b[0m\r\xff\xc2\x85z"sv), "a?b?[0m???z");
  EXPECT_EQ(Readable("\xe2\x82"), "??");
}

}  // namespace
}  // namespace spillgate::wire
