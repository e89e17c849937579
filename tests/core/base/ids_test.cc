#include "core/base/ids.h"

#include <gtest/gtest.h>

#include <set>

namespace spillgate {
namespace {

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
