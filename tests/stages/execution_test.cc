#include "stages/execution.h"

#include <gmock/gmock.h>

#include "tests/stages/execution_bench.h"

namespace spillgate::testing {
namespace {

using std::chrono::milliseconds;

class ExecutionTest : public ExecutionBench {};

TEST_F(ExecutionTest, AnInlineFunctionRunsHereAndNow) {
  Handle(Placed{bench.Accept(1, here), {}});
  EXPECT_EQ(runs.ran_here, 1);
  EXPECT_EQ(bench.Find(Id(1))->attempt, 1);
  ASSERT_EQ(finished.events.size(), 1U);
  EXPECT_TRUE(freed.events.empty()) << "it held no lease";
}

TEST_F(ExecutionTest, AnInlineChildThatMayHaveEndedTheNodeBeforeRunsElsewhere) {
  bench.limits.max_retries = 3;
  TaskPtr parent = bench.Accept(1, function);
  const TaskId suspect{kChildBit | 1, 1};
  runs.suspect = suspect;
  Handle(Placed{bench.Accept(suspect, here, {}, parent->record), {}},
         Placed{bench.Accept(TaskId{kChildBit | 1, 2}, here, {}, parent->record), {}});
  EXPECT_EQ(runs.ran_here, 1);
  ASSERT_EQ(runs.runs.count(suspect), 1U);
  EXPECT_EQ(runs.runs.at(suspect)->deaths, 1);
}

TEST_F(ExecutionTest, ARunEndsAndItsLeaseComesHomeWithWhatItTook) {
  Handle(Placed{bench.Accept(1, function), Id(9)});
  EXPECT_EQ(runs.nested_in, Id(9));
  Handle(End(1, RunEnd::kEnded));
  ASSERT_EQ(finished.events.size(), 1U);
  ASSERT_EQ(freed.events.size(), 1U);
  EXPECT_EQ(freed.events[0].held.amount[kCpu], 1000);
  EXPECT_EQ(freed.events[0].cost, milliseconds(2));
  EXPECT_EQ(freed.events[0].lesson, SlotFreed::Lesson::kExact);
}

TEST_F(ExecutionTest, WhatATaskHasHeldIsWithItAndTheSpanOfItsLastRunWithItsLease) {
  Place(1);
  Handle(End(1, RunEnd::kHostDied));
  TickAfter(milliseconds(5));
  Ran ran = End(1, RunEnd::kEnded);
  ran.report.blocked = milliseconds(7);
  Handle(std::move(ran));
  ASSERT_EQ(finished.events.size(), 1U);
  EXPECT_EQ(finished.events[0].task->spent, milliseconds(2 + 5 + 2)) << "and its rest";
  ASSERT_EQ(freed.events.size(), 1U);
  EXPECT_EQ(freed.events[0].cost, milliseconds(2)) << "its slot was another's while it waited";
  EXPECT_EQ(freed.events[0].span, milliseconds(9));
}

TEST_F(ExecutionTest, ATaskWhoseWorkerDiedKeepsItsLeaseRestsAndRunsAgain) {
  Place(1);
  const Instant begun = runs.runs.at(Id(1))->begun;
  EXPECT_EQ(begun, bench.now());
  Handle(End(1, RunEnd::kHostDied));
  EXPECT_TRUE(freed.events.empty());
  EXPECT_EQ(runs.starts, 1);
  TickAfter(milliseconds(5));
  EXPECT_EQ(runs.starts, 2);
  EXPECT_EQ(runs.runs.at(Id(1))->attempt, 2);
  EXPECT_EQ(runs.runs.at(Id(1))->begun, begun) << "it waited no longer than for its first run";
  EXPECT_EQ(bench.Find(Id(1))->attempt, 2) << "so that its status tells";
  EXPECT_EQ(bench.tally.execution[0].retried.get(), 1U);
  EXPECT_EQ(bench.tally.execution[0].host_deaths.get(), 1U);
  Handle(End(1, RunEnd::kEnded));
  EXPECT_EQ(freed.events.size(), 1U);
}

TEST_F(ExecutionTest, ThreeDeathsArePoison) {
  Place(1);
  for (int death = 0; death < 3; ++death) {
    Handle(End(1, RunEnd::kHostDied));
    TickAfter(milliseconds(20));
  }
  ASSERT_EQ(finished.events.size(), 1U);
  EXPECT_EQ(finished.events[0].task->outcome.reason, Reason::kPoison);
  EXPECT_NE(finished.events[0].task->outcome.failure->message.find("SIGSEGV"), std::string::npos);
  EXPECT_EQ(freed.events.size(), 1U);
  EXPECT_EQ(runs.starts, 3);
}

// A hundred are free, so that a node that has just started may retry at all.
TEST_F(ExecutionTest, RetriesAreATenthOfAllRunsAtMost) {
  std::uint64_t seq = 0;
  while (finished.events.empty() && seq < 1000) {
    Place(++seq);
    Handle(End(seq, RunEnd::kHostDied));
  }
  EXPECT_EQ(seq, 112U);
  const Outcome& outcome = finished.events.at(0).task->outcome;
  EXPECT_EQ(outcome.reason, Reason::kWorkerDied);
  EXPECT_NE(outcome.failure->message.find("workers.retry_budget"), std::string::npos);
  EXPECT_EQ(freed.events.size(), 1U);
}

TEST_F(ExecutionTest, WithoutRetriesTheFirstDeathIsTheEnd) {
  TaskPtr task = bench.Accept(1, function);
  task->max_retries = 0;
  Handle(Placed{std::move(task), {}});
  Handle(End(1, RunEnd::kHostDied));
  ASSERT_EQ(finished.events.size(), 1U);
  EXPECT_EQ(finished.events[0].task->outcome.reason, Reason::kWorkerDied);
}

TEST_F(ExecutionTest, ACancelInterruptsARunAndEndsARest) {
  Place(1);
  Place(2);
  bench.MarkCancelled(Id(1));
  Handle(CancelAsked{Id(1)});
  ASSERT_EQ(runs.interrupts.size(), 1U);
  EXPECT_EQ(runs.interrupts[0], std::pair(Id(1), Reason::kCancelled));
  EXPECT_TRUE(finished.events.empty()) << "it ends when its run does";
  Handle(End(1, RunEnd::kHostDied));
  ASSERT_EQ(finished.events.size(), 1U) << "a cancelled task is not run again";
  EXPECT_EQ(finished.events[0].task->outcome.fate, Fate::kCancelled);

  Handle(End(2, RunEnd::kHostDied));
  bench.MarkCancelled(Id(2));
  Handle(CancelAsked{Id(2)});
  ASSERT_EQ(finished.events.size(), 2U);
  EXPECT_EQ(freed.events.size(), 2U);
  TickAfter(milliseconds(20));
  EXPECT_EQ(runs.starts, 2);
}

TEST_F(ExecutionTest, ACancelThatOvertookATaskKeepsItFromRunning) {
  TaskPtr task = bench.Accept(1, function);
  bench.MarkCancelled(Id(1));
  Handle(CancelAsked{Id(1)}, Placed{std::move(task), {}});
  EXPECT_EQ(runs.starts, 0);
  ASSERT_EQ(finished.events.size(), 1U);
  EXPECT_EQ(finished.events[0].task->outcome.fate, Fate::kCancelled);
  ASSERT_EQ(freed.events.size(), 1U);
  EXPECT_EQ(freed.events[0].lesson, SlotFreed::Lesson::kNone);
}

TEST_F(ExecutionTest, NoRunBeginsAfterTheDeadline) {
  TaskPtr late = bench.Accept(1, function);
  late->deadline = bench.now();
  TaskPtr later = bench.Accept(2, function);
  later->deadline = bench.now() + milliseconds(10);
  Handle(Placed{std::move(later), {}});
  bench.clock.Advance(milliseconds(1));
  Handle(Placed{std::move(late), {}});
  ASSERT_EQ(finished.events.size(), 1U);
  Handle(End(2, RunEnd::kHostDied));
  TickAfter(milliseconds(20));
  ASSERT_EQ(finished.events.size(), 2U);
  for (const Finished& event : finished.events) {
    EXPECT_EQ(event.task->outcome.fate, Fate::kExpired);
  }
  EXPECT_EQ(freed.events.size(), 2U);
}

TEST_F(ExecutionTest, ABlockedRunLendsItsSlotAndTakesItBackBeforeItEnds) {
  Place(1);
  Handle(Notice(1, RunNotice::Kind::kBlocked, Id(2)));
  ASSERT_EQ(lent.events.size(), 1U);
  EXPECT_EQ(lent.events[0].held.amount[kCpu], 1000);
  EXPECT_EQ(lent.events[0].function, bench.functions.At(function));
  EXPECT_EQ(bench.signals.stuck.load(), 1);
  Handle(Notice(1, RunNotice::Kind::kBlocked, Id(3)));
  ASSERT_EQ(lent.events.size(), 2U);
  EXPECT_TRUE(lent.events[1].held.IsNothing()) << "lent once, however often it asks";
  EXPECT_EQ(lent.events[1].function, nullptr);
  Handle(End(1, RunEnd::kEnded));
  ASSERT_EQ(lent.events.size(), 3U);
  EXPECT_EQ(lent.events[2].notice.kind, RunNotice::Kind::kResumed);
  ASSERT_EQ(freed.events.size(), 1U);
  EXPECT_EQ(freed.events[0].held.amount[kCpu], 1000);
  EXPECT_EQ(bench.signals.stuck.load(), 0);
}

// Who is blocked may have a child that runs in its place; to others it is of no interest.
TEST_F(ExecutionTest, WhileARunIsBlockedItTellsHowManyMoreCouldBegin) {
  runs.left = {.threads = 3, .workers = 2};
  Place(1);
  EXPECT_GT(bench.signals.threads_left, 3);
  Handle(Notice(1, RunNotice::Kind::kBlocked));
  EXPECT_EQ(bench.signals.threads_left, 3);
  EXPECT_EQ(bench.signals.workers_left, 2);
  runs.left.threads = 1;
  Place(2);
  EXPECT_EQ(bench.signals.threads_left, 1);
  runs.left.threads = 2;
  stage.Tick(bench.now());
  EXPECT_EQ(bench.signals.threads_left, 2) << "what was started may have come to its host late";
  runs.left.threads = 1;
  stage.Tick(bench.now());
  Handle(End(1, RunEnd::kEnded));
  runs.left.threads = 7;
  Place(3);
  EXPECT_EQ(bench.signals.threads_left, 1);
}

TEST_F(ExecutionTest, ADeathWhileBlockedTakesTheSlotBackForTheNextRun) {
  Place(1);
  Handle(Notice(1, RunNotice::Kind::kBlocked));
  Handle(End(1, RunEnd::kHostDied));
  ASSERT_EQ(lent.events.size(), 2U);
  EXPECT_EQ(lent.events[1].notice.kind, RunNotice::Kind::kResumed);
  EXPECT_EQ(bench.signals.stuck.load(), 0);
  TickAfter(milliseconds(5));
  Handle(End(1, RunEnd::kEnded));
  EXPECT_EQ(lent.events.size(), 2U);
  EXPECT_EQ(freed.events.size(), 1U);
}

TEST_F(ExecutionTest, WhatIsLearnedFromARunIsWhatItShows) {
  for (std::uint64_t seq = 1; seq <= 3; ++seq) Place(seq);
  Ran unbegun = End(1, RunEnd::kEnded, Fate::kCancelled);
  unbegun.report.began = false;
  unbegun.report.wall = milliseconds(0);
  Handle(std::move(unbegun));
  Handle(End(2, RunEnd::kEnded, Fate::kExpired));
  Handle(End(3, RunEnd::kEnded, Fate::kFailed));
  const FunctionId leased = bench.AddFunction("leased", 2000, 0, Host::kInline);
  TaskPtr task = bench.Accept(4, leased);
  task->estimate = milliseconds(7);
  Handle(Placed{std::move(task), {}});
  ASSERT_EQ(freed.events.size(), 4U);
  using Lesson = SlotFreed::Lesson;
  EXPECT_EQ(freed.events[0].lesson, Lesson::kNone) << "it never began";
  EXPECT_EQ(freed.events[0].cost, Nanos(0));
  EXPECT_EQ(freed.events[1].lesson, Lesson::kAtLeast) << "it was cut short";
  EXPECT_EQ(freed.events[1].cost, milliseconds(2));
  EXPECT_EQ(freed.events[2].lesson, Lesson::kExact) << "to fail takes as long as it takes";
  EXPECT_EQ(freed.events[3].lesson, Lesson::kNone) << "nobody looked at the clock";
  EXPECT_EQ(freed.events[3].cost, milliseconds(7)) << "whatever it held meanwhile";
}

TEST_F(ExecutionTest, WhomNoWorkerCouldTakeFailsAndSaysWhy) {
  Place(1);
  Ran ran = End(1, RunEnd::kTurnedAway);
  ran.report.why = Reason::kNoWorker;
  ran.report.detail = "no worker process can be started from /bin/false: it ends at once";
  Handle(std::move(ran));
  ASSERT_EQ(finished.events.size(), 1U);
  const Outcome& outcome = finished.events[0].task->outcome;
  EXPECT_EQ(outcome.fate, Fate::kFailed);
  EXPECT_EQ(outcome.reason, Reason::kNoWorker);
  EXPECT_NE(outcome.failure->message.find("/bin/false"), std::string::npos);
  EXPECT_NE(outcome.failure->message.find("submitted again when this is mended"),
            std::string::npos);
  ASSERT_EQ(freed.events.size(), 1U);
  EXPECT_EQ(freed.events[0].lesson, SlotFreed::Lesson::kNone) << "nothing is learned from it";
}

TEST_F(ExecutionTest, WhoCameWhenTheNodeWasStoppingWasDrained) {
  Place(1);
  Ran ran = End(1, RunEnd::kTurnedAway);
  ran.report.why = Reason::kDrained;
  Handle(std::move(ran));
  ASSERT_EQ(finished.events.size(), 1U);
  EXPECT_EQ(finished.events[0].task->outcome.reason, Reason::kDrained);
}

TEST_F(ExecutionTest, AnEndThatCouldNotPassIsHandedOnAtTheNextTick) {
  finished.full = true;
  Handle(Placed{bench.Accept(1, here), {}});
  finished.full = false;
  stage.Tick(bench.now());
  EXPECT_EQ(finished.events.size(), 1U);
}

TEST_F(ExecutionTest, WhatEndedANodeDoesNotRunInline) {
  TaskPtr task = bench.Accept(1, here);
  task->deaths = 1;
  task->max_retries = 3;
  Handle(Placed{std::move(task), {}});
  EXPECT_EQ(runs.ran_here, 0);
  ASSERT_EQ(runs.starts, 1);
  Handle(End(1, RunEnd::kHostDied));
  TickAfter(milliseconds(20));
  EXPECT_EQ(runs.starts, 2) << "as any other whose worker died";
  Handle(End(1, RunEnd::kHostDied));
  ASSERT_EQ(finished.events.size(), 1U);
  EXPECT_EQ(finished.events[0].task->outcome.reason, Reason::kPoison) << "three, with the first";
}

TEST_F(ExecutionTest, WhatHasHadItsDeathsBeforeDoesNotBegin) {
  TaskPtr poison = bench.Accept(1, function);
  poison->deaths = 3;
  poison->max_retries = 9;
  TaskPtr spent = bench.Accept(2, function);
  spent->deaths = 2;
  spent->max_retries = 1;
  Handle(Placed{std::move(poison), {}}, Placed{std::move(spent), {}});
  EXPECT_EQ(runs.starts, 0);
  ASSERT_EQ(finished.events.size(), 2U);
  EXPECT_EQ(finished.events[0].task->outcome.reason, Reason::kPoison);
  EXPECT_EQ(finished.events[1].task->outcome.reason, Reason::kWorkerDied);
  EXPECT_EQ(freed.events.size(), 2U);
}

TEST_F(ExecutionTest, FlushGivesUpWhatRests) {
  Place(1);
  Handle(End(1, RunEnd::kHostDied));
  stage.Flush(bench.now());
  ASSERT_EQ(finished.events.size(), 1U);
  EXPECT_EQ(finished.events[0].task->outcome.reason, Reason::kDrained);
  EXPECT_EQ(freed.events.size(), 1U);
}

TEST_F(ExecutionTest, APrefetchedTaskThatIsHeldUpGoesBackAsIfItHadNeverBeenPlaced) {
  TaskPtr task = bench.Accept(1, function);
  task->hands_on = task->prefetched = true;
  Handle(Placed{std::move(task), {}});
  ASSERT_EQ(runs.starts, 1);
  Handle(End(1, RunEnd::kHeldUp));
  ASSERT_EQ(freed.events.size(), 1U);
  EXPECT_EQ(freed.events[0].lesson, SlotFreed::Lesson::kNone);
  EXPECT_EQ(freed.events[0].cost, Nanos(0));
  EXPECT_TRUE(freed.events[0].prefetched);
  ASSERT_EQ(returned.events.size(), 1U);
  const Task& back = *returned.events[0].task;
  EXPECT_EQ(back.attempt, 0);
  EXPECT_TRUE(back.held_up);
  EXPECT_EQ(back.begun, kNever);
  EXPECT_EQ(back.record->attempt.load(), 0);
  EXPECT_TRUE(back.outcome.open());
  EXPECT_TRUE(finished.events.empty());
  EXPECT_EQ(bench.tally.execution[0].started.get(), 0U);
  EXPECT_EQ(bench.tally.execution[0].held_up.get(), 1U);
}

// When it was started, others had the slot.
TEST_F(ExecutionTest, APrefetchedTaskBeganWhenItsTurnCame) {
  TaskPtr task = bench.Accept(1, function);
  task->prefetched = true;
  Handle(Placed{std::move(task), {}});
  bench.clock.Advance(std::chrono::milliseconds(5));
  Handle(End(1, RunEnd::kEnded));
  ASSERT_EQ(finished.events.size(), 1U);
  EXPECT_EQ(finished.events[0].task->begun, bench.now() - std::chrono::milliseconds(2));
  EXPECT_EQ(bench.tally.execution[0].started.get(), 1U);
}

TEST_F(ExecutionTest, AGrantFindsItsTaskWhicheverOfThemIsHereFirst) {
  const auto ahead = [this](std::uint64_t seq) {
    TaskPtr task = bench.Accept(seq, function);
    task->prefetched = true;
    return Placed{std::move(task), {}};
  };
  Handle(ahead(1));
  Handle(LeaseGranted{Id(1)});
  EXPECT_THAT(runs.grants, ::testing::ElementsAre(Id(1)));
  Handle(LeaseGranted{Id(2)});
  Handle(ahead(2));
  EXPECT_FALSE(runs.runs.at(Id(2))->prefetched) << "it has one";
  Handle(LeaseGranted{Id(3)});
  TickAfter(std::chrono::milliseconds(1));
  Handle(ahead(3));
  EXPECT_FALSE(runs.runs.at(Id(3))->prefetched);
  // One whose task has ended is for nobody.
  Handle(LeaseGranted{Id(4)});
  TickAfter(std::chrono::milliseconds(1));
  TickAfter(std::chrono::milliseconds(1));
  Handle(ahead(4));
  EXPECT_TRUE(runs.runs.at(Id(4))->prefetched);
  EXPECT_THAT(runs.grants, ::testing::ElementsAre(Id(1)));
}

TEST_F(ExecutionTest, TellsWhoHasTheSlotOfARunThatHasEnded) {
  Place(1);
  Ran ran = End(1, RunEnd::kEnded);
  ran.report.handed_to = Id(7);
  Handle(std::move(ran));
  ASSERT_EQ(freed.events.size(), 1U);
  EXPECT_EQ(freed.events[0].handed_to, Id(7));
}

}  // namespace
}  // namespace spillgate::testing
