// What would run before a new root, by the account that the ready set keeps.
#include <gtest/gtest.h>

#include <utility>
#include <vector>

#include "core/model/parked_work.h"
#include "core/model/work_promise.h"
#include "tests/stages/work_at_door_bench.h"

namespace spillgate {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

using testing::kMine;
using testing::kOther;
using testing::kThird;

class WorkAtDoorTest : public testing::WorkAtDoorBench {};

TEST_F(WorkAtDoorTest, OwnWorkIsBeforeANewRootOfTheSameTenant) {
  EXPECT_EQ(Wait(kMine), 0);
  Push(kMine, TaskClass::kNormal, 10);
  EXPECT_NEAR(Wait(kMine), 10, 0.01);
  const TaskPtr task = Pop();
  EXPECT_NEAR(Wait(kMine), 9, 0.01) << "what runs is not waited for";
}

// What long runs are kept from, for short work; and of the slots only.
TEST_F(WorkAtDoorTest, ALongOneWaitsForThoseThatHaveWhatLongOnesMayHave) {
  account_.SetShutOut({.from = 4, .room = 500, .most = 1000, .until = now_ + milliseconds(300)});
  const auto busy = [&](KeptSlot::Length length, const Resources& shape) {
    const WorkAccount::Needs needs(shape, kTotal);
    return door_.Look({.tenant = kMine, .length = length}, needs, now_).busy;
  };
  EXPECT_EQ(busy(4, function_.shape), milliseconds(300));
  EXPECT_EQ(busy(3, function_.shape), Nanos(0));
  EXPECT_EQ(busy(9, {.amount = {0, 0, 1000}}), Nanos(0)) << "it needs no CPU slot";
  EXPECT_EQ(busy(9, {.amount = {500}}), Nanos(0)) << "there is room for half a one";
  EXPECT_EQ(busy(9, {.amount = {2000}}), Nanos(0)) << "nor does scheduling hold back a wide one";
  account_.SetShutOut({});
  EXPECT_EQ(busy(KeptSlot::kUnknown, function_.shape), Nanos(0));
}

TEST_F(WorkAtDoorTest, OfOthersOnlyWhatTheyAreGivenMeanwhile) {
  Push(kOther, TaskClass::kNormal, 100);
  EXPECT_NEAR(Wait(kOther), 100, 0.01);
  EXPECT_NEAR(Wait(kMine), 1, 0.1) << "one turn each";
  Push(kMine, TaskClass::kNormal, 10);
  EXPECT_NEAR(Wait(kMine), 10 + 11, 0.2);
  Push(kThird, TaskClass::kNormal, 100);
  EXPECT_NEAR(Wait(kMine), 10 + 22, 0.2);
  ready_.SetWeight(kMine, 4);
  EXPECT_NEAR(Wait(kMine), 10 + 22.0 / 4, 0.2);
}

TEST_F(WorkAtDoorTest, WhatIsHeldBackByItsFunctionIsNotBeforeOthers) {
  static const Function limited{.id = 2, .name = "l", .shape = function_.shape, .slot_limit = 1};
  const auto push_limited = [this](int tasks, SlackLine line) {
    for (; tasks > 0; --tasks) PushRoot({.line = line, .function = &limited});
    account_.EndPass();
  };
  push_limited(1, 0);
  const TaskPtr running = Pop();
  push_limited(4, 0);
  push_limited(4, 1);
  EXPECT_NEAR(Wait(kMine), 0, 0.01) << "one of the two slots is left";
  held_back_ = true;
  of_ = 2;
  EXPECT_NEAR(Wait(kMine), 2 * (4 + 4), 2.2) << "who is of that function has one of the slots";
  held_back_ = false;
  Push(kMine, TaskClass::kNormal, 3);
  EXPECT_NEAR(Wait(kMine), 2 * 3, 0.01) << "on the slot that is left";
  line_ = 1;
  EXPECT_NEAR(Wait(kMine), 2 * 3, 0.01);
  ready_.Ended(limited, limited.shape);
  EXPECT_NEAR(Wait(kMine), 3, 0.01);
}

// It comes as soon as its arguments are there: a graph is more than what can run of it now.
TEST_F(WorkAtDoorTest, WhatWaitsForArgumentsGoesBeforeItToo) {
  ParkedWork parked(account_, costs_);
  std::vector<TaskPtr> tasks;
  for (int i = 0; i < 10; ++i) {
    tasks.push_back(MakeTask(MakeRoot({.tenant = kMine}), {}));
    parked.Add(*tasks.back());
  }
  EXPECT_NEAR(Wait(kMine), 10, 0.01);
  EXPECT_NEAR(Wait(kOther), 1, 0.1);
  EXPECT_NEAR(Wait(kMine, TaskClass::kSheddable), 10, 0.01);
  EXPECT_EQ(Wait(kMine, TaskClass::kCritical), 0);
  for (const TaskPtr& task : tasks) parked.TakeAway(*task);
  EXPECT_EQ(Wait(kMine), 0);
}

TEST_F(WorkAtDoorTest, OthersHaveNoMoreThanTheyHave) {
  Push(kOther, TaskClass::kNormal, 3);
  Push(kMine, TaskClass::kNormal, 10);
  EXPECT_NEAR(Wait(kMine), 13, 0.01);
}

TEST_F(WorkAtDoorTest, WhoHasHadMoreThanItsShareIsOwedLess) {
  Push(kMine, TaskClass::kNormal, 40);
  TaskPtr task;
  for (int i = 0; i < 20; ++i) task = Pop();
  Push(kOther, TaskClass::kNormal, 100);
  const double before = Wait(kMine);
  ready_.Correct(*task->root, Nanos(0), milliseconds(50));
  account_.EndPass();
  EXPECT_GT(Wait(kMine), before + 20) << "its runs cost more than they were charged";
}

TEST_F(WorkAtDoorTest, ClassesBelowAreNotBefore) {
  Push(kOther, TaskClass::kCritical, 5);
  Push(kOther, TaskClass::kSheddable, 50);
  EXPECT_NEAR(Wait(kMine, TaskClass::kNormal), 5, 0.1);
  EXPECT_NEAR(Wait(kMine, TaskClass::kCritical), 1, 0.1);
  EXPECT_EQ(account_.TasksBefore(TaskClass::kNormal), 5);
  EXPECT_EQ(account_.TasksBefore(TaskClass::kSheddable), 55);
}

TEST_F(WorkAtDoorTest, WhatIsOnTheWayIsNotForgottenByAPassThatDidNotSeeIt) {
  const WorkAccount::Needs needs(function_.shape, kTotal);
  EXPECT_EQ(Wait(kMine), 0);
  door_.Admitted({.cls = TaskClass::kNormal, .tenant = kMine, .slot_time = milliseconds(1)}, 1,
                 needs, 7);
  door_.OnTheWay(7);
  account_.EndPass();
  EXPECT_NEAR(Wait(kMine), 7, 0.01);
  door_.OnTheWay(-7);
  Push(kMine, TaskClass::kNormal, 7);
  EXPECT_NEAR(Wait(kMine), 7, 0.01);
}

TEST_F(WorkAtDoorTest, ALeastShareBoundsTheWait) {
  Push(kOther, TaskClass::kCritical, 1000);
  Push(kMine, TaskClass::kNormal, 4);
  EXPECT_NEAR(Wait(kMine), 1004, 0.1);
  share_ = 5;
  EXPECT_NEAR(Wait(kMine), 5 * 20, 0.1) << "20 times what goes before it in its class, and itself";
}

TEST_F(WorkAtDoorTest, OfItsLeastShareAClassHasWhatItHasSaved) {
  Push(kOther, TaskClass::kCritical, 1000);
  share_ = 5;
  EXPECT_NEAR(Wait(kMine), 20, 0.1) << "until one has been saved for";
  ready_.Apply({.shares = {0, 5, 5, 5}});
  account_.Of(TaskClass::kNormal).turned_away.p95.Set(Nanos(milliseconds(1)).count());
  account_.Of(TaskClass::kNormal).turned_away.shape.store(&function_.shape);
  account_.Of(TaskClass::kNormal).turned_away.at.Set(1);
  for (int i = 0; i < 10; ++i) Pop();
  EXPECT_NEAR(Wait(kMine), 10, 1) << "half of it";
  for (int i = 0; i < 100; ++i) Pop();
  EXPECT_NEAR(Wait(kMine), 0, 0.01) << "it may have one";
  Push(kMine, TaskClass::kNormal, 1);
  EXPECT_NEAR(Wait(kMine), 20, 0.1) << "and no more, as nothing of it waited";
}

TEST_F(WorkAtDoorTest, WhatOthersHadLatelyTheyWillHaveAgain) {
  Push(kMine, TaskClass::kNormal, 60);
  Push(kOther, TaskClass::kNormal, 60);
  TaskPtr task;
  for (int i = 0; i < 120; ++i) {
    task = Pop();
    now_ += microseconds(500);
  }
  Push(kMine, TaskClass::kNormal, 10);
  EXPECT_NEAR(Wait(kMine), 20, 3) << "half of the time, though none of theirs waits";
  now_ += seconds(1);
  EXPECT_NEAR(Wait(kMine), 10, 0.1);
}

TEST_F(WorkAtDoorTest, SoWillMoreImportantClasses) {
  for (int i = 0; i < 100; ++i) {
    Push(kOther, TaskClass::kCritical, 1);
    Pop();
    now_ += milliseconds(1);
  }
  Push(kMine, TaskClass::kNormal, 10);
  EXPECT_NEAR(Wait(kMine), 20, 3) << "they had one of two slots";
  EXPECT_NEAR(Wait(kOther, TaskClass::kCritical), 0, 0.1);
  now_ += seconds(1);
  EXPECT_NEAR(Wait(kMine), 10, 0.1);
}

TEST_F(WorkAtDoorTest, EachResourceHasItsOwnQueue) {
  const Resources gpu{.amount = {1000, 1000}};
  Push(kOther, TaskClass::kNormal, 8, &gpu);
  Push(kMine, TaskClass::kNormal, 8, &gpu);
  EXPECT_NEAR(Wait(kMine, TaskClass::kNormal, 1, &gpu), (8 + 8) * 2, 0.2);
  EXPECT_NEAR(Wait(kMine, TaskClass::kNormal, 0, &gpu), 8 + 8, 0.2);
}

// Two tasks of two milliseconds on the GPU, which the root itself does not need, and one on a CPU.
TEST_F(WorkAtDoorTest, WhatARootBringsTakesWhatItNeeds) {
  const Resources gpu{.amount = {0, 1000}};
  Push(kMine, TaskClass::kNormal, 8, &gpu);
  NodeTimes each{};  // on average
  each[kGpu] = Nanos(milliseconds(4)).count() / 3;
  each[kCpu] = Nanos(milliseconds(1)).count() / 3;
  WorkAccount::Needs needs(function_.shape, kTotal);
  needs.Bring({.tasks = 3, .each = milliseconds(2), .node_time = each, .kinds = 1U << kGpu});
  ASSERT_EQ(needs.size(), 2U);
  EXPECT_EQ(needs.slots(), 1) << "one of them has enough for the GPU";
  EXPECT_EQ(needs.own_slots(), 2);
  WorkAtDoor::Newcomer root{
      .cls = TaskClass::kNormal, .tenant = kMine, .function = 1, .slot_time = milliseconds(1)};
  const auto look = [&](std::size_t which) {
    const flow::Queue queue = door_.Look(root, needs, now_).queues[which];
    return std::pair(static_cast<double>(queue.wait.count()) / 1e6,
                     static_cast<double>(queue.each.count()) / 1e6);
  };
  EXPECT_NEAR(look(0).first, 0, 0.001);
  EXPECT_NEAR(look(0).second, 0.5 + 1, 0.001);
  EXPECT_NEAR(look(1).first, 8, 0.001);
  EXPECT_NEAR(look(1).second, 4, 0.001);
  EXPECT_TRUE(door_.Look(root, needs, now_).for_brought);
  root.held_back = true;
  EXPECT_NEAR(look(1).first, 8, 0.001) << "what it brings has no limit of its function";
  root.held_back = false;
  door_.Admitted(root, 1, needs, 10);
  EXPECT_NEAR(look(0).first, 15, 0.001);
  EXPECT_NEAR(look(1).first, 8 + 40, 0.001);
}

TEST_F(WorkAtDoorTest, WhatWasLetInCountsUntilTheAccountHasIt) {
  const WorkAccount::Needs needs(function_.shape, kTotal);
  EXPECT_EQ(Wait(kMine), 0);
  door_.Admitted({.cls = TaskClass::kNormal, .tenant = kMine, .slot_time = milliseconds(1)}, 1,
                 needs, 7);
  EXPECT_NEAR(Wait(kMine), 7, 0.01);
  EXPECT_EQ(door_.Unstarted(1), 7);
  EXPECT_EQ(door_.Unstarted(2), 0);
  EXPECT_NEAR(Wait(kOther), 1, 0.1) << "of others one turn";
  Push(kMine, TaskClass::kNormal, 7);
  EXPECT_NEAR(Wait(kMine), 7, 0.01);
  EXPECT_EQ(door_.Unstarted(1), 7);
}

TEST_F(WorkAtDoorTest, NothingIsLeftWhenAllHasLeft) {
  const Resources some{.amount = {700, 300, 1000}};
  Push(kMine, TaskClass::kNormal, 20, &some);
  for (SlackLine line = 1; line < kLines; ++line) {
    Push(kMine, TaskClass::kNormal, 20, &some, line);
  }
  Push(kOther, TaskClass::kHigh, 20, &some);
  while (TaskPtr task = Pop()) ready_.Ended(*task->function, *task->shape);
  for (const TaskClass cls : {TaskClass::kHigh, TaskClass::kNormal}) {
    EXPECT_EQ(account_.At(cls).tasks.get(), 0);
    for (std::size_t kind = 0; kind < kResourceKinds; ++kind) {
      EXPECT_EQ(account_.At(cls).work[kind].get(), 0);
      EXPECT_EQ(account_.At(cls, kMine).work[kind].get(), 0);
      for (const auto& line : account_.At(cls, kMine).patient) {
        EXPECT_EQ(line.work[kind].get(), 0);
      }
      EXPECT_EQ(account_.At(cls, kOther).work[kind].get(), 0);
    }
  }
  EXPECT_EQ(account_.Waiting(1), 0);
}

TEST_F(WorkAtDoorTest, WhatWasLetInIsForgottenOnceItIsCounted) {
  const WorkAccount::Needs needs(function_.shape, kTotal);
  EXPECT_EQ(door_.EachThatWaits(), Nanos(0));
  for (int i = 0; i < 3; ++i) {
    door_.Admitted({.slot_time = milliseconds(1)}, 1, needs, 2);
    EXPECT_NEAR(static_cast<double>(door_.EachThatWaits().count()), 500'000, 1);
    EXPECT_EQ(door_.Unstarted(1), 2) << "though nobody asked what is before it";
    account_.EndPass();
  }
  EXPECT_EQ(door_.EachThatWaits(), Nanos(0));
}

}  // namespace
}  // namespace spillgate
