// What is expected of roots that begin like others, and for how long.
#include "stages/early_spawns.h"

#include "core/model/work_promise.h"
#include "tests/stages/bench.h"

namespace spillgate::testing {
namespace {

using std::chrono::milliseconds;

class EarlySpawnsTest : public ::testing::Test {
 protected:
  // A root's own task, which runs.
  TaskPtr Begin(std::uint64_t seq, bool promises = false, Instant deadline = kNever) {
    TaskPtr task = bench.Accept(seq, function);
    task->root->id = task->id;
    task->root->function = function;
    task->root->deadline = deadline;
    if (promises) Promise(*task->root);
    early.Begins(*task, bench.now());
    return task;
  }
  void Spawn(const Task& parent, std::uint64_t seq) {
    TaskPtr child = bench.Accept(seq, function);
    child->root = parent.root;
    child->parent = parent.id;
    child->estimate = milliseconds(2);
    early.Begins(*child, bench.now());
    early.Begins(*child, bench.now());  // placed again
    children.push_back(std::move(child));
  }
  // That roots of this function bring some.
  void Learn() {
    const TaskPtr root = Begin(1'000'000);
    for (std::uint64_t i = 1; i < 12; ++i) Spawn(*root, 1'000'000 + i);
  }
  void Promise(Root& root) {
    static const Resources kOne{.amount = {kOneSlot}};
    const WorkAccount::Needs needs(kOne, bench.account.total());
    root.promise = std::make_unique<WorkPromise>(
        bench.account, WorkPromise::Of{.cls = root.cls, .tenant = root.tenant}, needs,
        milliseconds(2), 3);
  }
  [[nodiscard]] std::int64_t Promised() const { return bench.account.Promised(); }

  Bench bench;
  const FunctionId function = bench.AddFunction("f", 1000);
  EarlySpawns early{bench.shared};
  std::vector<TaskPtr> children;
};

TEST_F(EarlySpawnsTest, EachCountsOnceAndOnlyInTheFirstSecond) {
  const TaskPtr root = Begin(1);
  for (std::uint64_t seq = 2; seq < 5; ++seq) Spawn(*root, seq);
  bench.clock.Advance(EarlySpawns::kSoon + milliseconds(1));
  for (std::uint64_t seq = 5; seq < 50; ++seq) Spawn(*root, seq);
  const TaskPtr next = Begin(100);
  EXPECT_EQ(bench.costs.SpawnsOf(function).tasks, 1U) << "three, of two roots";
  EXPECT_EQ(bench.costs.SpawnsOf(function).each, milliseconds(2));
}

TEST_F(EarlySpawnsTest, ForOneThatHasLongUntilItsDeadlineSoonIsHalfOfThat) {
  TaskPtr task = bench.Accept(1, function);
  task->root->id = task->id;
  task->root->function = function;
  task->root->deadline = bench.now() + std::chrono::seconds(20);
  early.Begins(*task, bench.now());
  bench.clock.Advance(std::chrono::seconds(9));
  for (std::uint64_t seq = 2; seq < 6; ++seq) Spawn(*task, seq);
  bench.clock.Advance(std::chrono::seconds(2));
  for (std::uint64_t seq = 6; seq < 50; ++seq) Spawn(*task, seq);
  const TaskPtr next = Begin(100);
  EXPECT_EQ(bench.costs.SpawnsOf(function).tasks, 2U) << "four, of two roots";
}

TEST_F(EarlySpawnsTest, WhatHasNotComeByThenIsExpectedNoMore) {
  const TaskPtr first = Begin(1);
  for (std::uint64_t seq = 2; seq < 8; ++seq) Spawn(*first, seq);
  const TaskPtr root = Begin(10, true);
  ASSERT_GT(bench.costs.SpawnsOf(function).tasks, 0U);
  EXPECT_EQ(Promised(), 3);
  bench.clock.Advance(EarlySpawns::kSoon - milliseconds(1));
  early.Tick(bench.now());
  EXPECT_EQ(Promised(), 3);
  EXPECT_FALSE(early.empty());
  bench.clock.Advance(milliseconds(1));
  early.Tick(bench.now());
  EXPECT_EQ(Promised(), 0);
  EXPECT_TRUE(early.empty()) << "the node may sleep";
}

TEST_F(EarlySpawnsTest, WhoHasLongDoesNotKeepThoseBehindItFromBeingLetGoOf) {
  Learn();
  const TaskPtr patient = Begin(1, true, bench.now() + std::chrono::seconds(60));
  const TaskPtr other = Begin(2, true);
  EXPECT_EQ(Promised(), 6);
  bench.clock.Advance(EarlySpawns::kSoon);
  early.Tick(bench.now());
  EXPECT_EQ(Promised(), 3);
  EXPECT_EQ(other->root->promise, nullptr);
  bench.clock.Advance(std::chrono::seconds(29));
  early.Tick(bench.now());
  EXPECT_TRUE(early.empty());
}

TEST_F(EarlySpawnsTest, WhereNothingIsPromisedThereIsNothingToLetGoOf) {
  Learn();
  const TaskPtr root = Begin(10);
  ASSERT_GT(bench.costs.SpawnsOf(function).tasks, 0U);
  EXPECT_TRUE(early.empty());
}

TEST_F(EarlySpawnsTest, BeyondSoManyTheFirstToEndAreLetGoOfManyAtOnce) {
  Learn();
  std::vector<TaskPtr> roots;
  for (std::size_t i = 0; i < PromiseTimes::kMostRoots; ++i) {
    roots.push_back(Begin(i + 1, true));
    for (std::uint64_t child = 1; child < 4; ++child) {
      Spawn(*roots.back(), 1'100'000 + 3 * i + child);
    }
    bench.clock.Advance(Nanos(1));
  }
  const auto all = static_cast<std::int64_t>(PromiseTimes::kMostRoots * 3);
  EXPECT_EQ(Promised(), all);
  roots.push_back(Begin(roots.size() + 1, true));
  EXPECT_EQ(Promised(), all + 3 - static_cast<std::int64_t>(PromiseTimes::kAtOnce * 3));
  EXPECT_EQ(roots[PromiseTimes::kAtOnce - 1]->root->promise, nullptr);
  EXPECT_NE(roots[PromiseTimes::kAtOnce]->root->promise, nullptr);
  const std::int64_t before = Promised();
  for (std::size_t i = 1; i < PromiseTimes::kAtOnce; ++i) {
    roots.push_back(Begin(roots.size() + 1, true));
  }
  EXPECT_EQ(Promised(), before + static_cast<std::int64_t>(PromiseTimes::kAtOnce - 1) * 3);
}

}  // namespace
}  // namespace spillgate::testing
