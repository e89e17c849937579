#include "server/exec/output_tail.h"

#include <gtest/gtest.h>

#include <string>

namespace spillgate {
namespace {

void Add(OutputTail& tail, std::string_view text) {
  tail.Add(AsBytes(text));
}

TEST(OutputTail, KeepsTheLastBytes) {
  OutputTail tail(8);
  EXPECT_EQ(tail.Text(100), "");
  Add(tail, "abc");
  EXPECT_EQ(tail.Text(100), "abc");
  Add(tail, "defghij");
  EXPECT_EQ(tail.Text(100), "cdefghij");
  Add(tail, "0123456789abcdef");
  EXPECT_EQ(tail.Text(100), "89abcdef");
  EXPECT_EQ(tail.Text(3), "def");
  tail.Clear();
  EXPECT_EQ(tail.Text(100), "");
  Add(tail, "xy");
  EXPECT_EQ(tail.Text(100), "xy");
}

TEST(OutputTail, EveryWayToCutTheSameTextGivesTheSameEnd) {
  std::string all;
  for (int i = 0; i < 200; ++i) all.push_back(static_cast<char>('a' + i % 26));
  for (std::size_t piece = 1; piece < 40; ++piece) {
    OutputTail tail(17);
    for (std::size_t at = 0; at < all.size(); at += piece) Add(tail, all.substr(at, piece));
    EXPECT_EQ(tail.Text(17), all.substr(all.size() - 17)) << piece;
  }
}

TEST(OutputTail, BeginsWithALineWhenItIsCut) {
  OutputTail tail(100);
  Add(tail, "first line\nsecond line\nthird line\n\n");
  EXPECT_EQ(tail.Text(100), "first line\nsecond line\nthird line");
  EXPECT_EQ(tail.Text(27), "second line\nthird line");
  EXPECT_EQ(tail.Text(15), "third line");
  EXPECT_EQ(tail.Text(5), "ine");  // no line begins in there
}

TEST(OutputTail, IsReadableWhateverWasWritten) {
  OutputTail tail(100);
  Add(tail, "a\x1b[31m\xff z");
  EXPECT_EQ(tail.Text(100), "a?[31m? z");
}

TEST(OutputTail, MayKeepNothing) {
  OutputTail tail(0);
  Add(tail, "abc");
  EXPECT_EQ(tail.Text(100), "");
}

}  // namespace
}  // namespace spillgate
