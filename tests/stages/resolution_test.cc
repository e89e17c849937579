#include "stages/resolution.h"

#include "tests/stages/bench.h"

namespace spillgate::testing {
namespace {

using std::chrono::milliseconds;
using In = Resolution::In;

class ResolutionTest : public ::testing::Test {
 protected:
  ResolutionTest()
      : stage(bench.shared,
              {.resolved = resolved.emit([this](Resolved&& e) { stage.Keep(std::move(e), false); }),
               .unparked = unparked.emit([this](Resolved&& e) { stage.Keep(std::move(e), true); }),
               .finished = finished.emit(),
               .finished_parked = finished_parked.emit(),
               .parked = flow::Departure(nullptr)}) {
    bench.limits.park = 2;
    bench.limits.park_bytes = 1 << 20;
    bench.limits.park_ttl = milliseconds(50);
  }

  // By whatever way they leave, the work of those that are parked is counted exactly once.
  void TearDown() override {
    stage.Flush(bench.now());
    EXPECT_EQ(bench.account.At(TaskClass::kNormal).parked[0].get(), 0);
    EXPECT_EQ(bench.account.At(TaskClass::kNormal, 0).parked[0].get(), 0);
  }

  template <class... Events>
  void Handle(Events&&... events) {
    std::vector<In> batch = BatchOf<In>(std::forward<Events>(events)...);
    stage.Handle(batch, bench.now());
  }
  [[nodiscard]] ObjectId Object(std::uint64_t seq, std::uint32_t index = 0) const {
    return {{Bench::kSession, seq}, index};
  }

  Bench bench;
  const FunctionId function = bench.AddFunction("f", 1000);
  Probe<Resolved> resolved;
  Probe<Resolved> unparked;
  Probe<Finished> finished;
  Probe<Finished> finished_parked;
  Resolution stage;
};

TEST_F(ResolutionTest, WhatNeedsNothingPassesAtOnce) {
  Handle(Accepted{bench.Accept(1, function)});
  ASSERT_EQ(resolved.events.size(), 1U);
  EXPECT_TRUE(stage.Idle());
}

TEST_F(ResolutionTest, ATaskPassesWhenItsLastArgumentIsHereAndGetsTheValues) {
  TaskPtr first = bench.Accept(1, function);
  TaskPtr second = bench.Accept(2, function);
  Handle(Accepted{bench.Accept(3, function, {Object(1), Object(2), Object(1)})});
  EXPECT_EQ(stage.park().size(), 1U);
  EXPECT_EQ(bench.signals.stuck.load(), 1);
  EXPECT_GT(bench.account.At(TaskClass::kNormal).parked[0].get(), 0);
  EXPECT_EQ(bench.tally.resolution.parked.get(), 1U);
  EXPECT_TRUE(first->record->wanted && second->record->wanted) << "or nobody would tell";

  bench.Settle(std::move(first), Bench::Done("one"));
  Handle(ObjectReady{{Bench::kSession, 1}});
  EXPECT_TRUE(unparked.events.empty());
  bench.Settle(std::move(second), Bench::Done("two"));
  Handle(ObjectReady{{Bench::kSession, 2}});
  ASSERT_EQ(unparked.events.size(), 1U);
  const Task& task = *unparked.events[0].task;
  EXPECT_EQ(AsText(task.objects[0].view()), "one");
  EXPECT_EQ(AsText(task.objects[1].view()), "two");
  EXPECT_EQ(AsText(task.objects[2].view()), "one");
  EXPECT_EQ(bench.signals.stuck.load(), 0);
  EXPECT_TRUE(stage.Idle());
}

TEST_F(ResolutionTest, AFailedArgumentFailsTheTaskAndNamesTheFirstFailure) {
  bench.Settle(bench.Accept(1, function), Bench::Failed(Reason::kTaskError));
  bench.Settle(bench.Accept(2, function),
               Bench::Failed(Reason::kDependencyFailed, {Bench::kSession, 1}));
  Handle(Accepted{bench.Accept(3, function, {Object(2)})});
  ASSERT_EQ(finished.events.size(), 1U);
  const Outcome& outcome = finished.events[0].task->outcome;
  EXPECT_EQ(outcome.reason, Reason::kDependencyFailed);
  EXPECT_EQ(outcome.failure->root_cause, (TaskId{Bench::kSession, 1}));
}

TEST_F(ResolutionTest, AParkedTaskFailsWithItsArgument) {
  TaskPtr argument = bench.Accept(1, function);
  Handle(Accepted{bench.Accept(2, function, {Object(1)})});
  bench.Settle(std::move(argument), Bench::Failed(Reason::kCancelled));
  Handle(ObjectReady{{Bench::kSession, 1}});
  ASSERT_EQ(finished_parked.events.size(), 1U);
  EXPECT_EQ(finished_parked.events[0].task->outcome.failure->root_cause,
            (TaskId{Bench::kSession, 1}));
}

TEST_F(ResolutionTest, AnArgumentThatNobodyHasAndAReturnThatIsNotThereFailAtOnce) {
  bench.Settle(bench.Accept(1, function), Bench::Done("one"));
  Handle(Accepted{bench.Accept(2, function, {Object(99)})},
         Accepted{bench.Accept(3, function, {Object(1, 1)})});
  ASSERT_EQ(finished.events.size(), 2U);
  for (const Finished& event : finished.events) {
    EXPECT_EQ(event.task->outcome.reason, Reason::kDependencyFailed);
  }
}

TEST_F(ResolutionTest, ACancelReachesWhatIsParkedAndWhatItHasOvertaken) {
  TaskPtr argument = bench.Accept(1, function);
  Handle(Accepted{bench.Accept(2, function, {Object(1)})});
  bench.MarkCancelled({Bench::kSession, 2});
  Handle(CancelAsked{{Bench::kSession, 2}});
  ASSERT_EQ(finished_parked.events.size(), 1U);
  EXPECT_EQ(finished_parked.events[0].task->outcome.fate, Fate::kCancelled);

  TaskPtr overtaken = bench.Accept(3, function, {Object(1)});
  bench.MarkCancelled({Bench::kSession, 3});
  Handle(CancelAsked{{Bench::kSession, 3}}, Accepted{std::move(overtaken)});
  ASSERT_EQ(finished.events.size(), 1U);
  EXPECT_EQ(finished.events[0].task->outcome.fate, Fate::kCancelled);
  EXPECT_EQ(bench.signals.stuck.load(), 0);
}

TEST_F(ResolutionTest, AStayInTheParkEndsByDeadlineOrByItsTimeToLive) {
  TaskPtr argument = bench.Accept(1, function);
  TaskPtr due = bench.Accept(2, function, {Object(1)});
  due->deadline = bench.now() + milliseconds(10);
  Handle(Accepted{std::move(due)}, Accepted{bench.Accept(3, function, {Object(1)})});
  bench.clock.Advance(milliseconds(11));
  stage.Tick(bench.now());
  ASSERT_EQ(finished_parked.events.size(), 1U);
  EXPECT_EQ(finished_parked.events[0].task->outcome.fate, Fate::kExpired);
  bench.clock.Advance(milliseconds(40));
  stage.Tick(bench.now());
  ASSERT_EQ(finished_parked.events.size(), 2U);
  EXPECT_EQ(finished_parked.events[1].task->outcome.reason, Reason::kParkTimeout);
}

TEST_F(ResolutionTest, AStayCountsWithItsAgeAndHowItEnded) {
  TaskPtr first = bench.Accept(1, function);
  TaskPtr second = bench.Accept(2, function);
  TaskPtr third = bench.Accept(3, function);
  TaskPtr due = bench.Accept(14, function, {Object(3)});
  due->deadline = bench.now() + milliseconds(6);
  Handle(Accepted{bench.Accept(11, function, {Object(1)})},
         Accepted{bench.Accept(12, function, {Object(2)})},
         Accepted{bench.Accept(13, function, {Object(2)})}, Accepted{std::move(due)});
  bench.clock.Advance(milliseconds(2));
  bench.Settle(std::move(first), Bench::Done("one"));
  Handle(ObjectReady{{Bench::kSession, 1}});
  bench.clock.Advance(milliseconds(1));
  bench.MarkCancelled({Bench::kSession, 12});
  Handle(CancelAsked{{Bench::kSession, 12}});
  bench.clock.Advance(milliseconds(1));
  bench.Settle(std::move(second), Bench::Failed(Reason::kCancelled));
  Handle(Accepted{bench.Accept(15, function, {Object(3)})}, ObjectReady{{Bench::kSession, 2}});
  bench.Settle(std::move(third), Bench::Failed(Reason::kCancelled));
  bench.clock.Advance(milliseconds(3));
  stage.Tick(bench.now());
  Handle(Accepted{bench.Accept(16, function, {Object(1)})});
  const DeferralTally& deferrals = bench.tally.resolution.deferrals;
  for (const auto how : {DeferralTally::kRun, DeferralTally::kExpired, DeferralTally::kCancelled,
                         DeferralTally::kFailed}) {
    EXPECT_EQ(deferrals.outcomes[how].get(), 1U) << int{how};
  }
  EXPECT_EQ(deferrals.ages.sum_ns(), Nanos(milliseconds(2 + 3 + 4 + 7)).count());
}

TEST_F(ResolutionTest, WithoutRoomInTheParkATaskWaitsCountsAsStuckAndGoesOn) {
  TaskPtr argument = bench.Accept(1, function);
  for (std::uint64_t seq = 2; seq <= 5; ++seq) {
    Handle(Accepted{bench.Accept(seq, function, {Object(1)})});
  }
  EXPECT_EQ(stage.park().size(), 2U);
  EXPECT_EQ(bench.signals.stuck.load(), 4);
  bench.MarkCancelled({Bench::kSession, 5});
  Handle(CancelAsked{{Bench::kSession, 5}});
  EXPECT_EQ(bench.signals.stuck.load(), 3);
  bench.Settle(std::move(argument), Bench::Done("one"));
  Handle(ObjectReady{{Bench::kSession, 1}});
  stage.Tick(bench.now());
  EXPECT_EQ(unparked.events.size(), 2U);
  EXPECT_EQ(resolved.events.size(), 1U);
  EXPECT_EQ(bench.signals.stuck.load(), 0);
}

class ResolutionBytesTest : public ResolutionTest {
 protected:
  ResolutionBytesTest() {
    bench.limits.park = 100;
    bench.limits.park_bytes = 1000;
    bench.limits.park_ttl = std::chrono::hours(1);
  }
  [[nodiscard]] Accepted Of600Bytes(std::uint64_t seq, std::uint64_t argument) {
    TaskPtr task = bench.Accept(seq, function, {Object(argument)});
    task->bytes = 600;
    return {std::move(task)};
  }
};

TEST_F(ResolutionBytesTest, TheParkIsBoundedInBytesAndWhatLeavesItMakesRoom) {
  TaskPtr first = bench.Accept(1, function);
  TaskPtr second = bench.Accept(2, function);
  Handle(Of600Bytes(3, 1), Of600Bytes(4, 2));
  EXPECT_EQ(stage.park().size(), 1U);
  EXPECT_EQ(stage.park().bytes(), 600U);
  bench.Settle(std::move(first), Bench::Done("one"));
  Handle(ObjectReady{{Bench::kSession, 1}});
  stage.Tick(bench.now());
  EXPECT_EQ(stage.park().size(), 1U) << "the other one has its place now";
  EXPECT_EQ(stage.park().bytes(), 600U);
  bench.Settle(std::move(second), Bench::Done("two"));
  Handle(ObjectReady{{Bench::kSession, 2}});
  EXPECT_EQ(unparked.events.size(), 2U);
  EXPECT_EQ(stage.park().bytes(), 0U);
}

TEST_F(ResolutionBytesTest, WhoIsAtTheGateIsLetInInOrder) {
  TaskPtr first = bench.Accept(1, function);
  TaskPtr second = bench.Accept(2, function);
  TaskPtr small = bench.Accept(5, function, {Object(2)});
  small->bytes = 1;
  Handle(Of600Bytes(3, 1), Of600Bytes(4, 2), Accepted{std::move(small)});
  EXPECT_EQ(stage.park().bytes(), 600U) << "the small one does not pass the one before it";
  EXPECT_EQ(stage.park().at_gate(), 2U);
  EXPECT_EQ(bench.tally.resolution.parked.get(), 1U);
  bench.Settle(std::move(first), Bench::Done("one"));
  Handle(ObjectReady{{Bench::kSession, 1}});
  EXPECT_EQ(stage.park().bytes(), 601U);
  EXPECT_EQ(stage.park().at_gate(), 0U);
  EXPECT_EQ(bench.tally.resolution.parked.get(), 3U);
}

TEST_F(ResolutionBytesTest, WhatIsLargerThanTheParkGetsInWhenItIsEmpty) {
  TaskPtr argument = bench.Accept(1, function);
  Accepted large = Of600Bytes(2, 1);
  large.task->bytes = 5000;
  Handle(std::move(large), Of600Bytes(3, 1));
  EXPECT_EQ(stage.park().bytes(), 5000U);
  EXPECT_EQ(stage.park().at_gate(), 1U);
}

TEST_F(ResolutionBytesTest, AStayAtTheGateEndsTooAndWithItsPlaceInTheStage) {
  TaskPtr argument = bench.Accept(1, function);
  Accepted hurried = Of600Bytes(3, 1);
  hurried.task->deadline = bench.now() + milliseconds(5);
  Handle(Of600Bytes(2, 1), std::move(hurried));
  ASSERT_EQ(stage.park().at_gate(), 1U);
  bench.clock.Advance(milliseconds(6));
  stage.Tick(bench.now());
  EXPECT_EQ(stage.park().at_gate(), 0U);
  EXPECT_TRUE(finished_parked.events.empty());
  ASSERT_EQ(finished.events.size(), 1U);
  EXPECT_EQ(finished.events[0].task->outcome.fate, Fate::kExpired);
}

TEST_F(ResolutionTest, WhatMayNotPassIsHeldAndPassesLaterOrIsDropped) {
  resolved.full = true;
  Handle(Accepted{bench.Accept(1, function)}, Accepted{bench.Accept(2, function)});
  EXPECT_TRUE(resolved.events.empty());
  bench.MarkCancelled({Bench::kSession, 2});
  resolved.full = false;
  stage.Tick(bench.now());
  ASSERT_EQ(resolved.events.size(), 1U);
  EXPECT_EQ(resolved.events[0].task->id.seq, 1U);
  ASSERT_EQ(finished.events.size(), 1U);
  EXPECT_EQ(finished.events[0].task->outcome.fate, Fate::kCancelled);
}

TEST_F(ResolutionTest, WhatLeftTheParkAndCouldNotPassKeepsTheStageAwake) {
  TaskPtr argument = bench.Accept(1, function);
  Handle(Accepted{bench.Accept(2, function, {Object(1)})});
  unparked.full = true;
  bench.Settle(std::move(argument), Bench::Done("one"));
  Handle(ObjectReady{{Bench::kSession, 1}});
  EXPECT_EQ(stage.park().size(), 0U);
  EXPECT_FALSE(stage.Idle());
  unparked.full = false;
  stage.Tick(bench.now());
  EXPECT_EQ(unparked.events.size(), 1U);
  EXPECT_TRUE(stage.Idle());
}

TEST_F(ResolutionTest, TheLongestChainOfARootIsKnownUntilOneOfItsTasksGoesAnotherWay) {
  for (int i = 0; i < 4; ++i) bench.costs.LearnSpan(function, milliseconds(8));
  const std::int64_t span = bench.costs.MedianSpan(function).count();
  TaskPtr first = bench.Accept(1, function);
  const RootPtr root = first->root;
  root->deadline = bench.now() + milliseconds(500);
  TaskPtr other = bench.Accept(9, function);  // of another root
  const auto add = [&](std::uint64_t seq, const std::vector<ObjectId>& args) {
    TaskPtr task = bench.Accept(seq, function, args);
    task->root = task->record->root = root;
    task->deadline = root->deadline;
    task->record->function = function;
    Handle(Accepted{std::move(task)});
    return root->path_ns.load() / span;
  };
  bench.limits.park = 10;
  first->record->function = function;
  EXPECT_EQ(add(2, {Object(1)}), 2);
  EXPECT_EQ(add(3, {Object(1), Object(9)}), 2);
  EXPECT_EQ(add(4, {Object(3), Object(1)}), 3);
  EXPECT_EQ(add(5, {Object(9)}), 3) << "what is of another root may have begun";
  Handle(CancelAsked{{Bench::kSession, 4}});
  EXPECT_EQ(root->path_ns.load(), 0);
  EXPECT_EQ(add(6, {Object(2)}), 3);
}

TEST_F(ResolutionTest, FlushGivesUpWhatIsHeld) {
  TaskPtr argument = bench.Accept(1, function);
  for (std::uint64_t seq = 2; seq <= 4; ++seq) {
    Handle(Accepted{bench.Accept(seq, function, {Object(1)})});
  }
  stage.Flush(bench.now());
  ASSERT_EQ(finished_parked.events.size(), 2U);
  ASSERT_EQ(finished.events.size(), 1U);
  EXPECT_EQ(finished.events[0].task->outcome.reason, Reason::kDrained);
  EXPECT_EQ(bench.signals.stuck.load(), 0);
}

}  // namespace
}  // namespace spillgate::testing
