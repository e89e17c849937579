#include "config/units.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <vector>

namespace spillgate::config {
namespace {

struct DurationCase {
  std::string text;
  std::optional<std::int64_t> nanos;
};

TEST(Units, DurationsAreExactOrRefused) {
  const std::vector<DurationCase> cases = {
      {"0", 0},
      {"0s", 0},
      {"1ns", 1},
      {"50us", 50'000},
      {"5ms", 5'000'000},
      {"5 ms", 5'000'000},
      {"2s", 2'000'000'000},
      {"10min", 600'000'000'000},
      {"24h", 86'400'000'000'000},
      {"1.5s", 1'500'000'000},
      {"0.25ms", 250'000},
      {"1.001us", 1'001},
      {"2562047h", 2562047LL * 3'600'000'000'000},
      {"2562048h", std::nullopt},  // does not fit
      {"1.0001s", std::nullopt},   // more than three decimals
      {"1.5ns", std::nullopt},     // no whole number
      {"1.s", std::nullopt},
      {".5s", std::nullopt},
      {"", std::nullopt},
      {"5", std::nullopt},
      {"ms", std::nullopt},
      {"-5ms", std::nullopt},
      {"+5ms", std::nullopt},
      {"5  ms", std::nullopt},
      {" 5ms", std::nullopt},
      {"5ms ", std::nullopt},
      {"5MS", std::nullopt},
      {"5d", std::nullopt},
      {"1h30min", std::nullopt},
      {"99999999999999999999s", std::nullopt},
  };
  for (const DurationCase& c : cases) {
    const std::optional<Nanos> parsed = ParseDuration(c.text);
    const std::optional<Nanos> expected = c.nanos ? std::optional(Nanos(*c.nanos)) : std::nullopt;
    EXPECT_EQ(parsed, expected) << c.text;
  }
}

struct BytesCase {
  std::string text;
  std::optional<std::uint64_t> bytes;
};

TEST(Units, SizesAreExactOrRefused) {
  const std::vector<BytesCase> cases = {
      {"0", 0},
      {"0B", 0},
      {"1B", 1},
      {"64KiB", 65536},
      {"64 KiB", 65536},
      {"1.5MiB", 1'572'864},
      {"2GiB", 2'147'483'648},
      {"1TiB", 1ULL << 40},
      {"1kB", 1000},
      {"3MB", 3'000'000},
      {"1.5GB", 1'500'000'000},
      {"0.001TB", 1'000'000'000},
      {"8388607TiB", 8388607ULL << 40},
      {"8388608TiB", std::nullopt},  // does not fit
      {"0.5B", std::nullopt},
      {"0.001KiB", std::nullopt},  // 1.024 bytes
      {"64", std::nullopt},
      {"64K", std::nullopt},
      {"64kib", std::nullopt},
      {"64KB", std::nullopt},  // is it 1000 or 1024? neither
      {"-1B", std::nullopt},
      {"", std::nullopt},
  };
  for (const BytesCase& c : cases) {
    const std::optional<Bytes> parsed = ParseBytes(c.text);
    const std::optional<Bytes> expected = c.bytes ? std::optional(Bytes{*c.bytes}) : std::nullopt;
    EXPECT_EQ(parsed, expected) << c.text;
  }
}

TEST(Units, FormatTakesTheLargestUnitThatDivides) {
  EXPECT_EQ(FormatDuration(Nanos(0)), "0s");
  EXPECT_EQ(FormatDuration(std::chrono::seconds(600)), "10min");
  EXPECT_EQ(FormatDuration(std::chrono::seconds(90)), "90s");
  EXPECT_EQ(FormatDuration(std::chrono::microseconds(1500)), "1500us");
  EXPECT_EQ(FormatBytes(Bytes{0}), "0B");
  EXPECT_EQ(FormatBytes(KiB(100)), "100KiB");
  EXPECT_EQ(FormatBytes(MiB(1024)), "1GiB");
  EXPECT_EQ(FormatBytes(Bytes{1'000'000}), "1000000B");
}

TEST(Units, WhatIsFormattedParsesToTheSame) {
  std::uint64_t value = 1;
  for (int i = 0; i < 63; ++i, value *= 2) {
    for (const std::uint64_t near : {value - 1, value, value + 1}) {
      const auto nanos = static_cast<std::int64_t>(near);
      if (nanos < 0) continue;
      EXPECT_EQ(ParseDuration(FormatDuration(Nanos(nanos))), Nanos(nanos));
      EXPECT_EQ(ParseBytes(FormatBytes(Bytes{near})), Bytes{near});
    }
  }
}

TEST(Units, ThousandthsKeepThreeDecimalsAndNoMore) {
  for (std::int64_t n = -3000; n <= 3000; ++n) {
    const double written = std::stod(FormatThousandths(n));
    EXPECT_EQ(ThousandthsOf(written), n) << n;
  }
  EXPECT_EQ(ThousandthsOf(1e6 - 0.001), 999'999'999);
  EXPECT_EQ(ThousandthsOf(0.0005), std::nullopt);
  EXPECT_EQ(ThousandthsOf(1.23456), std::nullopt);
  EXPECT_EQ(ThousandthsOf(1e300), std::nullopt);
  EXPECT_EQ(ThousandthsOf(std::numeric_limits<double>::infinity()), std::nullopt);
  EXPECT_EQ(ThousandthsOf(std::numeric_limits<double>::quiet_NaN()), std::nullopt);
}

TEST(Units, ThousandthsPrintWithoutNeedlessZeros) {
  EXPECT_EQ(FormatThousandths(0), "0");
  EXPECT_EQ(FormatThousandths(2000), "2");
  EXPECT_EQ(FormatThousandths(500), "0.5");
  EXPECT_EQ(FormatThousandths(1), "0.001");
  EXPECT_EQ(FormatThousandths(-1250), "-1.25");
}

}  // namespace
}  // namespace spillgate::config
