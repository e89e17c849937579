#include "stages/scheduling.h"

#include "core/embedded/no_peers.h"
#include "tests/stages/bench.h"

namespace spillgate::testing {
namespace {

using std::chrono::milliseconds;
using In = Scheduling::In;

class OnePeer final : public PeerLink {
 public:
  [[nodiscard]] bool HasPeers() const override { return there; }
  void Offer(const Task&, Instant) override {}
  bool there = false;
};

Resources Cpu(std::int64_t amount) {
  Resources resources;
  resources.amount[kCpu] = amount;
  return resources;
}

class SchedulingTest : public ::testing::Test {
 protected:
  static Shared& Limited(Bench& bench) {
    bench.limits.reserve_after = milliseconds(10);
    return bench.shared;
  }
  SchedulingTest()
      : stage(Limited(bench), peers, {.total = Cpu(2000), .names = {}},
              {.placed =
                   placed.emit([this](Placed&& e) { stage.Unplace(std::move(e), bench.now()); }),
               .spilled = spilled.emit([this](Spilled&& e) { stage.KeepSpilled(std::move(e)); }),
               .finished = finished.emit([this](Finished&& e) { stage.Keep(std::move(e)); })}) {}

  template <class... Events>
  void Handle(Events&&... events) {
    std::vector<In> batch = BatchOf<In>(std::forward<Events>(events)...);
    stage.Handle(batch, bench.now());
  }
  void Resolve(std::uint64_t seq, FunctionId function) {
    Handle(Resolved{bench.Accept(seq, function)});
  }
  // One that takes the whole node.
  void ResolveOf(std::uint64_t seq, TenantId tenant, TaskClass cls = TaskClass::kNormal) {
    TaskPtr task = bench.Accept(seq, two);
    task->root->tenant = tenant;
    task->cls = task->root->cls = cls;
    Handle(Resolved{std::move(task)});
  }
  // The lease of a placed task comes home, as execution sends it.
  [[nodiscard]] SlotFreed Freed(std::size_t i) {
    const Task& task = *placed.events[i].task;
    return {.held = *task.shape,
            .function = task.function,
            .root = task.root,
            .estimated = task.estimate,
            .cost = milliseconds(1)};
  }
  // So many one after the other, to their ends; the order in which they were placed.
  [[nodiscard]] std::vector<std::uint64_t> RunAll(std::size_t count) {
    for (std::size_t i = 0; i < count && i < placed.events.size(); ++i) Handle(Freed(i));
    std::vector<std::uint64_t> seqs = PlacedSeqs();
    seqs.resize(std::min(seqs.size(), count));
    return seqs;
  }
  [[nodiscard]] SlotLent Lent(std::size_t i, RunNotice::Kind kind, TaskId awaited = {}) {
    const Task& task = *placed.events[i].task;
    return {{kind, task.id, awaited}, *task.shape, task.function};
  }
  [[nodiscard]] std::vector<std::uint64_t> PlacedSeqs() const {
    std::vector<std::uint64_t> seqs;
    for (const Placed& event : placed.events) seqs.push_back(event.task->id.seq);
    return seqs;
  }
  using Seqs = std::vector<std::uint64_t>;

  Bench bench;
  const FunctionId one = bench.AddFunction("one", 1000);
  const FunctionId two = bench.AddFunction("two", 2000);
  const FunctionId huge = bench.AddFunction("huge", 3000);
  const FunctionId single = bench.AddFunction("single", 500, 1);
  const FunctionId nothing = bench.AddFunction("nothing", 0);
  OnePeer peers;
  Probe<Placed> placed;
  Probe<Spilled> spilled;
  Probe<Finished> finished;
  Scheduling stage;
};

TEST_F(SchedulingTest, PlacesWhatFitsAndTheRestWhenALeaseComesHome) {
  for (std::uint64_t seq = 1; seq <= 3; ++seq) Resolve(seq, one);
  EXPECT_EQ(PlacedSeqs(), (Seqs{1, 2}));
  EXPECT_EQ(stage.free(), Cpu(0));
  Handle(Freed(0));
  EXPECT_EQ(PlacedSeqs(), (Seqs{1, 2, 3}));
  Handle(Freed(1), Freed(2));
  EXPECT_EQ(stage.free(), Cpu(2000));
}

TEST_F(SchedulingTest, WhatFitsNowhereIsInfeasibleAndSaysWhatIsMissing) {
  Resolve(1, huge);
  ASSERT_EQ(finished.events.size(), 1U);
  EXPECT_EQ(finished.events[0].task->outcome.reason, Reason::kInfeasible);
  EXPECT_NE(finished.events[0].task->outcome.failure->message.find("cpu 3 of 2"),
            std::string::npos);
}

TEST_F(SchedulingTest, WhatFitsNowhereHereIsSpilledOnceAndThenInfeasible) {
  peers.there = true;
  Resolve(1, huge);
  ASSERT_EQ(spilled.events.size(), 1U);
  Handle(Returned{std::move(spilled.events[0].task)});
  ASSERT_EQ(finished.events.size(), 1U);
  EXPECT_EQ(finished.events[0].task->outcome.reason, Reason::kInfeasible);
  EXPECT_EQ(spilled.events.size(), 1U);
}

TEST_F(SchedulingTest, WhatSpilloverHasNoPlaceForIsOfferedAgainAndNeverReady) {
  peers.there = true;
  spilled.full = true;
  Resolve(1, huge);
  Resolve(2, huge);
  EXPECT_TRUE(stage.ready().empty());
  bench.MarkCancelled({Bench::kSession, 2});
  spilled.full = false;
  stage.Tick(bench.now());
  ASSERT_EQ(spilled.events.size(), 1U);
  EXPECT_EQ(spilled.events[0].task->id.seq, 1U);
  ASSERT_EQ(finished.events.size(), 1U);
  EXPECT_EQ(finished.events[0].task->outcome.fate, Fate::kCancelled);
}

TEST_F(SchedulingTest, SmallerTasksPassOneThatDoesNotFitForABoundedTime) {
  Resolve(1, one);
  Resolve(2, two);
  Resolve(3, one);
  EXPECT_EQ(PlacedSeqs(), (Seqs{1, 3})) << "3 passes 2, which does not fit";
  bench.clock.Advance(milliseconds(20));
  stage.Tick(bench.now());
  Resolve(4, one);
  Handle(Freed(0));
  EXPECT_EQ(PlacedSeqs(), (Seqs{1, 3})) << "room is kept for 2 now";
  Handle(Freed(1));
  EXPECT_EQ(PlacedSeqs(), (Seqs{1, 3, 2}));
}

TEST_F(SchedulingTest, TenantsShareTheNodeByTheirWorkWhateverEachAsksFor) {
  for (std::uint64_t seq = 1; seq <= 6; ++seq) ResolveOf(seq, 1);
  for (std::uint64_t seq = 11; seq <= 13; ++seq) ResolveOf(seq, 2);
  EXPECT_EQ(RunAll(9), (Seqs{1, 11, 2, 12, 3, 13, 4, 5, 6}));
}

TEST_F(SchedulingTest, ATenantOfTwiceTheWeightGetsTwiceTheWork) {
  const TenantId light = bench.tenants.Set("light", 1, 100);
  const TenantId heavy = bench.tenants.Set("heavy", 2, 100);
  stage.Tick(bench.now());  // reads the weights
  for (std::uint64_t seq = 1; seq <= 9; ++seq) ResolveOf(seq, light);
  for (std::uint64_t seq = 11; seq <= 19; ++seq) ResolveOf(seq, heavy);
  const Seqs order = RunAll(9);
  const auto heavy_ones =
      std::count_if(order.begin(), order.end(), [](auto seq) { return seq > 10; });
  EXPECT_EQ(heavy_ones, 6);
}

TEST_F(SchedulingTest, OfARunThatWasCutShortItIsLearnedThatWholeOnesTakeLonger) {
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

TEST_F(SchedulingTest, TheHigherClassGoesFirst) {
  ResolveOf(1, 1);
  ResolveOf(2, 1, TaskClass::kSheddable);
  ResolveOf(3, 1, TaskClass::kNormal);
  ResolveOf(4, 1, TaskClass::kCritical);
  EXPECT_EQ(RunAll(4), (Seqs{1, 4, 3, 2}));
}

TEST_F(SchedulingTest, AFunctionAtItsLimitWaitsAndHoldsUpNobody) {
  Resolve(1, single);
  Resolve(2, single);
  Resolve(3, one);
  EXPECT_EQ(PlacedSeqs(), (Seqs{1, 3}));
  Handle(Freed(0));
  EXPECT_EQ(PlacedSeqs(), (Seqs{1, 3, 2}));
}

TEST_F(SchedulingTest, ABlockedTaskLendsItsResourcesAndTheSlotOfItsFunction) {
  Resolve(1, single);
  Resolve(2, single);
  EXPECT_EQ(PlacedSeqs(), (Seqs{1}));
  Handle(Lent(0, RunNotice::Kind::kBlocked));
  EXPECT_EQ(PlacedSeqs(), (Seqs{1, 2}));
  Handle(Lent(0, RunNotice::Kind::kResumed));
  EXPECT_EQ(stage.free(), Cpu(1000));
  Handle(Freed(0), Freed(1));
  EXPECT_EQ(stage.free(), Cpu(2000));
  EXPECT_EQ(stage.ready().Running(single), 0U);
}

TEST_F(SchedulingTest, AnAwaitedChildRunsInThePlaceOfItsParentAheadOfOthers) {
  Resolve(1, two);
  Resolve(2, two);
  Resolve(3, two);
  Handle(Lent(0, RunNotice::Kind::kBlocked, {Bench::kSession, 3}));
  EXPECT_EQ(PlacedSeqs(), (Seqs{1, 3}));
  EXPECT_EQ(placed.events[1].nested_in, (TaskId{Bench::kSession, 1}));
}

TEST_F(SchedulingTest, AnAwaitedChildWaitsForASlotOfItsFunctionButNotForLong) {
  Resolve(1, one);
  Resolve(2, single);
  Resolve(3, single);
  Handle(Lent(0, RunNotice::Kind::kBlocked, {Bench::kSession, 3}));
  EXPECT_EQ(PlacedSeqs(), (Seqs{1, 2})) << "its function is at its limit";
  bench.clock.Advance(milliseconds(2));
  stage.Tick(bench.now());
  EXPECT_EQ(PlacedSeqs(), (Seqs{1, 2, 3})) << "only it can free the thread of its parent";
}

TEST_F(SchedulingTest, AResumedTaskTakesItsSlotBackWhetherOrNotItIsFree) {
  Resolve(1, two);
  Resolve(2, two);
  Handle(Lent(0, RunNotice::Kind::kBlocked));
  EXPECT_EQ(PlacedSeqs(), (Seqs{1, 2}));
  Handle(Lent(0, RunNotice::Kind::kResumed));
  EXPECT_EQ(stage.free(), Cpu(-2000));
  Resolve(3, one);
  EXPECT_EQ(PlacedSeqs(), (Seqs{1, 2})) << "nothing is free";
  Handle(Freed(0), Freed(1));
  EXPECT_EQ(PlacedSeqs(), (Seqs{1, 2, 3}));
}

TEST_F(SchedulingTest, WhatExecutionHasNoPlaceForIsReadyAgainWithItsLeaseFree) {
  placed.full = true;
  Resolve(1, two);
  EXPECT_EQ(stage.free(), Cpu(2000));
  EXPECT_EQ(stage.ready().size(), 1U);
  placed.full = false;
  Handle();
  EXPECT_EQ(PlacedSeqs(), (Seqs{1}));
}

TEST_F(SchedulingTest, ADoomedPlacementGivesItsLeaseBack) {
  Resolve(1, single);
  Placed event = std::move(placed.events[0]);
  bench.MarkCancelled(event.task->id);
  stage.DropPlaced(std::move(event));
  Handle();
  EXPECT_EQ(stage.free(), Cpu(2000));
  EXPECT_EQ(stage.ready().Running(single), 0U);
  ASSERT_EQ(finished.events.size(), 1U);
  EXPECT_EQ(finished.events[0].task->outcome.fate, Fate::kCancelled);
}

TEST_F(SchedulingTest, ACancelReachesWhatWaitsAndWhatItHasOvertaken) {
  Resolve(1, two);
  Resolve(2, two);
  Handle(CancelAsked{{Bench::kSession, 2}});
  ASSERT_EQ(finished.events.size(), 1U);
  TaskPtr overtaken = bench.Accept(3, two);
  bench.MarkCancelled(overtaken->id);
  Handle(CancelAsked{{Bench::kSession, 3}}, Resolved{std::move(overtaken)});
  ASSERT_EQ(finished.events.size(), 2U);
  EXPECT_EQ(finished.events[1].task->outcome.fate, Fate::kCancelled);
  EXPECT_TRUE(stage.ready().empty());
}

TEST_F(SchedulingTest, WhatCouldWaitAndDidIsCountedWithHowItEnded) {
  const SchedulingTally& tally = bench.tally.scheduling;
  const auto resolve = [&](std::uint64_t seq, Instant deadline) {
    TaskPtr task = bench.Accept(seq, two);
    task->root->patient = true;
    task->deadline = deadline;
    Handle(Resolved{std::move(task)});
  };
  resolve(1, kNever);
  for (const std::uint64_t seq : {2, 3}) resolve(seq, kNever);
  resolve(4, bench.now() + milliseconds(3));
  EXPECT_EQ(bench.account.At(TaskClass::kNormal).patient.get(), 3);
  bench.clock.Advance(milliseconds(2));
  Handle(Freed(0));
  bench.clock.Advance(milliseconds(2));
  stage.Tick(bench.now());
  Handle(CancelAsked{{Bench::kSession, 3}});
  EXPECT_EQ(tally.deferrals[SchedulingTally::kRun].get(), 1U) << "the first did not wait";
  EXPECT_EQ(tally.deferrals[SchedulingTally::kExpired].get(), 1U);
  EXPECT_EQ(tally.deferrals[SchedulingTally::kCancelled].get(), 1U);
  EXPECT_EQ(tally.deferred_for.sum_ns(), Nanos(milliseconds(2 + 4 + 4)).count());
  EXPECT_EQ(bench.account.At(TaskClass::kNormal).patient.get(), 0);
}

TEST_F(SchedulingTest, ADeadlinePassesWhileATaskWaits) {
  Resolve(1, two);
  TaskPtr due = bench.Accept(2, two);
  due->deadline = bench.now() + milliseconds(5);
  Handle(Resolved{std::move(due)});
  bench.clock.Advance(milliseconds(6));
  stage.Tick(bench.now());
  ASSERT_EQ(finished.events.size(), 1U);
  EXPECT_EQ(finished.events[0].task->outcome.fate, Fate::kExpired);
}

TEST_F(SchedulingTest, WhatIsOutOfReachOfItsDeadlineEndsThereAndSaysWhatItNeeds) {
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
}

TEST_F(SchedulingTest, EndedTasksThatCouldNotPassAreHandedOnAtTheNextTick) {
  finished.full = true;
  Resolve(1, huge);
  EXPECT_TRUE(finished.events.empty());
  finished.full = false;
  stage.Tick(bench.now());
  EXPECT_EQ(finished.events.size(), 1U);
}

TEST_F(SchedulingTest, FlushGivesUpWhatWaits) {
  Resolve(1, two);
  Resolve(2, two);
  stage.Flush(bench.now());
  ASSERT_EQ(finished.events.size(), 1U);
  EXPECT_EQ(finished.events[0].task->outcome.reason, Reason::kDrained);
}

}  // namespace
}  // namespace spillgate::testing
