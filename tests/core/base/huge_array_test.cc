#include "core/base/huge_array.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

namespace spillgate {
namespace {

TEST(HugeArray, IsZeroAlsoWhereThereWasSomethingElse) {
  constexpr std::size_t kCount = 1000;
  for (int round = 0; round < 2; ++round) {  // the second gets memory that the first has written to
    std::vector<HugeArray<int>> arrays;
    for (int i = 0; i < 50; ++i) {
      int* cells = arrays.emplace_back(kCount).data();
      EXPECT_EQ(std::count(cells, cells + kCount, 0), kCount);
      std::fill_n(cells, kCount, 1);
      EXPECT_EQ(std::count(cells, cells + kCount, 1), kCount);
    }
  }
}

TEST(HugeArray, LiesOnHugePagesIfItIsLarge) {
  constexpr std::size_t kPage = HugeArray<int>::kPage;
  const HugeArray<int> array(kPage);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(array.data()) % kPage, 0U);
  EXPECT_EQ(std::count(array.data(), array.data() + kPage, 0), kPage);
}

TEST(HugeArray, Moves) {
  HugeArray<int> from(8);
  from[3] = 3;
  HugeArray<int> to;
  to = std::move(from);
  EXPECT_EQ(to[3], 3);
  from = HugeArray<int>(HugeArray<int>::kPage);
  std::swap(from, to);
  EXPECT_EQ(from[3], 3);
  EXPECT_EQ(to[3], 0);
}

}  // namespace
}  // namespace spillgate
