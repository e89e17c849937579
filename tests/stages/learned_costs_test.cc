// What scheduling learns from runs that ended, and drops because of it.
#include "tests/stages/scheduling_bench.h"

namespace spillgate::testing {
namespace {

using std::chrono::milliseconds;

class LearnedCostsTest : public SchedulingBench {};

TEST_F(LearnedCostsTest, OfARunThatWasCutShortItIsLearnedThatWholeOnesTakeLonger) {
  const auto end = [&](std::uint64_t seq, Nanos cost, SlotFreed::Lesson lesson) {
    Resolve(seq, one);
    SlotFreed freed = Freed(placed.events.size() - 1);
    freed.cost = cost;
    freed.lesson = lesson;
    Handle(std::move(freed));
    return bench.costs.Estimate(one);
  };
  using Lesson = SlotFreed::Lesson;
  EXPECT_EQ(end(1, milliseconds(4), Lesson::kExact), milliseconds(4));
  EXPECT_EQ(end(2, milliseconds(0), Lesson::kNone), milliseconds(4));
  EXPECT_EQ(end(3, milliseconds(1), Lesson::kAtLeast), milliseconds(4));
  EXPECT_EQ(end(4, milliseconds(8), Lesson::kAtLeast), milliseconds(6));
}

TEST_F(LearnedCostsTest, WhatAClientSaysOfItHoldsUntilARunHasShownMore) {
  const auto end = [&](std::uint64_t seq, Nanos cost, SlotFreed::Lesson lesson) {
    Resolve(seq, one);
    SlotFreed freed = Freed(placed.events.size() - 1);
    freed.estimated = milliseconds(100);
    freed.cost = cost;
    freed.lesson = lesson;
    Handle(std::move(freed));
    return bench.costs.CountRuns(one);
  };
  using Lesson = SlotFreed::Lesson;
  EXPECT_EQ(end(1, milliseconds(1), Lesson::kAtLeast), 0U) << "it crashed, and says nothing";
  EXPECT_EQ(end(2, milliseconds(120), Lesson::kAtLeast), 1U) << "it takes longer than was said";
  EXPECT_EQ(bench.costs.Estimate(one), milliseconds(120));
}

TEST_F(LearnedCostsTest, WhatArgumentsOfASizeCostIsLearnedApart) {
  for (std::uint64_t seq = 1; seq <= 16; ++seq) {
    TaskPtr task = bench.Accept(seq, one);
    task->bytes = seq % 2 == 0 ? 1 << 20 : 600;
    Handle(Resolved{std::move(task)});
    SlotFreed freed = Freed(placed.events.size() - 1);
    freed.cost = freed.span = milliseconds(seq % 2 == 0 ? 30 : 1);
    Handle(std::move(freed));
  }
  EXPECT_EQ(bench.costs.Estimate({one, 600}), milliseconds(1));
  EXPECT_EQ(bench.costs.Estimate({one, 1 << 20}), milliseconds(30));
  EXPECT_LE(bench.costs.MedianSpan({one, 600}), milliseconds(1));
}

TEST_F(LearnedCostsTest, HowLongASlotIsTakenBesideTheRunIsLearnedWhileOthersWait) {
  Resolve(1, two);
  const auto end = [&] {
    SlotFreed freed = Freed(placed.events.size() - 1);
    freed.cost = 2 * milliseconds(1);
    freed.span = milliseconds(1);
    freed.since = bench.now();
    bench.clock.Advance(std::chrono::microseconds(1050));
    Handle(std::move(freed));
  };
  end();
  EXPECT_EQ(bench.costs.Takes(two), bench.costs.Estimate(two)) << "nobody waited";
  Resolve(2, two);
  Resolve(3, two);
  end();
  EXPECT_EQ(bench.costs.Takes(two) - bench.costs.Estimate(two), std::chrono::microseconds(100))
      << "of two slots";
}

TEST_F(LearnedCostsTest, WhatIsOutOfReachOfItsDeadlineEndsThereAndSaysWhatItNeeds) {
  const auto resolve = [&](std::uint64_t seq, Nanos left, RootPtr root = {}) {
    TaskPtr task = bench.Accept(seq, two);
    if (root) task->root = root;
    task->deadline = task->root->deadline = bench.now() + left;
    Handle(Resolved{std::move(task)});
  };
  Resolve(1, two);
  SlotFreed freed = Freed(0);
  freed.span = milliseconds(8);
  resolve(2, milliseconds(5));
  const RootPtr root = bench.Find({Bench::kSession, 2})->root;
  resolve(3, milliseconds(90));
  Handle(std::move(freed));
  EXPECT_EQ(PlacedSeqs(), (Seqs{1, 3}));
  ASSERT_EQ(finished.events.size(), 1U);
  const Outcome& outcome = finished.events[0].task->outcome;
  EXPECT_EQ(outcome.fate, Fate::kExpired);
  EXPECT_EQ(outcome.reason, Reason::kDeadline);
  EXPECT_EQ(outcome.failure->message,
            "out of reach: it needs about 7340us from its beginning to its end, and 5ms are left "
            "until its deadline");
  EXPECT_EQ(bench.account.At(TaskClass::kNormal).tasks.get(), 0);
  Handle(CancelAsked{{Bench::kSession, 2}});
  EXPECT_EQ(finished.events.size(), 1U) << "it is held no more";
  resolve(4, milliseconds(90), root);
  ASSERT_EQ(finished.events.size(), 2U);
  EXPECT_EQ(finished.events[1].task->outcome.failure->message,
            "dropped with its root, which is out of reach of its deadline");
  EXPECT_EQ(bench.tally.scheduling.out_of_reach.get(), 2U);
}

// For its tenant, as nobody knows the functions when such a root is opened.
TEST_F(LearnedCostsTest, HowLongTasksOfOpenRootsTakeIsLearnedOfWhatIsAsWasSaid) {
  using Lesson = SlotFreed::Lesson;
  const Resources cpu = Cpu(1000);
  const Resources gpu{.amount = {0, 1000}};
  RootPtr root;
  const auto run = [&](std::uint64_t seq, Nanos cost, Lesson lesson = Lesson::kExact,
                       bool child = false, const Resources& held = Cpu(1000)) {
    TaskPtr task = bench.Accept(seq, one);
    if (root) task->root = root;
    root = task->root;
    root->explicit_open = true;
    root->said_each = milliseconds(1);
    if (root->shape == nullptr) root->shape = &cpu;
    if (child) task->id.session |= kChildBit;
    Handle(Resolved{std::move(task)});
    SlotFreed freed = Freed(placed.events.size() - 1);
    freed.cost = cost;
    freed.lesson = lesson;
    freed.held = held;
    Handle(std::move(freed));
    const WorkAccount::Flow& flow = bench.account.At(TaskClass::kNormal, 0);
    return static_cast<double>(flow.open_root_times.Expect(milliseconds(1)).count()) / 1e6;
  };
  EXPECT_NEAR(run(1, milliseconds(4)), 4, 0.01);
  EXPECT_NEAR(run(2, milliseconds(3), Lesson::kAtLeast), 4, 0.01) << "it was cut short";
  EXPECT_NEAR(run(3, milliseconds(60), Lesson::kExact, true), 4, 0.01) << "nobody said that of it";
  EXPECT_NEAR(run(4, milliseconds(60), Lesson::kExact, false, gpu), 4, 0.01) << "it needs no CPU";
  root->shape = &gpu;
  EXPECT_NEAR(run(5, milliseconds(60)), 4, 0.01);
  EXPECT_NEAR(run(6, milliseconds(6), Lesson::kExact, false, gpu), 5, 0.01);
}

// Its tasks are alike, so that they say as much of others as one run does.
TEST_F(LearnedCostsTest, RunsInARowOfOneRootAreOneSample) {
  const Resources cpu = Cpu(1000);
  const auto run = [&](std::uint64_t seq, RootPtr root, std::uint64_t order, Nanos cost) {
    TaskPtr task = bench.Accept(seq, one);
    if (root) task->root = std::move(root);
    task->root->order = order;
    task->root->explicit_open = true;
    task->root->said_each = milliseconds(1);
    task->root->shape = &cpu;
    RootPtr of = task->root;
    Handle(Resolved{std::move(task)});
    SlotFreed freed = Freed(placed.events.size() - 1);
    freed.cost = cost;
    Handle(std::move(freed));
    return of;
  };
  run(1, {}, 1, milliseconds(2));
  const RootPtr large = run(2, {}, 2, milliseconds(6));
  for (std::uint64_t seq = 3; seq < 10; ++seq) run(seq, large, 2, milliseconds(6));
  EXPECT_EQ(bench.costs.Estimate(one), milliseconds(4));
  const WorkAccount::Flow& flow = bench.account.At(TaskClass::kNormal, 0);
  const Nanos each = flow.open_root_times.Expect(milliseconds(1));
  EXPECT_NEAR(static_cast<double>(each.count()), 4e6, 1e3);
}

// Where nothing was known of it, that it takes long says nothing of the other tasks of its graph.
TEST_F(LearnedCostsTest, HowARootFaresIsBesideWhatWasKnownOfItsFunctions) {
  RootPtr root;
  const auto run = [&](std::uint64_t seq, Nanos cost, SlotFreed::Lesson lesson) {
    TaskPtr task = bench.Accept(seq, one);
    if (root) task->root = root;
    root = task->root;
    Handle(Resolved{std::move(task)});
    SlotFreed freed = Freed(placed.events.size() - 1);
    freed.cost = cost;
    freed.lesson = lesson;
    Handle(std::move(freed));
    return std::pair(root->ready.foreseen, root->ready.took);
  };
  using Lesson = SlotFreed::Lesson;
  using Fares = std::pair<Nanos, Nanos>;
  EXPECT_EQ(run(1, milliseconds(500), Lesson::kExact), Fares(0, 0));
  EXPECT_EQ(run(2, milliseconds(900), Lesson::kExact), Fares(milliseconds(500), milliseconds(900)));
  EXPECT_EQ(run(3, milliseconds(800), Lesson::kAtLeast),
            Fares(milliseconds(500), milliseconds(900)))
      << "nobody knows how long it would have taken";
}

}  // namespace
}  // namespace spillgate::testing
