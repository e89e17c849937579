// In which line a root stands, by how long it may wait.
#include "core/model/slack_lines.h"

#include <gtest/gtest.h>

namespace spillgate {
namespace {

using std::chrono::milliseconds;

TEST(SlackLines, AreEachEightTimesAsLong) {
  struct Case {
    Nanos may_wait;
    int line;
  };
  const Case cases[] = {
      {.may_wait = milliseconds(-5), .line = 0},
      {.may_wait = Nanos(0), .line = 0},
      {.may_wait = milliseconds(20) - Nanos(1), .line = 0},
      {.may_wait = milliseconds(20), .line = 1},
      {.may_wait = milliseconds(160) - Nanos(1), .line = 1},
      {.may_wait = milliseconds(160), .line = 2},
      {.may_wait = milliseconds(1280) - Nanos(1), .line = 2},
      {.may_wait = milliseconds(1280), .line = 3},
      {.may_wait = std::chrono::hours(1000), .line = 3},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(LineOf(c.may_wait, milliseconds(20)), c.line) << c.may_wait.count();
  }
}

}  // namespace
}  // namespace spillgate
