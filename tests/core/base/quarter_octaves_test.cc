// Durations by quarters of an octave.
#include "core/base/quarter_octaves.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace spillgate {
namespace {

TEST(QuarterOctaves, IsRightToWithinAQuarter) {
  for (const std::int64_t ns : {std::int64_t{128}, std::int64_t{159}, std::int64_t{160},
                                std::int64_t{1'000'000}, std::int64_t{1} << 38}) {
    const std::size_t bucket = quarter_octaves::BucketOf(Nanos(ns));
    EXPECT_LE(std::max<std::int64_t>(128, quarter_octaves::LowerEnd(bucket).count()), ns);
    EXPECT_GT(quarter_octaves::UpperEnd(bucket).count(), ns);
    EXPECT_LE(quarter_octaves::UpperEnd(bucket).count(), ns + ns / 4 + 1);
  }
  for (const std::int64_t ns : {std::int64_t{0}, std::int64_t{-5}, std::int64_t{127}}) {
    EXPECT_EQ(quarter_octaves::BucketOf(Nanos(ns)), 0U);
  }
  EXPECT_EQ(quarter_octaves::LowerEnd(0), Nanos(0));
  EXPECT_EQ(quarter_octaves::BucketOf(Nanos::max()), quarter_octaves::kBuckets - 1);
  for (std::size_t bucket = 1; bucket < quarter_octaves::kBuckets; ++bucket) {
    EXPECT_EQ(quarter_octaves::BucketOf(quarter_octaves::LowerEnd(bucket)), bucket);
  }
}

}  // namespace
}  // namespace spillgate
