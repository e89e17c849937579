// What is expected of roots that begin like others, and for how long.
#include "stages/early_spawns.h"

#include <map>
#include <random>
#include <vector>

#include "core/model/work_promise.h"
#include "tests/stages/bench.h"

namespace spillgate::testing {
namespace {

using std::chrono::milliseconds;

class EarlySpawnsTest : public ::testing::Test {
 protected:
  EarlySpawnsTest() { bench.costs.Learn(function, milliseconds(2)); }
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
  void Spawn(const Task& parent, std::uint64_t seq, const Resources* shape = nullptr) {
    TaskPtr child = bench.Accept(seq, function);
    if (shape != nullptr) child->shape = shape;
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
  // One of which something is expected, as others like it have brought some.
  TaskPtr BeginExpected(std::uint64_t seq, Instant deadline) {
    for (int child = 0; child < 2; ++child) {
      bench.costs.LearnSpawn(function, milliseconds(2), bench.Takes(milliseconds(2)));
    }
    return Begin(seq, true, deadline);
  }
  void Promise(Root& root) {
    root.promise = std::make_unique<WorkPromise>(
        bench.account, WorkPromise::Of{.cls = root.cls, .tenant = root.tenant},
        bench.Takes(milliseconds(2)), 3);
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

// Or a root would wait for what it does not need, and others for it.
TEST_F(EarlySpawnsTest, WhatTheyTakeIsLearnedByResource) {
  static constexpr Resources kOnGpu{.amount = {0, 1000}};
  static constexpr Resources kOnAll{.amount = {2000, 1000}};
  const TaskPtr root = Begin(1);
  for (std::uint64_t seq = 2; seq < 6; ++seq) Spawn(*root, seq, &kOnGpu);
  for (std::uint64_t seq = 6; seq < 10; ++seq) Spawn(*root, seq);
  const TaskPtr next = Begin(100);
  const CostModel::Spawns spawns = bench.costs.SpawnsOf(function);
  EXPECT_EQ(spawns.tasks, 4U) << "eight, of two roots";
  EXPECT_EQ(spawns.each, milliseconds(2));
  EXPECT_EQ(Nanos(spawns.node_time[kCpu]), std::chrono::microseconds(500))
      << "half of them, on one of two";
  EXPECT_EQ(Nanos(spawns.node_time[kGpu]), milliseconds(1));
  EXPECT_EQ(spawns.node_time[kMemory], 0);
  for (std::uint64_t seq = 10; seq < 18; ++seq) Spawn(*root, seq, &kOnAll);
  const TaskPtr last = Begin(101);
  EXPECT_NEAR(static_cast<double>(bench.costs.SpawnsOf(function).node_time[kCpu]), 750'000, 10)
      << "of which the wide ones have two slots for a millisecond";
}

// Roots of other tenants begin with the same function.
TEST_F(EarlySpawnsTest, WhatAClientSaysOfAChildThatNeverRanIsNotLearned) {
  const FunctionId unknown = bench.AddFunction("unknown", 1000);
  const TaskPtr root = Begin(1);
  for (std::uint64_t seq = 2; seq < 12; ++seq) {
    TaskPtr child = bench.Accept(seq, unknown);
    child->root = root->root;
    child->parent = root->id;
    child->estimate = std::chrono::hours(1);
    early.Begins(*child, bench.now());
    children.push_back(std::move(child));
  }
  const TaskPtr next = Begin(100);
  EXPECT_EQ(bench.costs.SpawnsOf(function).tasks, 5U) << "ten, of two roots";
  EXPECT_EQ(bench.costs.SpawnsOf(function).each, CostModel::kPrior);
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

TEST_F(EarlySpawnsTest, ARootThatEndsBeforeItsTimeIsWaitedForNoMore) {
  Learn();
  const Instant far = bench.now() + std::chrono::hours(1);
  TaskPtr other = Begin(1, true, far);
  bench.Settle(Begin(2, true, far), Bench::Done("two"));
  early.Tick(bench.now());
  EXPECT_FALSE(early.empty()) << "the other one goes on";
  EXPECT_EQ(Promised(), 3);
  bench.Settle(std::move(other), Bench::Done("one"));
  early.Tick(bench.now());
  EXPECT_TRUE(early.empty()) << "the node may sleep";
}

TEST_F(EarlySpawnsTest, NorIsOneThatHasBroughtAllOfIt) {
  Learn();
  const TaskPtr root = Begin(1, true, bench.now() + std::chrono::hours(1));
  root->root->promise->Keep(3);
  early.Tick(bench.now());
  EXPECT_TRUE(early.empty());
}

// So many at a time, and whatever the order in which they end: the others keep their times.
TEST_F(EarlySpawnsTest, ThousandsThatHaveEndedLeaveInSomePasses) {
  Learn();
  std::mt19937_64 random(1);
  std::map<Instant, TaskPtr> others;
  std::vector<TaskPtr> ending;
  for (std::uint64_t seq = 1; seq <= 2000; ++seq) {
    const Nanos until = milliseconds(4000 + random() % 4'000'000);
    TaskPtr task = BeginExpected(seq, bench.now() + until);
    if (seq % 10 == 0) {
      others[task->root->ready.soon_until] = std::move(task);
    } else {
      ending.push_back(std::move(task));
    }
  }
  for (TaskPtr& task : ending) bench.Settle(std::move(task), Bench::Done("early"));
  for (std::size_t pass = 0; pass < 2 * 2000 / PromiseTimes::kLooks; ++pass)
    early.Tick(bench.now());
  std::int64_t left = 3 * static_cast<std::int64_t>(others.size());
  EXPECT_EQ(Promised(), left);
  for (const auto& [until, task] : others) {
    bench.clock.Advance(until - Nanos(1) - bench.now());
    early.Tick(bench.now());
    EXPECT_NE(task->root->promise, nullptr);
    bench.clock.Advance(Nanos(1));
    early.Tick(bench.now());
    EXPECT_EQ(task->root->promise, nullptr);
    EXPECT_EQ(Promised(), left -= 3);
  }
  EXPECT_TRUE(early.empty());
}

TEST_F(EarlySpawnsTest, WhenThereAreTooManyThoseThatHaveEndedGoFirst) {
  Learn();
  const TaskPtr urgent = Begin(1, true, bench.now() + std::chrono::seconds(4));
  const Instant far = bench.now() + std::chrono::hours(1);
  std::vector<TaskPtr> ending;
  for (std::uint64_t seq = 2; seq <= PromiseTimes::kMostRoots; ++seq) {
    ending.push_back(BeginExpected(seq, far));
  }
  for (TaskPtr& task : ending) bench.Settle(std::move(task), Bench::Done("early"));
  std::uint64_t seq = PromiseTimes::kMostRoots;
  for (std::size_t i = 0; i < PromiseTimes::kMostRoots; ++i) {
    bench.Settle(BeginExpected(++seq, far), Bench::Done("early"));
  }
  EXPECT_NE(urgent->root->promise, nullptr);
  EXPECT_EQ(Promised(), 3);
  bench.clock.Advance(std::chrono::seconds(2));
  early.Tick(bench.now());
  EXPECT_EQ(Promised(), 0) << "it had its place";
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
