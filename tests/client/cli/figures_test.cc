#include "client/cli/figures.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

namespace spillgate::cli {
namespace {

struct Case {
  double number;
  std::string text;
};

TEST(Figures, TimesHaveTheUnitThatSuitsThem) {
  const std::vector<Case> cases = {
      {0, "0"},           {-3, "0"},          {0.25, "0.3us"},    {4.24, "4.2us"},
      {5, "5us"},         {11, "11us"},       {999.4, "999us"},   {999.6, "1ms"},
      {1200, "1.2ms"},    {131'000, "131ms"}, {999'900, "1s"},    {2.5e6, "2.5s"},
      {119e6, "119s"},    {120e6, "2min 0s"}, {303e6, "5min 3s"}, {11'100e6, "3h 5min"},
      {90'000e6, "1d 1h"}};
  for (const Case& one : cases) EXPECT_EQ(FormatMicros(one.number), one.text) << one.number;
}

TEST(Figures, AmountsStayPlainAsLongAsTheyCanBeRead) {
  const std::vector<Case> cases = {{0, "0"},           {0.04, "0"},       {0.26, "0.3"},
                                   {1, "1"},           {9.96, "10"},      {8212, "8212"},
                                   {99'999, "99999"},  {100'000, "100k"}, {1'214'000, "1.21M"},
                                   {12.34e6, "12.3M"}, {-5, "-5"},        {999'900, "1.00M"},
                                   {3e9, "3.00G"}};
  for (const Case& one : cases) EXPECT_EQ(FormatAmount(one.number), one.text) << one.number;
  EXPECT_EQ(FormatAmount(std::nan("")), "-");
  EXPECT_EQ(FormatAmount(INFINITY), "-");
}

TEST(Figures, SizesAreInPowersOf1024) {
  const std::vector<Case> cases = {
      {0, "0B"}, {512, "512B"}, {1536, "1.5KiB"}, {268435456, "256MiB"}, {1099511627776, "1TiB"}};
  for (const Case& one : cases) EXPECT_EQ(FormatSize(one.number), one.text) << one.number;
}

TEST(Figures, SharesAreInPercent) {
  EXPECT_EQ(FormatShare(0.313), "31%");
  EXPECT_EQ(FormatShare(2), "200%");
  EXPECT_EQ(FormatShare(-1), "0%");
}

}  // namespace
}  // namespace spillgate::cli
