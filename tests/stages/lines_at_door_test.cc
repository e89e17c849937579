// What of a tenant's lines (core/model/slack_lines.h) would run before a new root.
#include <gtest/gtest.h>

#include "core/model/parked_work.h"
#include "core/model/work_promise.h"
#include "tests/stages/work_at_door_bench.h"

namespace spillgate {
namespace {

using std::chrono::milliseconds;
using testing::kMine;
using testing::kOther;

class LinesAtDoorTest : public testing::WorkAtDoorBench {};

TEST_F(LinesAtDoorTest, WhoCanWaitIsBeforeOthersOnlyWithItsHalf) {
  Push(kMine, TaskClass::kNormal, 100, nullptr, 1);
  EXPECT_NEAR(Wait(kMine), 1, 0.01) << "one of them may have its turn";
  Push(kMine, TaskClass::kNormal, 10);
  EXPECT_NEAR(Wait(kMine), 10 + 11, 0.01);
  line_ = 1;
  EXPECT_NEAR(Wait(kMine), 110, 0.01) << "behind all";
  line_ = 0;
  EXPECT_NEAR(Wait(kOther), 1, 0.1) << "to others they are like all";
}

TEST_F(LinesAtDoorTest, WhoCanWaitLongerIsBeforeOthersOnlyWithAsMuchAsTheirLineHas) {
  Push(kMine, TaskClass::kNormal, 100, nullptr, 3);
  Push(kMine, TaskClass::kNormal, 10, nullptr, 2);
  Push(kMine, TaskClass::kNormal, 4, nullptr, 1);
  EXPECT_NEAR(Wait(kMine), 1, 0.01);
  line_ = 1;
  EXPECT_NEAR(Wait(kMine), 4 + 5, 0.01);
  line_ = 2;
  EXPECT_NEAR(Wait(kMine), 4 + 10 + 11, 0.01);
  line_ = 3;
  EXPECT_NEAR(Wait(kMine), 4 + 10 + 100, 0.01);
}

// On two slots the hundred need 50 ms, with others before them half of the time 100, and a quarter
// for what nobody foresees: 125.
TEST_F(LinesAtDoorTest, WhatCanWaitUntilItHasEndedIsNotBeforeIt) {
  const Instant deadline = now_ + milliseconds(1000);
  for (int i = 0; i < 100; ++i) PushRoot({.tenant = kMine, .line = 1, .deadline = deadline});
  Push(kMine, TaskClass::kNormal, 10);
  const auto wait = [this](Nanos remaining) {
    remaining_ = remaining;
    return Wait(kMine);
  };
  EXPECT_NEAR(wait(milliseconds(874)), 10, 0.01);
  EXPECT_NEAR(Each(kMine), 1, 0.01);
  EXPECT_NEAR(wait(milliseconds(876)), 10 + 11, 0.01) << "it may have its turn by then";
  EXPECT_NEAR(Each(kMine), 2, 0.01);
  EXPECT_NEAR(wait(Nanos(0)), 10 + 11, 0.01) << "one without a deadline waits for all";
  now_ += milliseconds(100);
  EXPECT_NEAR(wait(milliseconds(774)), 10, 0.01);
  EXPECT_NEAR(wait(milliseconds(776)), 10 + 11, 0.01);
  line_ = 1;
  EXPECT_NEAR(wait(milliseconds(10)), 110, 0.01) << "in its line";

  PushRoot({.tenant = kMine, .line = 1});
  account_.EndPass();
  line_ = 0;
  EXPECT_NEAR(wait(milliseconds(10)), 10 + 11, 0.01) << "one of them has no deadline";
}

// While its last task runs, what its root was promised to bring waits in no line.
TEST_F(LinesAtDoorTest, NorIsWhatSuchARootWillBring) {
  const WorkAccount::Needs needs(function_.shape, kTotal);
  const WorkPromise promise(account_, {.cls = TaskClass::kNormal, .tenant = kMine, .line = 2},
                            needs.ByKind(milliseconds(1)), 100);
  remaining_ = milliseconds(500);
  EXPECT_NEAR(Wait(kMine), 1, 0.01) << "nobody knows how long that may wait";
  PushRoot({.tenant = kMine, .line = 2, .deadline = now_ + milliseconds(1000)});
  account_.EndPass();
  EXPECT_NEAR(Wait(kMine), 0, 0.01);
  EXPECT_TRUE(Pop()->root->patient());
  EXPECT_NEAR(Wait(kMine), 0, 0.01);
  remaining_ = milliseconds(900);
  EXPECT_NEAR(Wait(kMine), 1, 0.01);
  door_.Admitted(
      {.cls = TaskClass::kNormal, .tenant = kMine, .line = 2, .slot_time = milliseconds(1)}, 1,
      needs, 50);
  remaining_ = milliseconds(500);
  EXPECT_NEAR(Wait(kMine), 0, 0.01) << "what was just let in behind it is no other";
}

TEST_F(LinesAtDoorTest, WhatALineOwesThoseBehindItGoesFirst) {
  Push(kMine, TaskClass::kNormal, 100, nullptr, 3);
  Push(kMine, TaskClass::kNormal, 1, nullptr, 1);
  EXPECT_EQ(Pop()->root->line, 1);
  line_ = 1;
  EXPECT_NEAR(Wait(kMine), 1 + 1, 0.01) << "its millisecond, and one turn";
  line_ = 0;
  EXPECT_NEAR(Wait(kMine), 0, 0.01) << "those behind have had a millisecond";
}

// They go without them until these have had as much, but for one that may have its turn at any
// moment.
TEST_F(LinesAtDoorTest, WhatPatientRootsHadBeforeIsNotTheirsAgain) {
  Push(kMine, TaskClass::kNormal, 100, nullptr, 1);
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(Pop()->root->patient());
  EXPECT_NEAR(Wait(kMine), 1, 0.01);
  Push(kMine, TaskClass::kNormal, 3);
  EXPECT_NEAR(Wait(kMine), 3 + 1, 0.01);
  Push(kMine, TaskClass::kNormal, 7);
  EXPECT_NEAR(Wait(kMine), 10 + 6, 0.01) << "eleven, less five";
}

// Nothing that runs is taken back: the turn of a long one is as long as it is.
TEST_F(LinesAtDoorTest, OneTaskThatTakesLongIsBeforeOthersWhateverItsLikeHad) {
  for (int i = 0; i < 10; ++i) PushRoot({.tenant = kMine, .line = 1, .cost = milliseconds(5)});
  for (int i = 0; i < 2; ++i) EXPECT_TRUE(Pop()->root->patient());
  EXPECT_NEAR(Wait(kMine), 1, 0.01) << "up to what the line has, and who asks";
  Push(kMine, TaskClass::kNormal, 3);
  EXPECT_NEAR(Wait(kMine), 3 + 4, 0.01);
  EXPECT_NEAR(Each(kMine), 2, 0.01);
  Push(kMine, TaskClass::kNormal, 3);
  EXPECT_NEAR(Wait(kMine), 6 + 5, 0.01);
  EXPECT_NEAR(Each(kMine), 1, 0.01) << "that one is before the next of these as well";
  Push(kMine, TaskClass::kNormal, 6);
  EXPECT_NEAR(Wait(kMine), 12 + 5, 0.01) << "thirteen, less ten, are less";
  Push(kMine, TaskClass::kNormal, 8);
  EXPECT_NEAR(Wait(kMine), 20 + 11, 0.01);
  EXPECT_NEAR(Each(kMine), 2, 0.01);
}

// What was promised, what waits for arguments and what was just let in are in the line of their
// root.
TEST_F(LinesAtDoorTest, WhatIsNotHereYetIsInItsLineToo) {
  const WorkAccount::Needs needs(function_.shape, kTotal);
  ParkedWork parked(account_, costs_);
  const TaskPtr task = MakeTask(MakeRoot({.tenant = kMine, .line = 2}), {});
  for (int i = 0; i < 20; ++i) parked.Add(*task);
  EXPECT_EQ(task->root->parked_ns, Nanos(milliseconds(20)).count());
  const WorkPromise promise(account_, {.cls = TaskClass::kNormal, .tenant = kMine, .line = 2},
                            needs.ByKind(milliseconds(1)), 20);
  line_ = 1;
  EXPECT_NEAR(Wait(kMine), 1, 0.01);
  line_ = 2;
  EXPECT_NEAR(Wait(kMine), 40, 0.01);
  door_.Admitted(
      {.cls = TaskClass::kNormal, .tenant = kMine, .line = 2, .slot_time = milliseconds(1)}, 1,
      needs, 5);
  EXPECT_NEAR(Wait(kMine), 45, 0.01);
  line_ = 1;
  EXPECT_NEAR(Wait(kMine), 1, 0.01);
  for (int i = 0; i < 20; ++i) parked.TakeAway(*task);
  EXPECT_EQ(task->root->parked_ns, 0);
}

TEST_F(LinesAtDoorTest, WhatWasLetInAndCanWaitCountsAsSuch) {
  const WorkAccount::Needs needs(function_.shape, kTotal);
  WorkAtDoor::Newcomer root{
      .cls = TaskClass::kNormal, .tenant = kMine, .line = 1, .slot_time = milliseconds(1)};
  EXPECT_EQ(Wait(kMine), 0);
  door_.Admitted(root, 1, needs, 50);
  EXPECT_NEAR(Wait(kMine), 1, 0.01);
  root.line = 0;
  door_.Admitted(root, 1, needs, 5);
  EXPECT_NEAR(Wait(kMine), 5 + 6, 0.01);
  line_ = 1;
  EXPECT_NEAR(Wait(kMine), 55, 0.01);
}

TEST_F(LinesAtDoorTest, WhatPatientRootsAreOwedGoesFirst) {
  Push(kMine, TaskClass::kNormal, 100, nullptr, 1);
  Push(kMine, TaskClass::kNormal, 1);
  EXPECT_NEAR(Wait(kMine), 1 + 2, 0.01);
  EXPECT_FALSE(Pop()->root->patient());
  EXPECT_NEAR(Wait(kMine), 1 + 1, 0.01) << "its millisecond, and one turn";
}

// And one more, which may fill up while it waits.
TEST_F(LinesAtDoorTest, BeforeItAreTheLinesThatRootsCameToInAsMuchTimeAsItHas) {
  const auto before = [this](SlackLine line, Nanos has = std::chrono::seconds(1),
                             TaskClass cls = TaskClass::kNormal) {
    return int{door_.LinesBefore({.cls = cls, .tenant = kMine, .line = line}, has, now_)};
  };
  const auto run = [this](TenantId tenant, SlackLine line) {
    Push(tenant, TaskClass::kNormal, 1, nullptr, line);
    EXPECT_EQ(Pop()->root->line, line);
  };
  run(kOther, 0);
  EXPECT_EQ(before(0), 0);
  for (const SlackLine line : {1, 2, 3}) EXPECT_EQ(before(line), 1) << int{line};
  run(kMine, 2);
  EXPECT_EQ(before(2), 1) << "its own is not before it";
  EXPECT_EQ(before(3), 2);
  run(kMine, 0);
  EXPECT_EQ(before(1), 1) << "there are no more";
  EXPECT_EQ(before(2), 2);
  EXPECT_EQ(before(3), 3);
  EXPECT_EQ(before(3, std::chrono::seconds(1), TaskClass::kHigh), 1);
  now_ += std::chrono::seconds(2);
  EXPECT_EQ(before(3), 1);
  EXPECT_EQ(before(3, std::chrono::seconds(2)), 3);
}

}  // namespace
}  // namespace spillgate
