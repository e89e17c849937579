#include "tests/stages/publication_bench.h"

namespace spillgate::testing {
namespace {

using std::chrono::milliseconds;

class PublicationTest : public PublicationBench {
 protected:
  void Get(const std::vector<std::uint64_t>& seqs, std::uint64_t timeout_us,
           std::uint32_t correlation = 1) {
    const std::vector<wire::ObjectName> names = Names(seqs);
    Ask(wire::Get{.ids = names, .timeout_us = timeout_us}, correlation);
  }
  void Wait(const std::vector<std::uint64_t>& seqs, std::uint32_t needed,
            std::uint64_t timeout_us) {
    const std::vector<wire::ObjectName> names = Names(seqs);
    Ask(wire::Wait{.ids = names, .needed = needed, .timeout_us = timeout_us}, 2);
  }
  void Cancel(TaskId id, std::uint32_t correlation = 3) {
    Ask(wire::Cancel{.ids = {&id, 1}}, correlation);
  }
  void Release(std::uint64_t first, std::uint64_t count, SessionId session = Bench::kSession) {
    const wire::Range range{.first = {Bench::kSession, first}, .count = count};
    Ask(wire::Release{.ranges = {&range, 1}}, 4, session);
  }
  static std::vector<wire::ObjectName> Names(const std::vector<std::uint64_t>& seqs) {
    std::vector<wire::ObjectName> names;
    for (const std::uint64_t seq : seqs) names.push_back({.task = {Bench::kSession, seq}});
    return names;
  }

  static constexpr std::uint64_t kLong = wire::kMostTime;
  Answered& answered = bench.answered;
};

TEST_F(PublicationTest, APlaceComesHomeToWhereItWasTaken) {
  TaskPtr spawned = bench.Accept(2, function);
  spawned->from_reserve = true;
  bench.signals.room_wanted = true;
  Handle(End(bench.Accept(1, function), Bench::Done("one")),
         End(std::move(spawned), Bench::Done("two")));
  EXPECT_EQ(bench.in_flight.count(), 0);
  EXPECT_EQ(bench.in_flight.bytes(), 0);
  EXPECT_EQ(bench.spawn_reserve.count(), 0);
  EXPECT_EQ(bench.spawn_reserve.bytes(), 0);
  EXPECT_EQ(inbox.credits().count(), 0);
  EXPECT_EQ(room.events.size(), 1U);
  EXPECT_FALSE(bench.signals.room_wanted);
}

TEST_F(PublicationTest, AGetIsAnsweredNowOrWhenTheTaskEnds) {
  TaskPtr task = bench.Accept(2, function);
  Publish(bench.Accept(1, function), Bench::Done("one"));
  Get({1, 2}, kLong);
  ASSERT_EQ(answered.results.size(), 1U);
  EXPECT_EQ(answered.results[0].bytes, "one");
  Publish(std::move(task), Bench::Failed(Reason::kTaskError));
  ASSERT_EQ(answered.results.size(), 2U);
  EXPECT_EQ(answered.results[1].head.fate, Fate::kFailed);
  EXPECT_EQ(answered.results[1].head.correlation, 1U);
  EXPECT_EQ(bench.requests.count(), 0);
}

TEST_F(PublicationTest, AGetSaysWhyThereIsNoResult) {
  TaskPtr task = bench.Accept(1, function);
  Publish(bench.Accept(2, function), Bench::Done("two"));
  Release(2, 1);
  Get({1, 2, 99}, 0);
  ASSERT_EQ(answered.results.size(), 3U);
  EXPECT_EQ(answered.results[0].head.reason, Reason::kTimeout);
  EXPECT_EQ(answered.results[1].head.reason, Reason::kReleased);
  EXPECT_EQ(answered.results[2].head.reason, Reason::kNotFound);
}

TEST_F(PublicationTest, AGetThatTimesOutIsAnsweredAtTheTickAfterAndKeepsTheStageAwake) {
  TaskPtr task = bench.Accept(1, function);
  EXPECT_TRUE(stage.Idle());
  Get({1}, 5000);
  EXPECT_FALSE(stage.Idle());
  TickAfter(milliseconds(4));
  EXPECT_TRUE(answered.results.empty());
  TickAfter(milliseconds(1));
  ASSERT_EQ(answered.results.size(), 1U);
  EXPECT_EQ(answered.results[0].head.reason, Reason::kTimeout);
  EXPECT_TRUE(stage.Idle());
  Publish(std::move(task), Bench::Done("late"));
  EXPECT_EQ(answered.results.size(), 1U) << "answered once";
}

TEST_F(PublicationTest, AWaitEndsWithKOfNAndCountsFailuresAndWhatNobodyHas) {
  TaskPtr first = bench.Accept(1, function);
  TaskPtr second = bench.Accept(2, function);
  Wait({1, 2, 99}, 2, kLong);
  EXPECT_TRUE(answered.waits.empty());
  Publish(std::move(second), Bench::Failed(Reason::kTaskError));
  ASSERT_EQ(answered.waits.size(), 1U);
  EXPECT_EQ(answered.waits[0].ready, (std::vector<bool>{false, true, true}));
  EXPECT_FALSE(answered.waits[0].timed_out);
  Publish(std::move(first), Bench::Done("one"));
  EXPECT_EQ(answered.waits.size(), 1U);
}

TEST_F(PublicationTest, AWaitForOneTaskTwiceEndsOnce) {
  TaskPtr task = bench.Accept(1, function);
  Wait({1, 1}, 1, kLong);
  Publish(std::move(task), Bench::Done("one"));
  ASSERT_EQ(answered.waits.size(), 1U);
  MutexLock lock(bench.table.mutex());
  EXPECT_EQ(bench.table.requests(), 0U);
}

TEST_F(PublicationTest, AWaitTimesOutAndSaysWhatIsReady) {
  TaskPtr task = bench.Accept(2, function);
  Publish(bench.Accept(1, function), Bench::Done("one"));
  Wait({1, 2}, 2, 2000);
  TickAfter(milliseconds(3));
  ASSERT_EQ(answered.waits.size(), 1U);
  EXPECT_TRUE(answered.waits[0].timed_out);
  EXPECT_EQ(answered.waits[0].ready, (std::vector<bool>{true, false}));
}

TEST_F(PublicationTest, RequestsOfOneConnectionAreBoundedButACancelGetsThrough) {
  bench.limits.requests_per_connection = 1;
  TaskPtr task = bench.Accept(1, function);
  Get({1}, kLong, 1);
  Get({1}, kLong, 2);
  ASSERT_EQ(answered.errors.size(), 1U);
  EXPECT_EQ(answered.errors[0].reason, Reason::kTooManyWaiters);
  for (auto* limit : {&bench.limits.waiters, &bench.limits.waiters_per_connection}) {
    bench.limits.requests_per_connection = 9;
    const std::uint32_t usual = limit->exchange(1);
    Get({1}, kLong, 3);
    *limit = usual;
  }
  EXPECT_EQ(answered.errors.size(), 3U) << "nor in what they wait for";
  Cancel(Id(1));
  EXPECT_EQ(answered.cancels.at(0).count, 1U);
}

TEST_F(PublicationTest, MoreIdsThanAreAllowedAreRefused) {
  bench.limits.ids_per_get = 2;
  Get({1, 2, 3}, 0);
  EXPECT_EQ(answered.errors.at(0).reason, Reason::kTooLarge);
  EXPECT_NE(answered.errors[0].message.find("the limit is 2"), std::string::npos);
}

TEST_F(PublicationTest, ACancelGoesToAllBelowAlsoToThoseWhoseParentHasEnded) {
  TaskPtr top = bench.Accept(1, function);
  TaskPtr child = bench.Accept(TaskId{kChildBit, 2}, function, {}, top->record);
  TaskPtr grandchild = bench.Accept(TaskId{kChildBit, 3}, function, {}, child->record);
  Publish(std::move(child), Bench::Done("child"));
  Cancel(Id(1));
  ASSERT_EQ(cancelled.events.size(), 2U);
  EXPECT_TRUE(grandchild->record->cancelled);
  EXPECT_EQ(answered.cancels[0].count, 1U);
  Cancel(Id(1));
  EXPECT_EQ(cancelled.events.size(), 2U) << "told once";
}

TEST_F(PublicationTest, ALargeTreeIsCancelledInSlices) {
  constexpr std::size_t kTree = 5000;
  TaskPtr top = bench.Accept(1, function);
  std::vector<TaskPtr> children;
  for (std::uint64_t i = 0; i < kTree; ++i) {
    children.push_back(bench.Accept(TaskId{kChildBit, 100 + i}, function, {}, top->record));
  }
  Cancel(Id(1));
  EXPECT_LT(cancelled.events.size(), kTree);
  EXPECT_FALSE(stage.Idle());
  TickAfter(milliseconds(1));
  EXPECT_EQ(cancelled.events.size(), kTree + 1);
  EXPECT_TRUE(stage.Idle());
}

TEST_F(PublicationTest, ACancelOfWhatHasEndedOrIsNotKnownSaysSo) {
  Publish(bench.Accept(1, function), Bench::Done("one"));
  const std::vector<TaskId> ids{Id(1), Id(99)};
  Ask(wire::Cancel{.ids = ids}, 3);
  ASSERT_EQ(answered.cancels.size(), 1U);
  EXPECT_EQ(answered.cancels[0].already_done, 2U);
}

TEST_F(PublicationTest, ARecordLivesUntilItIsReleasedAndOnlyItsOwnerMay) {
  Publish(bench.Accept(1, function), Bench::Done("one"));
  Release(1, 1, Bench::kSession + 1);
  ASSERT_EQ(answered.errors.size(), 1U);
  EXPECT_NE(bench.Find(Id(1)), nullptr);
  EXPECT_EQ(bench.session().unfetched, 1U);
  Release(1, 1);
  EXPECT_EQ(bench.Find(Id(1)), nullptr);
  EXPECT_EQ(bench.session().unfetched, 0U);
}

TEST_F(PublicationTest, WhatIsReleasedBeforeItsEndGoesWithIt) {
  TaskPtr task = bench.Accept(1, function);
  Release(1, 1);
  EXPECT_NE(bench.Find(Id(1)), nullptr);
  Publish(std::move(task), Bench::Done("one"));
  EXPECT_EQ(bench.Find(Id(1)), nullptr);
}

TEST_F(PublicationTest, AnObjectIsAnnouncedWhenSomebodyWantsIt) {
  TaskPtr wanted = bench.Accept(1, function);
  wanted->record->wanted = true;
  Publish(std::move(wanted), Bench::Done("one"));
  Publish(bench.Accept(2, function), Bench::Done("two"));
  ASSERT_EQ(ready.events.size(), 1U);
  EXPECT_EQ(ready.events[0].task, Id(1));
}

TEST_F(PublicationTest, APushedResultComesUnaskedOrWhenTheConnectionHasCaughtUp) {
  TaskPtr first = bench.Accept(1, function);
  TaskPtr second = bench.Accept(2, function);
  first->record->push = second->record->push = true;
  Publish(std::move(first), Bench::Done("one"));
  ASSERT_EQ(answered.results.size(), 1U);
  EXPECT_EQ(answered.results[0].to, Bench::kClient);
  EXPECT_EQ(answered.results[0].head.correlation, 0U);

  answered.takes_pushes = false;
  Publish(std::move(second), Bench::Done("two"));
  EXPECT_EQ(answered.results.size(), 1U);
  answered.takes_pushes = true;
  Handle(PushAgain{Bench::kSession, false});
  ASSERT_EQ(answered.results.size(), 2U);
  EXPECT_EQ(answered.results[1].bytes, "two");
  Handle(PushAgain{Bench::kSession, true});
  EXPECT_EQ(answered.results.size(), 4U) << "a new connection gets all that is kept";
}

TEST_F(PublicationTest, ResultsComeAsFastAsTheyAreReadOrNotInTime) {
  const std::string large(100'000, 'x');
  Publish(bench.Accept(1, function), Bench::Done(large));
  Get(std::vector<std::uint64_t>(50, 1), kLong);
  EXPECT_EQ(answered.results.size(), 11U) << "a mebibyte in a pass";
  for (int i = 0; i < 4; ++i) TickAfter(milliseconds(1));
  ASSERT_EQ(answered.results.size(), 50U);
  EXPECT_EQ(answered.results.back().bytes, large);
  EXPECT_TRUE(stage.Idle());

  answered.Clear();
  answered.takes_pushes = false;
  Get({1, 1}, 5000);
  TickAfter(milliseconds(4));
  EXPECT_TRUE(answered.results.empty());
  answered.takes_pushes = true;
  TickAfter(milliseconds(0));
  ASSERT_EQ(answered.results.size(), 2U);
  EXPECT_EQ(answered.results[1].head.fate, Fate::kDone);
  answered.takes_pushes = false;
  Get({1}, 5000);
  TickAfter(milliseconds(5));
  ASSERT_EQ(answered.results.size(), 3U);
  EXPECT_EQ(answered.results[2].head.reason, Reason::kTimeout);
}

TEST_F(PublicationTest, ALongRangeReleasesWhatThereIsOfIt) {
  for (std::uint64_t seq : {1, 2, 40'000}) Publish(bench.Accept(seq, function), Bench::Done("v"));
  Release(2, 30'000);
  EXPECT_EQ(bench.Find(Id(2)), nullptr);
  EXPECT_NE(bench.Find(Id(1)), nullptr);
  EXPECT_NE(bench.Find(Id(40'000)), nullptr);
}

TEST_F(PublicationTest, WhoAsksForAResultThatIsPushedIsAnsweredBesides) {
  TaskPtr task = bench.Accept(1, function);
  task->record->push = true;
  Get({1}, kLong, 9);
  Publish(std::move(task), Bench::Done("one"));
  ASSERT_EQ(answered.results.size(), 2U);
  EXPECT_EQ(answered.results[0].head.correlation + answered.results[1].head.correlation, 9U);
}

TEST_F(PublicationTest, AResultBeyondTheHeapOfValuesIsAFailureThatSaysSo) {
  bench.limits.inline_value = 100;
  bench.limits.value_heap = 1000;
  Publish(bench.Accept(1, function), Bench::Done(std::string(900, 'x')));
  Publish(bench.Accept(2, function), Bench::Done(std::string(200, 'x')));
  Get({1, 2}, 0);
  ASSERT_EQ(answered.results.size(), 2U);
  EXPECT_EQ(answered.results[0].head.fate, Fate::kDone);
  EXPECT_EQ(answered.results[1].head.reason, Reason::kOutOfStore);
}

TEST_F(PublicationTest, ASessionEndsWhenTheLastOfItsTasksHasAndTakesItsRootsAlong) {
  TaskPtr task = bench.Accept(1, function);
  TaskPtr detached = bench.Accept(2, function);
  detached->record->detached = true;
  {
    MutexLock lock(bench.table.mutex());
    RootPtr root = bench.table.MakeRoot();
    root->id = Id(3);
    root->session = Bench::kSession;
    root->explicit_open = true;
    bench.table.AddRoot(root);
  }
  Handle(SessionEnded{Bench::kSession});
  ASSERT_EQ(cancelled.events.size(), 1U);
  EXPECT_EQ(cancelled.events[0].task, Id(1));
  EXPECT_FALSE(stage.Idle());
  Publish(std::move(task), Bench::Failed(Reason::kCancelled));
  TickAfter(milliseconds(1));
  EXPECT_NE(bench.Find(Id(2)), nullptr) << "it outlives its session";
  Publish(std::move(detached), Bench::Done("two"));
  TickAfter(milliseconds(1));
  MutexLock lock(bench.table.mutex());
  EXPECT_EQ(bench.table.FindSession(Bench::kSession), nullptr);
  EXPECT_EQ(bench.table.records(), 0U);
  EXPECT_EQ(bench.table.open_roots(), 0U);
  EXPECT_EQ(bench.table.value_bytes(), 0U);
}

TEST_F(PublicationTest, RequestsGoWithTheirConnection) {
  TaskPtr task = bench.Accept(1, function);
  Get({1}, kLong);
  Handle(ConnectionGone{Bench::kClient, Bench::kSession});
  Publish(std::move(task), Bench::Done("one"));
  EXPECT_TRUE(answered.results.empty());
  EXPECT_EQ(bench.session().connection, 0U);
}

TEST_F(PublicationTest, TheAnswersOfAPassAreOneBatchForEachConnection) {
  TaskPtr first = bench.Accept(1, function);
  TaskPtr second = bench.Accept(2, function);
  Get({1, 2}, kLong);
  answered.Clear();
  Handle(End(std::move(first), Bench::Done("one")), End(std::move(second), Bench::Done("two")));
  EXPECT_EQ(answered.sends, 1U);
  EXPECT_EQ(answered.results.size(), 2U);
}

TEST_F(PublicationTest, StatusTellsWhereTasksAre) {
  TaskPtr task = bench.Accept(1, function);
  task->record->attempt = 2;
  Publish(bench.Accept(2, function), Bench::Failed(Reason::kTaskError));
  const std::vector<TaskId> ids{Id(1), Id(2), Id(99)};
  Ask(wire::Status{.ids = ids}, 5);
  ASSERT_EQ(answered.statuses.size(), 3U);
  EXPECT_EQ(answered.statuses[0].state, wire::TaskState::kUnfinished);
  EXPECT_EQ(answered.statuses[0].attempt, 2U);
  EXPECT_EQ(answered.statuses[1].attempt, 0U) << "it never ran";
  EXPECT_EQ(answered.statuses[1].state, wire::TaskState::kEnded);
  EXPECT_EQ(answered.statuses[1].reason, Reason::kTaskError);
  EXPECT_EQ(answered.statuses[2].reason, Reason::kNotFound);
}

}  // namespace
}  // namespace spillgate::testing
