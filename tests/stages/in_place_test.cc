// Scheduling: what a blocked task awaits, and would run in its place.
#include "tests/stages/scheduling_bench.h"

namespace spillgate::testing {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

class InPlaceTest : public SchedulingBench {
 protected:
  InPlaceTest() : SchedulingBench(6, {.amount = {2000, 1000}}) {}

  // A task of the root of the one that was placed first.
  void OfFirst(std::uint64_t seq, FunctionId function, std::size_t first = 0, Nanos takes = {}) {
    TaskPtr task = bench.Accept(seq, function);
    task->root = placed.events[first].task->root;
    task->estimate = takes;
    Handle(Resolved{std::move(task)});
  }

  const FunctionId gpu = bench.functions.Add("gpu", [](std::uint32_t id) {
    Function function{.id = id, .name = "gpu", .host = Host::kWorker};
    function.shape.amount[kCpu] = 500;
    function.shape.amount[kGpu] = 1000;
    return function;
  });
};

TEST_F(InPlaceTest, AnAwaitedChildWaitsForASlotOfItsFunctionUnlessNothingElseMoves) {
  Resolve(1, one);
  Resolve(2, single);
  Resolve(3, single);
  Handle(Lent(0, RunNotice::Kind::kBlocked, {Bench::kSession, 3}));
  EXPECT_EQ(PlacedSeqs(), (Seqs{1, 2})) << "its function is at its limit";
  bench.clock.Advance(seconds(2));
  stage.Tick(bench.now());
  EXPECT_EQ(PlacedSeqs(), (Seqs{1, 2})) << "the other one runs, and will end";
  bench.signals.all_waited_at = bench.now();
  stage.Tick(bench.now());
  EXPECT_EQ(PlacedSeqs(), (Seqs{1, 2, 3})) << "only it can free the thread of its parent";
}

// As they do whenever the only one that runs blocks.
TEST_F(InPlaceTest, ButAllThatRunMayWaitForAMoment) {
  Resolve(1, one);
  Resolve(2, single);
  Resolve(3, single);
  Handle(Lent(0, RunNotice::Kind::kBlocked, {Bench::kSession, 3}));
  bench.clock.Advance(seconds(2));
  Resolve(4, one);
  ASSERT_EQ(PlacedSeqs(), (Seqs{1, 2, 4}));
  const auto look_after = [this](Nanos after) {
    bench.signals.all_waited_at = bench.now() + after;
    bench.clock.Advance(milliseconds(90));
    stage.Tick(bench.now());
  };
  look_after(milliseconds(4));
  EXPECT_EQ(PlacedSeqs(), (Seqs{1, 2, 4})) << "the last one may have been on its way then";
  Handle(Freed(2));
  look_after(milliseconds(4));
  EXPECT_EQ(PlacedSeqs(), (Seqs{1, 2, 4})) << "it had just ended";
  look_after(milliseconds(5));
  EXPECT_EQ(PlacedSeqs(), (Seqs{1, 2, 4, 3}));
}

// Those that run share the CPUs, and its parent had one.
TEST_F(InPlaceTest, AnAwaitedChildWaitsForACpuSlotButNotForLong) {
  Resolve(1, two);
  Resolve(2, two);
  Handle(Lent(0, RunNotice::Kind::kBlocked, {Bench::kSession, 3}));
  EXPECT_EQ(PlacedSeqs(), (Seqs{1})) << "the child may be on its way";
  bench.clock.Advance(microseconds(100));
  stage.Tick(bench.now());
  EXPECT_EQ(PlacedSeqs(), (Seqs{1, 2})) << "it is not here yet";
  Resolve(3, one);
  EXPECT_EQ(PlacedSeqs(), (Seqs{1, 2}));
  bench.clock.Advance(milliseconds(2));
  stage.Tick(bench.now());
  EXPECT_EQ(PlacedSeqs(), (Seqs{1, 2, 3}));
  EXPECT_EQ(stage.free().amount[kCpu], -1000);
}

// It would only make that which runs slower.
TEST_F(InPlaceTest, OneThatTakesLongerThanASlotIsTakenWaitsForThat) {
  Resolve(1, two);
  OfFirst(2, two, 0, milliseconds(50));
  ResolveOf(5, 2, TaskClass::kCritical);
  Handle(Lent(0, RunNotice::Kind::kBlocked, {Bench::kSession, 2}));
  bench.clock.Advance(milliseconds(2));
  stage.Tick(bench.now());
  EXPECT_EQ(PlacedSeqs(), (Seqs{1, 5}));
  bench.clock.Advance(milliseconds(47));
  stage.Tick(bench.now());
  EXPECT_EQ(PlacedSeqs(), (Seqs{1, 5})) << "it is slower as well, beside another";
  bench.clock.Advance(milliseconds(1));
  stage.Tick(bench.now());
  EXPECT_EQ(PlacedSeqs(), (Seqs{1, 5, 2})) << "who has run for as long may go on for as long";
}

// A root that was begun meanwhile would be under way with it, and each slower for the other.
TEST_F(InPlaceTest, ASlotIsKeptForAChildThatIsOnItsWay) {
  Resolve(1, two);
  Handle(Lent(0, RunNotice::Kind::kBlocked, {Bench::kSession, 3}));
  Resolve(5, two);
  EXPECT_EQ(PlacedSeqs(), (Seqs{1}));
  OfFirst(3, two);
  EXPECT_EQ(PlacedSeqs(), (Seqs{1, 3}));
}

TEST_F(InPlaceTest, OneSlotForEach) {
  Resolve(1, one);
  Handle(Lent(0, RunNotice::Kind::kBlocked, {Bench::kSession, 3}));
  for (const std::uint64_t seq : {5, 6}) Resolve(seq, one);
  EXPECT_EQ(PlacedSeqs(), (Seqs{1, 5}));
}

TEST_F(InPlaceTest, ButNoneForOneThatRuns) {
  Resolve(1, one);
  OfFirst(3, one);
  Handle(Lent(0, RunNotice::Kind::kBlocked, {Bench::kSession, 3}));
  Resolve(5, one);
  EXPECT_EQ(PlacedSeqs(), (Seqs{1, 3, 5}));
}

TEST_F(InPlaceTest, AndForAGpuForAsLongAsAnotherHasIt) {
  Resolve(1, one);
  Resolve(2, gpu);
  Resolve(3, gpu);
  Handle(Lent(0, RunNotice::Kind::kBlocked, {Bench::kSession, 3}));
  bench.clock.Advance(seconds(2));
  stage.Tick(bench.now());
  EXPECT_EQ(PlacedSeqs(), (Seqs{1, 2}));
  Handle(Freed(1));
  EXPECT_EQ(PlacedSeqs(), (Seqs{1, 2, 3}));
}

// Its root is next, but what makes it so is another of its tasks.
TEST_F(InPlaceTest, AnAwaitedChildNeedsWhatItNeedsThoughAnotherOfItsRootCouldRun) {
  for (const FunctionId function : {single, gpu}) {
    const std::size_t first = placed.events.size();
    const std::uint64_t seq = 10 * function;
    Resolve(seq, one);
    Resolve(seq + 1, function);
    ASSERT_EQ(placed.events.size(), first + 2);
    OfFirst(seq + 2, function, first);
    OfFirst(seq + 3, two, first);
    Handle(Lent(first, RunNotice::Kind::kBlocked, {Bench::kSession, seq + 2}));
    bench.clock.Advance(milliseconds(5));
    stage.Tick(bench.now());
    EXPECT_EQ(placed.events.size(), first + 2) << function;
    Handle(Freed(first + 1));
    EXPECT_EQ(placed.events[first + 2].task->id.seq, seq + 2);
    Handle(Freed(first + 2));
    Handle(Freed(first + 3));
  }
}

// It has the turn of its line, and pays for it.
TEST_F(InPlaceTest, AChildOfAPatientRootLetsOthersHaveTheirHalf) {
  const FunctionId whole = bench.AddFunction("whole", 2000);
  Resolve(1, two);
  placed.events[0].task->root->line = kLastLine;
  for (const std::uint64_t seq : {2, 3}) OfFirst(seq, two);
  for (const std::uint64_t seq : {5, 6, 7}) Resolve(seq, whole);
  Handle(Lent(0, RunNotice::Kind::kBlocked, {Bench::kSession, 2}));
  Handle(Freed(1));
  EXPECT_EQ(PlacedSeqs(), (Seqs{1, 5, 2}));
  Handle(SlotLent{
      .notice = {RunNotice::Kind::kBlocked, placed.events[0].task->id, {Bench::kSession, 3}},
      .held = {}});
  Handle(Freed(2));
  EXPECT_EQ(PlacedSeqs(), (Seqs{1, 5, 2, 6}));
  Handle(Freed(3));
  EXPECT_EQ(PlacedSeqs(), (Seqs{1, 5, 2, 6, 3}));
}

// The first task runs and awaits the last of three that wait, all of one root, which takes the node
// with each.
class InTurnTest : public InPlaceTest {
 protected:
  InTurnTest() {
    Resolve(1, two);
    for (const std::uint64_t seq : {2, 3, 4}) OfFirst(seq, two);
  }
  void Block() { Handle(Lent(0, RunNotice::Kind::kBlocked, {Bench::kSession, 4})); }
  void BlockForLongBesideTwoMoreImportant() {
    ResolveOf(5, 2, TaskClass::kCritical);
    ResolveOf(6, 2, TaskClass::kCritical);
    Block();
    bench.clock.Advance(milliseconds(2));
    stage.Tick(bench.now());
  }
  void BeLarge() { placed.events[0].task->root->ready.large = true; }
  [[nodiscard]] TaskId NestedIn(std::size_t i) const { return placed.events[i].nested_in; }
};

TEST_F(InTurnTest, AnAwaitedChildComesBeforeOthersOfItsRoot) {
  Block();
  EXPECT_EQ(PlacedSeqs(), (Seqs{1, 4}));
  EXPECT_EQ(NestedIn(1), placed.events[0].task->id);
  Handle(Freed(1));
  EXPECT_EQ(PlacedSeqs(), (Seqs{1, 4, 2}));
  EXPECT_EQ(NestedIn(2), TaskId{});
}

// Else a root that waits for its children would have the slot until all of them have ended.
TEST_F(InTurnTest, ButNotBeforeRootsWhoseTurnItIs) {
  ResolveOf(5, 2, TaskClass::kCritical);
  Block();
  EXPECT_EQ(PlacedSeqs(), (Seqs{1, 5}));
  Handle(Freed(1));
  EXPECT_EQ(PlacedSeqs(), (Seqs{1, 5, 4}));
  EXPECT_EQ(NestedIn(2), placed.events[0].task->id);
}

TEST_F(InTurnTest, NorHoweverLongItHasWaited) {
  BlockForLongBesideTwoMoreImportant();
  EXPECT_EQ(PlacedSeqs(), (Seqs{1, 5}));
}

// What may wait itself is passed over where a slot is free, but is no reason to do without one.
TEST_F(InTurnTest, NorWhereFewThreadsAreLeft) {
  bench.signals.threads_left = 2;
  BlockForLongBesideTwoMoreImportant();
  EXPECT_EQ(PlacedSeqs(), (Seqs{1, 5}));
  Handle(Freed(1));
  EXPECT_EQ(PlacedSeqs(), (Seqs{1, 5, 4}));
}

TEST_F(InTurnTest, ALargeRootHasNoSlotBesideThoseThatThereAre) {
  ResolveOf(5, 2, TaskClass::kCritical);
  Block();
  BeLarge();
  bench.clock.Advance(milliseconds(2));
  stage.Tick(bench.now());
  EXPECT_EQ(PlacedSeqs(), (Seqs{1, 5}));
  placed.events[0].task->root->ready.large = false;
  stage.Tick(bench.now());
  EXPECT_EQ(PlacedSeqs(), (Seqs{1, 5, 4}));
  EXPECT_EQ(stage.free().amount[kCpu], -2000);
}

// Of another tenant, who has had less.
TEST_F(InTurnTest, OthersThatHaveHadLessGoFirst) {
  ResolveOf(5, 2);
  Block();
  EXPECT_EQ(PlacedSeqs(), (Seqs{1, 5}));
}

// As many as there are slots. One that may wait itself has had its turn just now.
class FewThreadsTest : public InTurnTest {
 protected:
  FewThreadsTest() {
    bench.signals.threads_left = 2;
    ResolveOf(5, 2);
    BeLarge();
    Block();
  }
  void ResolveOfThird(std::uint64_t seq, FunctionId function) {
    TaskPtr task = bench.Accept(seq, function);
    task->root->tenant = 3;
    Handle(Resolved{std::move(task)});
  }
};

// It would take a thread for as long.
TEST_F(FewThreadsTest, WhatMayWaitItselfIsPassedOver) {
  ASSERT_EQ(PlacedSeqs(), (Seqs{1, 5}));
  ResolveOfThird(6, two);
  Handle(Freed(1));
  EXPECT_EQ(PlacedSeqs(), (Seqs{1, 5, 4}));
  EXPECT_EQ(NestedIn(2), placed.events[0].task->id);
  Handle(Freed(2));
  EXPECT_EQ(PlacedSeqs(), (Seqs{1, 5, 4, 6})) << "no child is awaited any more";
}

TEST_F(FewThreadsTest, WhatNeverWaitsIsNot) {
  ResolveOfThird(6, two);
  ResolveOfThird(7, bench.AddFunction("whole", 2000));
  Handle(Freed(1));
  EXPECT_EQ(PlacedSeqs(), (Seqs{1, 5, 7}));
}

// Both are known to be short, and stood in one lane if it did not wait.
TEST_F(FewThreadsTest, NorIfItStandsBehindOneThatIs) {
  const auto freed_soon = [this](std::size_t i) {
    SlotFreed freed = Freed(i);
    freed.cost = std::chrono::microseconds(1);
    Handle(std::move(freed));
  };
  const FunctionId whole = bench.AddFunction("whole", 2000);
  ResolveOfThird(8, whole);
  freed_soon(1);
  freed_soon(2);
  ASSERT_EQ(PlacedSeqs(), (Seqs{1, 5, 8, 4}));
  ResolveOfThird(6, two);
  ResolveOfThird(7, whole);
  Handle(SlotLent{
      .notice = {RunNotice::Kind::kBlocked, placed.events[0].task->id, {Bench::kSession, 3}},
      .held = {}});
  freed_soon(3);
  EXPECT_EQ(PlacedSeqs(), (Seqs{1, 5, 8, 4, 7}));
}

// Or those that hold the threads would keep it out for ever.
TEST_F(FewThreadsTest, ItHasItsTurnNowAndThen) {
  ResolveOfThird(6, two);
  bench.clock.Advance(milliseconds(100));
  Handle(Freed(1));
  EXPECT_EQ(PlacedSeqs(), (Seqs{1, 5, 6}));
}

TEST_F(FewThreadsTest, AndWhereThereIsOneMore) {
  bench.signals.threads_left = 3;
  ResolveOfThird(6, two);
  Handle(Freed(1));
  EXPECT_EQ(PlacedSeqs(), (Seqs{1, 5, 6}));
}

TEST_F(InTurnTest, WhereNoThreadIsLeftNobodyElseCouldBegin) {
  bench.signals.threads_left = 0;
  TaskPtr task = bench.Accept(6, bench.AddFunction("whole", 2000));
  task->root->tenant = 2;
  Handle(Resolved{std::move(task)});
  Block();
  EXPECT_EQ(PlacedSeqs(), (Seqs{1, 4}));
}

TEST_F(InTurnTest, WorkersAreNotThreads) {
  bench.signals.workers_left = 0;
  ResolveOf(5, 2);
  Block();
  EXPECT_EQ(PlacedSeqs(), (Seqs{1, 5}));
}

// The slots are leased to what waits for a thread, as its child does.
TEST_F(InTurnTest, WhereNoThreadIsLeftALargeRootNeedsNoSlotEither) {
  ResolveOf(5, 2);
  Block();
  BeLarge();
  bench.signals.threads_left = 0;
  bench.clock.Advance(milliseconds(2));
  stage.Tick(bench.now());
  EXPECT_EQ(PlacedSeqs(), (Seqs{1, 5, 4}));
}

// So it needs no turn, though another could begin in a worker, if there were a slot.
TEST_F(InTurnTest, NorATurn) {
  const FunctionId in_worker = bench.functions.Add("in_worker", [](std::uint32_t id) {
    return Function{.id = id, .name = "in_worker", .host = Host::kWorker, .shape = Cpu(2000)};
  });
  for (const std::uint64_t seq : {5, 6}) {
    TaskPtr task = bench.Accept(seq, in_worker);
    task->root->cls = TaskClass::kCritical;
    Handle(Resolved{std::move(task)});
  }
  bench.signals.threads_left = 0;
  Block();
  EXPECT_EQ(PlacedSeqs(), (Seqs{1, 5}));
  bench.clock.Advance(milliseconds(2));
  stage.Tick(bench.now());
  EXPECT_EQ(PlacedSeqs(), (Seqs{1, 5, 4}));
}

// It is not by chance which.
TEST_F(InPlaceTest, OfSeveralThatAreAwaitedTheFirstInOrderGoes) {
  for (const std::uint64_t seq : {1, 2, 3, 4}) {
    Resolve(seq, one);
    Handle(Lent(seq - 1, RunNotice::Kind::kBlocked, {Bench::kSession, 10 + seq}));
    bench.clock.Advance(microseconds(100));
  }
  ResolveOf(9, 1);
  for (const std::uint64_t seq : {3, 1, 4, 2}) OfFirst(10 + seq, two, seq - 1);
  Handle(Freed(4));
  EXPECT_EQ(PlacedSeqs(), (Seqs{1, 2, 3, 4, 9, 11}));
  for (std::size_t i = 5; i < 8; ++i) Handle(Freed(i));
  EXPECT_EQ(PlacedSeqs(), (Seqs{1, 2, 3, 4, 9, 11, 12, 13, 14}));
}

}  // namespace
}  // namespace spillgate::testing
