#include "client/cli/table.h"

#include <gtest/gtest.h>

#include <string>

namespace spillgate::cli {
namespace {

TEST(Table, ColumnsAreAsWideAsTheirWidestCell) {
  Table table({{"STAGE"}, {"IN/s", Table::Align::kRight}, {"ADMISSION"}});
  table.Add({"submission", "8212", "bound"});
  table.Add({"x", "7"});
  EXPECT_EQ(table.Render(),
            "STAGE       IN/s  ADMISSION\n"
            "submission  8212  bound\n"
            "x              7\n");
}

TEST(Table, WithoutTitlesThereIsNoLineOfThem) {
  Table table({{""}, {""}});
  EXPECT_TRUE(table.empty());
  table.Add({"node", "box1"});
  EXPECT_EQ(table.Render(), "node  box1\n");
}

TEST(Table, CharactersCountAndNotTheirBytes) {
  EXPECT_EQ(WidthOf("µs–"), 3U);
  Table table({{"A"}, {"B"}});
  table.Add({"µµ", "1"});
  EXPECT_EQ(table.Render(), "A   B\nµµ  1\n");
}

TEST(Table, NothingInACellMovesTheCursor) {
  Table table({{"NAME"}});
  table.Add({"a\x1b[2Jb\nc\td\r"});
  const std::string text = table.Render();
  EXPECT_EQ(text, "NAME\na?[2Jb c d?\n");
}

}  // namespace
}  // namespace spillgate::cli
