// Scheduling: what a blocked task awaits, and would run in its place.
#include "tests/stages/scheduling_bench.h"

namespace spillgate::testing {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class InPlaceTest : public SchedulingBench {
 protected:
  explicit InPlaceTest(std::int64_t extra_threads = 8)
      : SchedulingBench(6, {.amount = {2000, 1000}}, extra_threads) {}

  // A task of the root of the one that was placed first.
  void OfFirst(std::uint64_t seq, FunctionId function, std::size_t first = 0) {
    TaskPtr task = bench.Accept(seq, function);
    task->root = placed.events[first].task->root;
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
  bench.signals.all_wait = true;
  stage.Tick(bench.now());
  EXPECT_EQ(PlacedSeqs(), (Seqs{1, 2, 3})) << "only it can free the thread of its parent";
}

// Those that run share the CPUs, and its parent had one.
TEST_F(InPlaceTest, AnAwaitedChildWaitsForACpuSlotButNotForLong) {
  Resolve(1, two);
  Resolve(2, two);
  Handle(Lent(0, RunNotice::Kind::kBlocked, {Bench::kSession, 3}));
  EXPECT_EQ(PlacedSeqs(), (Seqs{1, 2})) << "the child is not here yet";
  Resolve(3, one);
  EXPECT_EQ(PlacedSeqs(), (Seqs{1, 2}));
  bench.clock.Advance(milliseconds(2));
  stage.Tick(bench.now());
  EXPECT_EQ(PlacedSeqs(), (Seqs{1, 2, 3}));
  EXPECT_EQ(stage.free().amount[kCpu], -1000);
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
  explicit InTurnTest(std::int64_t extra_threads = 8) : InPlaceTest(extra_threads) {
    Resolve(1, two);
    for (const std::uint64_t seq : {2, 3, 4}) OfFirst(seq, two);
  }
  void Block() { Handle(Lent(0, RunNotice::Kind::kBlocked, {Bench::kSession, 4})); }
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
  ResolveOf(5, 2, TaskClass::kCritical);
  ResolveOf(6, 2, TaskClass::kCritical);
  Block();
  bench.clock.Advance(milliseconds(2));
  stage.Tick(bench.now());
  EXPECT_EQ(PlacedSeqs(), (Seqs{1, 5}));
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
TEST_F(InTurnTest, OthersThatNeverWaitHaveTheirTurn) {
  TaskPtr task = bench.Accept(5, bench.AddFunction("whole", 2000));
  task->root->tenant = 2;
  Handle(Resolved{std::move(task)});
  Block();
  EXPECT_EQ(PlacedSeqs(), (Seqs{1, 5}));
}

TEST_F(InTurnTest, OthersThatMayWaitTakeNoThreadWhileAChildNeedsNone) {
  ResolveOf(5, 2);
  Block();
  EXPECT_EQ(PlacedSeqs(), (Seqs{1, 4}));
}

TEST_F(InTurnTest, ButForALargeRootTheyDo) {
  ResolveOf(5, 2);
  BeLarge();
  Block();
  EXPECT_EQ(PlacedSeqs(), (Seqs{1, 5}));
}

class FewThreadsTest : public InTurnTest {
 protected:
  FewThreadsTest() : InTurnTest(2) {}
};

TEST_F(FewThreadsTest, WhereFewAreLeftTheChildGoesFirst) {
  ResolveOf(5, 2);
  BeLarge();
  Block();
  EXPECT_EQ(PlacedSeqs(), (Seqs{1, 4}));
}

class ThreadForOneTest : public InTurnTest {
 protected:
  ThreadForOneTest() : InTurnTest(3) {}
};

TEST_F(ThreadForOneTest, WhatGoesOnWaitsWithItsThreadNoMore) {
  Handle(Lent(0, RunNotice::Kind::kBlocked));
  ASSERT_EQ(PlacedSeqs(), (Seqs{1, 2}));
  Handle(Lent(0, RunNotice::Kind::kResumed));
  Handle(Freed(1));
  ResolveOf(5, 2);
  BeLarge();
  Block();
  EXPECT_EQ(PlacedSeqs(), (Seqs{1, 2, 5}));
}

}  // namespace
}  // namespace spillgate::testing
