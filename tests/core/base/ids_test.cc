#include "core/base/ids.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <vector>

namespace spillgate {
namespace {

// What Mix turns into `mixed`.
std::uint64_t Unmix(std::uint64_t mixed) {
  std::uint64_t x = mixed ^ (mixed >> 31) ^ (mixed >> 62);
  x *= 0x319642b2d24d8ec3ULL;  // inverse of the second factor
  x ^= (x >> 27) ^ (x >> 54);
  x *= 0x96de1b173f119089ULL;  // and of the first
  return x ^ (x >> 30) ^ (x >> 60);
}

// The fullest of 65,536 buckets, when ids are put into them by their hashes.
std::size_t Fullest(const std::vector<TaskId>& ids) {
  std::vector<std::size_t> buckets(std::size_t{1} << 16);
  for (const TaskId id : ids) ++buckets[std::hash<TaskId>()(id) % buckets.size()];
  return *std::max_element(buckets.begin(), buckets.end());
}

TEST(Ids, NumbersThatWereChosenToMeetDoNotWithAnotherKey) {
  const IdHashKey usual = id_hash_key;
  ASSERT_EQ(Unmix(Mix(12345)), 12345U);
  std::vector<TaskId> chosen;
  for (std::uint64_t i = 1; i <= 1000; ++i) {
    const std::uint64_t session = i % 10 + 1;
    chosen.push_back({session, Unmix(i << 40) - session * usual.times - usual.plus});
  }
  EXPECT_EQ(Fullest(chosen), 1000U);
  SetIdHashKey(0x7c3a91e2d5b80f64ULL, 0x1f83d9abfb41bd6bULL);
  EXPECT_LT(Fullest(chosen), 8U);
  // The same number with each of several sessions, so that their sums are equal with the old key.
  chosen.clear();
  for (std::uint64_t session = 1; session <= 1000; ++session) {
    chosen.push_back({session, 1 - session * usual.times});
  }
  EXPECT_LT(Fullest(chosen), 8U);
  id_hash_key = usual;
  EXPECT_EQ(Fullest(chosen), 1000U);
}

TEST(Ids, PrintAndParseAreInverse) {
  for (const TaskId id : {TaskId{1, 0}, TaskId{0x4f2a, 17}, ChildId({1, 2}, 3, 4, 5)}) {
    EXPECT_EQ(ParseTaskId(ToString(id)), id) << ToString(id);
  }
}

TEST(Ids, ParseRefusesWhatIsNeverPrinted) {
  for (const char* text : {"", "-", "12-3", "000000000000004f_17", "000000000000004f-",
                           "000000000000004f-17x", "00000000000000zz-17", "000000000000004f-f"}) {
    EXPECT_EQ(ParseTaskId(text), std::nullopt) << text;
  }
}

TEST(Ids, ChildrenAreTheSameInEveryRunAndDifferFromEachOther) {
  const TaskId parent{7, 9};
  EXPECT_EQ(ChildId(parent, 0, 0, 0), ChildId(parent, 0, 0, 0));
  std::set<TaskId> seen;
  for (std::uint32_t stream = 0; stream < 8; ++stream) {
    for (std::uint64_t index = 0; index < 64; ++index) {
      for (std::uint64_t digest = 0; digest < 3; ++digest) {
        const TaskId child = ChildId(parent, stream, index, digest);
        EXPECT_TRUE(child.is_child());
        EXPECT_TRUE(seen.insert(child).second);
      }
    }
  }
}

}  // namespace
}  // namespace spillgate
