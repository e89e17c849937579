// Blocks of a range: none overlap, what is given back is whole again, room that is there is found.
#include "core/store/free_space.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <vector>

namespace spillgate {
namespace {

using Block = FreeSpace::Block;
constexpr std::uint64_t kMiB = 1 << 20;

TEST(FreeSpaceTest, ItIsGivenAsAWholeAndInParts) {
  FreeSpace space(kMiB);
  EXPECT_EQ(space.bytes(), kMiB);
  EXPECT_EQ(space.largest(), kMiB);
  const std::optional<Block> all = space.Take(kMiB);
  ASSERT_TRUE(all.has_value());
  EXPECT_EQ(all->offset, 0U);
  EXPECT_EQ(space.free(), 0U);
  EXPECT_EQ(space.largest(), 0U);
  EXPECT_FALSE(space.Take(1).has_value());
  space.Give(*all);
  std::vector<Block> blocks;
  while (const auto block = space.Take(100)) blocks.push_back(*block);
  EXPECT_EQ(blocks.size(), kMiB / 128) << "of 64 bytes each, rounded up";
  for (const Block& each : blocks) EXPECT_EQ(each.offset % FreeSpace::kAlign, 0U);
  for (std::size_t i = 0; i < blocks.size(); i += 2) space.Give(blocks[i]);
  EXPECT_EQ(space.largest(), 128U) << "no two neighbours are free";
  EXPECT_FALSE(space.Take(129).has_value());
  for (std::size_t i = 1; i < blocks.size(); i += 2) space.Give(blocks[i]);
  EXPECT_EQ(space.largest(), kMiB);
}

TEST(FreeSpaceTest, TheRoomOfOneDoesForAnotherOfItsSize) {
  for (const std::uint64_t bytes : {1ULL, 4'097ULL, 100'000ULL, 123'456ULL, 999'999ULL}) {
    FreeSpace space(16 * kMiB);
    std::vector<Block> blocks;
    while (const auto block = space.Take(bytes)) blocks.push_back(*block);
    EXPECT_EQ(blocks.size(), 16 * kMiB / FreeSpace::Rounded(bytes));
    const Block middle = blocks[blocks.size() / 2];
    space.Give(middle);
    const std::optional<Block> again = space.Take(bytes);
    ASSERT_TRUE(again.has_value()) << bytes;
    EXPECT_EQ(again->offset, middle.offset);
  }
}

TEST(FreeSpaceTest, RoundingTakesA64thAtMost) {
  std::mt19937_64 random(7);
  for (int i = 0; i < 100'000; ++i) {
    const std::uint64_t bytes = random() >> (18 + random() % 40);
    const std::uint64_t rounded = FreeSpace::Rounded(bytes);
    ASSERT_GE(rounded, bytes);
    ASSERT_LE(rounded, bytes + std::max<std::uint64_t>(FreeSpace::kAlign, bytes / 64) + 63);
    ASSERT_EQ(FreeSpace::Rounded(rounded), rounded);
  }
}

TEST(FreeSpaceTest, NoneAndTheMostThatThereCanBe) {
  FreeSpace none(63);
  EXPECT_EQ(none.bytes(), 0U);
  EXPECT_EQ(FreeSpace::Whole(63), 0U);
  EXPECT_GT(FreeSpace::Rounded(FreeSpace::kMost + 1), FreeSpace::kMost);
  EXPECT_FALSE(none.Take(0).has_value());
  FreeSpace most(FreeSpace::kMost);
  EXPECT_EQ(most.largest(), FreeSpace::kMost);
  EXPECT_FALSE(most.Take(FreeSpace::kMost + 1).has_value());
  EXPECT_FALSE(most.Take(~0ULL).has_value());
  const std::optional<Block> zero = most.Take(0);
  ASSERT_TRUE(zero.has_value()) << "nothing has a place as well";
  EXPECT_EQ(zero->bytes, FreeSpace::kAlign);
  most.Give(*zero);
  EXPECT_TRUE(most.Take(FreeSpace::kMost).has_value());
}

TEST(FreeSpaceTest, ItGrowsAtItsEnd) {
  FreeSpace space;
  EXPECT_FALSE(space.Take(1).has_value());
  space.Grow(kMiB);
  const Block all = *space.Take(kMiB);
  space.Grow(kMiB);
  EXPECT_EQ(space.bytes(), 2 * kMiB);
  EXPECT_EQ(space.largest(), kMiB);
  const Block more = *space.Take(kMiB / 2);
  EXPECT_EQ(more.offset, kMiB);
  space.Grow(kMiB / 2);
  EXPECT_EQ(space.largest(), kMiB) << "with what was free at the end";
  space.Give(all);
  space.Give(more);
  EXPECT_EQ(space.largest(), 2 * kMiB + kMiB / 2);
  space.Grow(kMiB / 2);
  EXPECT_TRUE(space.Take(3 * kMiB).has_value());
}

TEST(FreeSpaceTest, OddRangesGiveAlmostAllAsOne) {
  for (const std::uint64_t bytes : {1'000'000ULL, 999'999'999ULL, 123'456'789'012ULL}) {
    FreeSpace space(bytes);
    EXPECT_LT(bytes - space.bytes(), FreeSpace::kAlign);
    const std::uint64_t whole = FreeSpace::Whole(bytes);
    EXPECT_GE(whole, bytes - bytes / 64);
    const std::optional<Block> block = space.Take(whole);
    ASSERT_TRUE(block.has_value());
    EXPECT_EQ(space.free(), space.bytes() - whole);
    space.Give(*block);
    EXPECT_EQ(space.largest(), whole);
  }
}

TEST(FreeSpaceTest, WhatIsGivenBackTwiceIsFoundOut) {
  FreeSpace space(kMiB);
  const Block first = *space.Take(1000);
  const Block second = *space.Take(1000);
  space.Give(first);
  EXPECT_DEATH(space.Give(first), "is_free");
  space.Give(second);
  EXPECT_DEATH(space.Give(second), "is_free") << "also when it is part of another by now";
}

// Beside a map of what is taken, with sizes of all magnitudes.
class RandomBlocks : public ::testing::TestWithParam<int> {};

TEST_P(RandomBlocks, NeverOverlapAndComeTogetherAgain) {
  std::mt19937_64 random(GetParam());
  FreeSpace space(64 * kMiB);
  std::map<std::uint64_t, Block> taken;
  std::uint64_t used = 0;
  for (int i = 0; i < 20'000; ++i) {
    const bool full = space.used() > space.bytes() / 10 * 9;
    if (taken.empty() || (random() % 100 < (full ? 30 : 60))) {
      const std::uint64_t bytes = random() >> (38 + random() % 26);
      const bool fits = FreeSpace::Rounded(bytes) <= space.largest();
      const std::optional<Block> block = space.Take(bytes);
      ASSERT_EQ(block.has_value(), fits) << bytes << " of " << space.largest();
      if (!block.has_value()) continue;
      ASSERT_GE(block->bytes, bytes);
      const auto after = taken.lower_bound(block->offset);
      if (after != taken.end()) {
        ASSERT_LE(block->offset + block->bytes, after->first);
      }
      if (after != taken.begin()) {
        const Block& before = std::prev(after)->second;
        ASSERT_LE(before.offset + before.bytes, block->offset);
      }
      ASSERT_LE(block->offset + block->bytes, space.bytes());
      taken.emplace(block->offset, *block);
      used += block->bytes;
    } else {
      auto at = taken.lower_bound(random() % space.bytes());
      if (at == taken.end()) at = taken.begin();
      used -= at->second.bytes;
      space.Give(at->second);
      taken.erase(at);
    }
    ASSERT_EQ(space.used(), used);
  }
  for (const auto& [offset, block] : taken) space.Give(block);
  EXPECT_EQ(space.largest(), space.bytes());
}

INSTANTIATE_TEST_SUITE_P(Seeds, RandomBlocks, ::testing::Range(1, 9));

}  // namespace
}  // namespace spillgate
