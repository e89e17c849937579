// The rules by which threads and waiting tasks come together, step by step, without any thread.
#include "server/exec/crew.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace spillgate {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::HasSubstr;

using TaskRun = Run;  // a test has a Run of its own

class CrewRules : public ::testing::Test {
 protected:
  TaskPtr Make(std::uint64_t number, std::uint64_t parent = 0) {
    TaskPtr task(tasks_.Make());
    task->home = &tasks_;
    task->id = {1, number};
    if (parent != 0) task->parent = {1, parent};
    return task;
  }
  // The seat that is to be woken, null if it waits.
  static Crew::Seat* Add(Crew& crew, TaskPtr task, TaskId nested_in = {}) {
    Crew::Seat* seat = nullptr;
    EXPECT_TRUE(crew.Add(task, nested_in, Instant(1s), seat));
    return seat;
  }
  static TaskRun* Assigned(Crew::Seat* seat) { return seat->assigned.exchange(nullptr); }

  Slab<Task> tasks_{64};
  const Instant now_{1s};
};

TEST_F(CrewRules, AsManyRunAsThereAreThreads) {
  Crew crew({.threads = 2, .extra_blocked = 1});
  Crew::Seat* first = Add(crew, Make(1));
  Crew::Seat* second = Add(crew, Make(2));
  ASSERT_TRUE(first != nullptr && second != nullptr && first != second);
  EXPECT_EQ(Add(crew, Make(3)), nullptr);
  EXPECT_EQ(crew.active(), 2u);
  EXPECT_TRUE(crew.HasWaiting());
  EXPECT_EQ(Assigned(first)->id.seq, 1u);
  // The seat that ends takes what waits, without being woken.
  TaskRun* next = crew.Finish(*first);
  ASSERT_NE(next, nullptr);
  EXPECT_EQ(next->id.seq, 3u);
  EXPECT_FALSE(crew.HasWaiting());
  EXPECT_EQ(crew.Finish(*first), nullptr);
  EXPECT_EQ(crew.Finish(*second), nullptr);
  EXPECT_EQ(crew.active(), 0u);
  // The one that became idle last is used next.
  EXPECT_EQ(Add(crew, Make(4)), second);
}

TEST_F(CrewRules, BlockedSeatsGiveTheirPlaceToOthers) {
  Crew crew({.threads = 1, .extra_blocked = 1});
  Crew::Seat* first = Add(crew, Make(1));
  EXPECT_EQ(Add(crew, Make(2)), nullptr);
  EXPECT_TRUE(crew.Block(*first, true, now_));
  EXPECT_FALSE(crew.Block(*first, true, now_));
  EXPECT_EQ(crew.active(), 0u);
  Crew::Seat* second = crew.Dispatch();
  ASSERT_TRUE(second != nullptr && second != first);
  EXPECT_EQ(Assigned(second)->id.seq, 2u);
  // It goes on whether or not the other runs; nothing else begins then.
  crew.Resume(*first, now_ + 5ms);
  EXPECT_EQ(crew.active(), 2u);
  EXPECT_EQ(Add(crew, Make(3)), nullptr);
  EXPECT_EQ(crew.Finish(*second), nullptr);
  EXPECT_EQ(crew.Dispatch(), nullptr);
  TaskRun* next = crew.Finish(*first);
  ASSERT_NE(next, nullptr);
  EXPECT_EQ(next->id.seq, 3u);
}

TEST_F(CrewRules, CountsTellWhatEachThreadDoes) {
  Crew crew({.threads = 2, .extra_blocked = 1});
  EXPECT_EQ(crew.Counts().limit, 3u);
  EXPECT_EQ(crew.Counts().started, 0u);
  EXPECT_EQ(crew.Left(), 3) << "none is made yet, but they may be";
  Crew::Seat* first = Add(crew, Make(1));
  Crew::Seat* second = Add(crew, Make(2));
  (void)crew.Block(*first, true, now_);
  EXPECT_EQ(crew.Finish(*second), nullptr);
  Crew::Seat* third = Add(crew, Make(3));
  EXPECT_EQ(third, second) << "the idle one";
  EXPECT_EQ(crew.Left(), 1);
  (void)Add(crew, Make(4));
  EXPECT_EQ(crew.Left(), 0);
  (void)Add(crew, Make(5));
  EXPECT_EQ(crew.Left(), -1) << "it waits";
  HostCounts counts = crew.Counts();
  EXPECT_EQ(counts.blocked, 1u);
  EXPECT_EQ(counts.busy, 2u);
  EXPECT_EQ(counts.idle, 0u);
  EXPECT_EQ(counts.started, 3u);
  EXPECT_NE(crew.Finish(*third), nullptr);
  EXPECT_EQ(crew.Left(), 0);
  EXPECT_EQ(crew.Finish(*third), nullptr);
  EXPECT_EQ(crew.Left(), 1);
  counts = crew.Counts();
  EXPECT_EQ(counts.busy, 1u);
  EXPECT_EQ(counts.idle, 1u);
  EXPECT_EQ(counts.died, 0u);
}

TEST_F(CrewRules, TheTimeInWhichATaskWasBlockedIsKept) {
  Crew crew({.threads = 1, .extra_blocked = 0});
  Crew::Seat* seat = Add(crew, Make(1));
  TaskRun* run = Assigned(seat);
  (void)crew.Block(*seat, true, now_);
  crew.Resume(*seat, now_ + 5ms);
  (void)crew.Block(*seat, false, now_ + 7ms);
  crew.Resume(*seat, now_ + 8ms);
  EXPECT_EQ(run->blocked, 6ms);
}

TEST_F(CrewRules, ChildrenOfTheBlockedRunInTheirPlaceWhenThereAreNoMoreSeats) {
  Crew crew({.threads = 1, .extra_blocked = 0, .nested_stack = 2});
  Crew::Seat* seat = Add(crew, Make(1));
  EXPECT_EQ(Add(crew, Make(2)), nullptr);     // no child: might wait for what needs this stack
  EXPECT_EQ(Add(crew, Make(3, 1)), nullptr);  // a child
  EXPECT_TRUE(crew.HasDepth(*seat));
  (void)crew.Block(*seat, true, now_);
  EXPECT_EQ(crew.Dispatch(), seat);
  EXPECT_EQ(crew.Dispatch(), nullptr);  // one at a time
  TaskRun* nested = crew.TakeOffered(*seat);
  ASSERT_NE(nested, nullptr);
  EXPECT_EQ(nested->id.seq, 3u);
  EXPECT_FALSE(crew.HasDepth(*seat));
  EXPECT_EQ(crew.TakeOffered(*seat), nullptr);
  EXPECT_EQ(crew.Finish(*seat), nullptr);
  crew.Resume(*seat, now_);
  TaskRun* next = crew.Finish(*seat);
  ASSERT_NE(next, nullptr);
  EXPECT_EQ(next->id.seq, 2u);
}

TEST_F(CrewRules, WhatTheSchedulerNamesRunsInPlaceIfThatIsStillBlocked) {
  Crew crew({.threads = 1, .extra_blocked = 4});
  Crew::Seat* seat = Add(crew, Make(1));
  (void)crew.Block(*seat, true, now_);
  EXPECT_EQ(Add(crew, Make(2), {1, 1}), seat);
  // It resumes before it has begun that: it waits for a seat like all others, before them.
  crew.Resume(*seat, now_);
  EXPECT_EQ(crew.active(), 1u);
  EXPECT_EQ(crew.TakeOffered(*seat), nullptr);
  EXPECT_EQ(Add(crew, Make(3), {1, 1}), nullptr);
  TaskRun* next = crew.Finish(*seat);
  ASSERT_NE(next, nullptr);
  EXPECT_EQ(next->id.seq, 2u);
}

TEST_F(CrewRules, InterruptFindsTasksWhereverTheyAre) {
  Crew crew({.threads = 1, .extra_blocked = 0});
  Crew::Seat* seat = Add(crew, Make(1));
  TaskRun* run = Assigned(seat);
  EXPECT_EQ(Add(crew, Make(2)), nullptr);
  const Crew::Stopped waiting = crew.Interrupt({1, 2}, Reason::kCancelled);
  ASSERT_NE(waiting.task, nullptr);
  EXPECT_EQ(waiting.task->id.seq, 2u);
  EXPECT_FALSE(crew.HasWaiting());
  const Crew::Stopped running = crew.Interrupt({1, 1}, Reason::kCancelled);
  EXPECT_EQ(running.task, nullptr);
  EXPECT_EQ(running.seat, seat);
  EXPECT_EQ(run->stop.why(), Reason::kCancelled);
  (void)crew.Block(*seat, true, now_);
  EXPECT_EQ(Add(crew, Make(3), {1, 1}), seat);
  const Crew::Stopped offered = crew.Interrupt({1, 3}, Reason::kCancelled);
  ASSERT_NE(offered.task, nullptr);
  EXPECT_EQ(crew.active(), 0u);
  const Crew::Stopped unknown = crew.Interrupt({1, 9}, Reason::kCancelled);
  EXPECT_TRUE(unknown.task == nullptr && unknown.seat == nullptr);
}

TEST_F(CrewRules, InterruptOfWhatIsOfferedLetsAnotherBegin) {
  Crew crew({.threads = 1, .extra_blocked = 1});
  Crew::Seat* seat = Add(crew, Make(1));
  (void)crew.Block(*seat, true, now_);
  EXPECT_EQ(Add(crew, Make(2), {1, 1}), seat);
  EXPECT_EQ(Add(crew, Make(3)), nullptr) << "the offered one has the place";
  const Crew::Stopped offered = crew.Interrupt({1, 2}, Reason::kCancelled);
  ASSERT_NE(offered.task, nullptr);
  ASSERT_NE(offered.next, nullptr) << "nothing else would let it begin";
  EXPECT_EQ(Assigned(offered.next)->id.seq, 3u);
  EXPECT_FALSE(crew.HasWaiting());
}

TEST_F(CrewRules, TheNewestGetGivesUpWhenNothingCanRun) {
  Crew crew({.threads = 1, .extra_blocked = 1, .nested_stack = 1, .nested_patience = 1s});
  Crew::Seat* first = Add(crew, Make(1));
  EXPECT_EQ(Add(crew, Make(2)), nullptr);
  (void)crew.Block(*first, true, now_);
  Crew::Seat* second = crew.Dispatch();
  ASSERT_NE(second, nullptr);
  EXPECT_EQ(Add(crew, Make(3, 2)), nullptr);
  EXPECT_EQ(crew.FindStuck(now_), nullptr);  // the second one still runs
  (void)crew.Block(*second, true, now_ + 1ms);
  EXPECT_EQ(crew.FindStuck(now_ + 1ms), nullptr);
  EXPECT_EQ(crew.FindStuck(now_ + 900ms), nullptr);
  ASSERT_EQ(crew.FindStuck(now_ + 1001ms), second);
  EXPECT_TRUE(second->nudged.load());
  EXPECT_THAT(crew.TakeGiveUp(*second),
              AllOf(HasSubstr("all 2 threads"), HasSubstr(ToString(TaskId{1, 2})),
                    HasSubstr("others: " + ToString(TaskId{1, 1}))));
  EXPECT_EQ(crew.TakeGiveUp(*second), "");
}

// A spawn that waits for room is not what keeps others from running: gets are.
TEST_F(CrewRules, SpawnsThatWaitForRoomDoNotGiveUp) {
  Crew crew({.threads = 1, .extra_blocked = 0, .nested_stack = 1, .nested_patience = 1s});
  Crew::Seat* seat = Add(crew, Make(1));
  EXPECT_EQ(Add(crew, Make(2)), nullptr);
  (void)crew.Block(*seat, /*in_get=*/false, now_);
  EXPECT_EQ(crew.FindStuck(now_), nullptr);
  EXPECT_EQ(crew.FindStuck(now_ + 10s), nullptr);
}

TEST_F(CrewRules, NothingBeginsAfterStop) {
  Crew crew({.threads = 1, .extra_blocked = 0});
  Crew::Seat* seat = Add(crew, Make(1));
  TaskRun* run = Assigned(seat);
  EXPECT_EQ(Add(crew, Make(2)), nullptr);
  (void)crew.Block(*seat, true, now_);
  EXPECT_EQ(Add(crew, Make(3), {1, 1}), seat);
  std::vector<std::uint64_t> left;
  for (const TaskPtr& task : crew.StopAll()) left.push_back(task->id.seq);
  EXPECT_THAT(left, ::testing::UnorderedElementsAre(2u, 3u));
  EXPECT_EQ(run->stop.why(), Reason::kDrained);
  EXPECT_TRUE(crew.stopped());
  TaskPtr late = Make(4);
  Crew::Seat* wake = nullptr;
  EXPECT_FALSE(crew.Add(late, {}, now_, wake));
  EXPECT_NE(late, nullptr);
  crew.Resume(*seat, now_);
  EXPECT_EQ(crew.Finish(*seat), nullptr);
  EXPECT_EQ(crew.active(), 0u);
}

// Many waiting tasks, taken from the front and out of the middle, come out in their order.
TEST_F(CrewRules, TheQueueKeepsItsOrder) {
  Crew crew({.threads = 1, .extra_blocked = 0});
  Crew::Seat* seat = Add(crew, Make(1));
  for (std::uint64_t i = 2; i <= 200; ++i) EXPECT_EQ(Add(crew, Make(i)), nullptr);
  for (std::uint64_t i = 2; i <= 200; i += 3) {
    EXPECT_NE(crew.Interrupt({1, i}, Reason::kCancelled).task, nullptr);
  }
  std::uint64_t expected = 3;
  while (TaskRun* next = crew.Finish(*seat)) {
    EXPECT_EQ(next->id.seq, expected);
    expected += expected % 3 == 0 ? 1 : 2;
  }
  EXPECT_EQ(expected, 201u);
}

class PrefetchedRuns : public CrewRules {
 protected:
  TaskPtr Leased(std::uint64_t number) {
    TaskPtr task = Make(number);
    task->hands_on = true;
    return task;
  }
  TaskPtr Ahead(std::uint64_t number) {
    TaskPtr task = Leased(number);
    task->prefetched = true;
    return task;
  }
  static TaskRun* End(Crew& crew, Crew::Seat* seat, std::uint64_t heir) {
    EXPECT_EQ(crew.HandOn(*seat).seq, heir);
    return crew.Finish(*seat);
  }
};

TEST_F(PrefetchedRuns, BeginOnTheSeatThatEndsWithoutBeingWoken) {
  Crew crew({.threads = 4});
  Crew::Seat* first = Add(crew, Leased(1));
  ASSERT_NE(first, nullptr);
  EXPECT_EQ(Add(crew, Ahead(2)), nullptr) << "there are threads, but no lease";
  EXPECT_EQ(Add(crew, Ahead(3)), nullptr);
  EXPECT_FALSE(crew.HasWaiting());
  EXPECT_TRUE(crew.HasPrefetched());
  TaskRun* next = End(crew, first, 2);
  ASSERT_NE(next, nullptr);
  EXPECT_EQ(next->id.seq, 2u);
  next = End(crew, first, 3);
  ASSERT_NE(next, nullptr);
  EXPECT_EQ(next->id.seq, 3u);
  EXPECT_FALSE(crew.HasPrefetched());
  EXPECT_EQ(End(crew, first, 0), nullptr);
}

TEST_F(PrefetchedRuns, WaitForARunThatHandsOnOrAGrant) {
  Crew crew({.threads = 4});
  Crew::Seat* first = Add(crew, Make(1));
  EXPECT_EQ(Add(crew, Ahead(2)), nullptr);
  EXPECT_EQ(Add(crew, Ahead(3)), nullptr);
  EXPECT_EQ(crew.HandOn(*first).seq, 0u) << "it has no such lease";
  EXPECT_EQ(crew.Finish(*first), nullptr);
  EXPECT_EQ(crew.Grant({1, 3}), first) << "whichever has it";
  EXPECT_EQ(Assigned(first)->id.seq, 3u);
  EXPECT_EQ(crew.Grant({1, 3}), nullptr) << "it has begun";
  EXPECT_EQ(crew.Grant({1, 9}), nullptr) << "it is not here";
  EXPECT_EQ(End(crew, first, 2)->id.seq, 2u);
}

TEST_F(PrefetchedRuns, GetTheSlotOfABlockedOneIfTheCallerSaysSo) {
  Crew crew({.threads = 1, .extra_blocked = 1});
  Crew::Seat* first = Add(crew, Leased(1));
  EXPECT_EQ(Add(crew, Ahead(2)), nullptr);
  EXPECT_TRUE(crew.Block(*first, true, now_));
  EXPECT_EQ(crew.Dispatch(), nullptr) << "the slot may be for somebody else";
  Crew::Seat* second = crew.Grant({1, 2});
  ASSERT_NE(second, nullptr);
  EXPECT_EQ(Assigned(second)->id.seq, 2u);
  EXPECT_EQ(Add(crew, Ahead(3)), nullptr);
  // It goes on whether or not there is a slot, and hands none on.
  crew.Resume(*first, now_ + 1ms);
  EXPECT_EQ(End(crew, first, 0), nullptr);
  EXPECT_TRUE(crew.HasPrefetched());
  EXPECT_EQ(End(crew, second, 3)->id.seq, 3u);
}

TEST_F(PrefetchedRuns, InterruptFindsThemAndOneThatHadALeaseHandsItOn) {
  Crew crew({.threads = 1});
  Crew::Seat* first = Add(crew, Leased(1));
  EXPECT_EQ(Add(crew, Leased(2)), nullptr) << "waits for a thread";
  EXPECT_EQ(Add(crew, Ahead(3)), nullptr);
  EXPECT_EQ(Add(crew, Ahead(4)), nullptr);
  Crew::Stopped stopped = crew.Interrupt({1, 3}, Reason::kCancelled);
  ASSERT_NE(stopped.task, nullptr);
  EXPECT_EQ(stopped.task->id.seq, 3u);
  EXPECT_TRUE(stopped.handed_to.is_none());
  stopped = crew.Interrupt({1, 2}, Reason::kCancelled);
  ASSERT_NE(stopped.task, nullptr);
  EXPECT_EQ(stopped.handed_to.seq, 4u);
  EXPECT_FALSE(crew.HasPrefetched());
  EXPECT_TRUE(crew.HasWaiting()) << "for the thread";
  EXPECT_EQ(End(crew, first, 0)->id.seq, 4u);
  EXPECT_EQ(End(crew, first, 0), nullptr);
}

TEST_F(PrefetchedRuns, GoBackTogetherIfTheFirstHasWaitedForTooLong) {
  Crew crew({.threads = 1});
  (void)Add(crew, Leased(1));
  TaskPtr early = Ahead(2);
  TaskPtr late = Ahead(3);
  Crew::Seat* seat = nullptr;
  EXPECT_TRUE(crew.Add(early, {}, now_, seat));
  EXPECT_TRUE(crew.Add(late, {}, now_ + 5ms, seat));
  EXPECT_TRUE(crew.TakeHeldUp(now_).empty());
  const std::vector<TaskPtr> back = crew.TakeHeldUp(now_ + 1ns);
  ASSERT_EQ(back.size(), 2u);
  EXPECT_EQ(back[0]->id.seq, 2u);
  EXPECT_EQ(back[1]->id.seq, 3u);
  EXPECT_FALSE(crew.HasPrefetched());
}

TEST_F(PrefetchedRuns, AreGivenBackAtAStop) {
  Crew crew({.threads = 1});
  Crew::Seat* first = Add(crew, Leased(1));
  (void)Add(crew, Ahead(2));
  EXPECT_EQ(crew.StopAll().size(), 1u);
  EXPECT_EQ(End(crew, first, 0), nullptr);
}

}  // namespace
}  // namespace spillgate
