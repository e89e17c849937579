// The door and the ready set together: classes and tenants that ask for more than there is. One
// slot, roots of a millisecond.
#include <gtest/gtest.h>

#include <vector>

#include "tests/stages/door_bench.h"

namespace spillgate {
namespace {

using std::chrono::milliseconds;
using testing::DoorBench;
using testing::Fared;
using testing::Stream;

constexpr Nanos kMayWait = milliseconds(4);

// A twentieth of the slot, though none of them can wait until that has been saved.
TEST(SharesAtDoor, AClassHasItsLeastShareWhateverComesAboveIt) {
  const std::vector<Fared> fared =
      DoorBench({{.may_wait = kMayWait, .load = 0.4, .cls = TaskClass::kCritical},
                 {.may_wait = kMayWait, .load = 1.2},
                 {.may_wait = kMayWait, .load = 0.4, .cls = TaskClass::kSheddable}})
          .Run();
  EXPECT_GT(fared[0].success(), 0.99);
  EXPECT_GT(fared[1].good, 4'500) << "of 10,000 the slot can do";
  EXPECT_GT(fared[2].good, 400);
  EXPECT_LT(fared[2].late, fared[2].let_in() / 10);
  EXPECT_LT(fared[1].late, fared[1].let_in() / 15) << "a quarter, by what waits of critical ones";
}

// Small ones hardly ever wait, so that what waits of them says nothing of what they will have.
TEST(SharesAtDoor, WhoAsksForTooMuchIsNotLetInToWhatSmallOnesWillHave) {
  std::vector<Stream> streams{{.may_wait = kMayWait, .load = 15}};
  for (TenantId tenant = 2; tenant < 6; ++tenant) {
    streams.push_back({.may_wait = kMayWait, .load = 0.15, .tenant = tenant});
  }
  const std::vector<Fared> fared = DoorBench(streams).Run();
  for (std::size_t i = 1; i < fared.size(); ++i) EXPECT_GT(fared[i].success(), 0.9);
  EXPECT_GT(fared[0].good, 3'200) << "most of what they leave, though what is late runs here";
  EXPECT_LT(fared[0].late, fared[0].let_in() / 5) << "two thirds, by what waits of small ones";
}

// What was given to somebody who is gone is not before those that come.
TEST(SharesAtDoor, WhatIsOverIsForgotten) {
  const std::vector<Fared> fared = DoorBench({{.may_wait = kMayWait,
                                               .load = 10,
                                               .until = milliseconds(500),
                                               .cls = TaskClass::kCritical},
                                              {.may_wait = kMayWait,
                                               .load = 0.5,
                                               .from = milliseconds(510),
                                               .until = milliseconds(1510)}})
                                       .Run();
  EXPECT_GT(fared[1].success(), 0.9);
}

}  // namespace
}  // namespace spillgate
