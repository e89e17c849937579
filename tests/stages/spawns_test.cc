// What submission does with the children of running tasks: they wait for room in the order of their
// roots, and the reserve keeps the oldest going when nothing else can.
#include "tests/stages/submission_bench.h"

namespace spillgate::testing {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class SpawnsTest : public SubmissionBench {
 protected:
  // A running root, and its place in flight.
  std::size_t Root(std::uint64_t seq) {
    EXPECT_EQ(Submit({.ask = {.cls = TaskClass::kCritical, .first_seq = seq}}), "accepted 1");
    return accepted.events.size() - 1;
  }
  void Fill(std::int64_t count) { ASSERT_TRUE(bench.in_flight.Reserve(count, 0)); }
  [[nodiscard]] const SubmissionTally& tally() const { return bench.tally.submission[0]; }
};

TEST_F(SpawnsTest, ChildrenJoinTheirParentsRootAndInherit) {
  const std::size_t parent = Root(1);
  Got(parent).root->deadline = bench.now() + milliseconds(5);
  EXPECT_EQ(Spawn(Got(parent), 2), "accepted 2");
  const Task& child = Got(parent + 2);
  EXPECT_TRUE(child.id.is_child());
  EXPECT_NE(child.id, Got(parent + 1).id) << "although they are the same work";
  EXPECT_EQ(child.root.get(), Got(parent).root.get());
  EXPECT_EQ(child.parent, Got(parent).id);
  EXPECT_EQ(child.depth, 1);
  EXPECT_EQ(child.cls, TaskClass::kCritical);
  EXPECT_EQ(child.deadline, bench.now() + milliseconds(5));
}

TEST_F(SpawnsTest, AParentThatIsGoneOrTooDeepGetsNoChildren) {
  const std::size_t parent = Root(1);
  bench.limits.nesting_depth = 0;
  EXPECT_EQ(Spawn(Got(parent), 1), "nesting_depth 1");
  TaskPtr copy(bench.tasks.Make());
  copy->home = &bench.tasks;
  copy->id = Got(parent).id;
  End(parent);
  EXPECT_EQ(Spawn(*copy, 1), "unknown_root 1");
}

TEST_F(SpawnsTest, DrainingDoesNotStopWhatHasBegun) {
  const std::size_t parent = Root(1);
  bench.signals.draining = true;
  EXPECT_EQ(Spawn(Got(parent), 1), "accepted 1");
}

TEST_F(SpawnsTest, NorDoesTheEndOfItsSession) {
  const std::size_t parent = Root(1);
  bench.session().ended = true;  // the task is detached, or it would have been cancelled
  EXPECT_EQ(Spawn(Got(parent), 1), "accepted 1");
}

// The frames of what waits are in memory, and have no places in flight.
TEST_F(SpawnsTest, NoMoreBytesWaitThanMayBeInFlight) {
  const std::size_t first = Root(1);
  const std::size_t second = Root(2);
  const wire::ChildPreamble child{.parent = Got(first).id, .attempt = 1};
  const auto frame = static_cast<std::int64_t>(Write({.tasks = 200}, &child).size());
  bench.in_flight.Resize(2, frame * 3 / 2);
  EXPECT_EQ(Spawn(Got(first), 200), "") << "it waits";
  EXPECT_EQ(Spawn(Got(second), 200), "in_flight 200");
  bench.in_flight.Resize(2, frame * 2);
  EXPECT_EQ(Spawn(Got(second), 200), "");
  bench.in_flight.Resize(402, 1 << 20);
  TickAfter(milliseconds(1));
  EXPECT_TRUE(stage.Idle());
  bench.in_flight.Resize(402, frame * 2);
  EXPECT_EQ(Spawn(Got(first), 200, 200), "");
  EXPECT_EQ(Spawn(Got(second), 200, 200), "") << "what has gone does not count";
}

TEST_F(SpawnsTest, ASpawnWithoutRoomWaitsAndGoesOnWhenRoomIsFreed) {
  bench.in_flight.Resize(2, 1 << 20);
  const std::size_t parent = Root(1);
  EXPECT_EQ(Spawn(Got(parent), 3), "accepted 1");
  EXPECT_TRUE(bench.signals.room_wanted);
  EXPECT_FALSE(stage.Idle());
  for (int i = 0; i < 5; ++i) TickAfter(milliseconds(1));
  EXPECT_EQ(tally().spawns_waited.get(), 1U) << "it waits once, however often it is looked at";
  EXPECT_EQ(accepted.events.size(), 2U);
  bench.answered.Clear();
  End(parent + 1);
  Handle(RoomFreed{});
  EXPECT_EQ(bench.answered.Verdicts(), "accepted 1");
  End(parent + 2);
  Handle(RoomFreed{});
  EXPECT_EQ(bench.answered.Verdicts(), "accepted 1, accepted 1");
  EXPECT_TRUE(stage.Idle());
  EXPECT_EQ(tally().deferrals.outcomes[DeferralTally::kRun].get(), 2U);
  EXPECT_EQ(tally().deferrals.ages.sum_ns(), Nanos(milliseconds(10)).count());
}

TEST_F(SpawnsTest, ASpawnPastTheWindowOfItsRootWaits) {
  bench.limits.root_window = 2;
  const std::size_t parent = Root(1);
  EXPECT_EQ(Spawn(Got(parent), 2), "accepted 1");
  EXPECT_EQ(bench.in_flight.count(), 2);
  End(parent + 1);
  Handle(RoomFreed{});
  EXPECT_EQ(bench.answered.Verdicts(), "accepted 1, accepted 1");
}

// Others that come meanwhile would find them taken.
TEST_F(SpawnsTest, AWaitingSpawnTakesPlacesForNoMoreThanItsWindowHasRoomFor) {
  bench.limits.root_window = 3;
  bench.in_flight.Resize(8, 1 << 20);
  const std::size_t parent = Root(1);
  EXPECT_EQ(Spawn(Got(parent), 6), "accepted 2");
  End(parent + 1);
  bench.answered.Clear();
  Handle(RoomFreed{},
         From(Bench::kClient,
              Write({.ask = {.cls = TaskClass::kCritical, .first_seq = 2}, .tasks = 4})));
  EXPECT_EQ(bench.answered.Verdicts(), "accepted 1, accepted 4");
}

TEST_F(SpawnsTest, TheOldestRootIsServedFirst) {
  bench.in_flight.Resize(4, 1 << 20);
  const std::size_t older = Root(1);
  const std::size_t younger = Root(2);
  Fill(2);
  Spawn(Got(younger), 1);
  Spawn(Got(older), 1);
  bench.in_flight.Release(1, 0);
  Handle(RoomFreed{});
  ASSERT_EQ(accepted.events.size(), 3U);
  EXPECT_EQ(Got(2).parent, Got(older).id);
}

// A round costs as much however many wait; and yet each is looked at.
TEST_F(SpawnsTest, BehindTheFirstWithoutRoomARoundLooksAtSomeAndTheNextAtOthers) {
  bench.in_flight.Resize(4, 1 << 20);
  const std::size_t older = Root(1);
  const std::size_t younger = Root(2);
  Fill(2);
  Spawn(Got(older), 1);
  for (std::uint64_t i = 0; i < 200; ++i) Spawn(Got(younger), 1, i);
  const auto told = [&] { return tally().refused[std::size_t(Reason::kUnknownRoot)].get(); };
  EXPECT_EQ(told(), 0U);
  End(younger);
  Fill(1);
  std::uint64_t before = 0;
  for (int round = 0; round < 4; ++round, before = told()) {
    Handle(RoomFreed{});
    EXPECT_GT(told(), before);
    EXPECT_LE(told(), before + 64);
  }
  EXPECT_EQ(told(), 200U);
  EXPECT_FALSE(stage.Idle()) << "the first waits on";
  bench.in_flight.Release(1, 0);
  Handle(RoomFreed{});
  EXPECT_EQ(Got(2).parent, Got(older).id);
  EXPECT_TRUE(stage.Idle());
}

TEST_F(SpawnsTest, ManyThatTheirWindowHoldsDoNotKeepAYoungerRootWaiting) {
  bench.limits.root_window = 2;
  const std::size_t older = Root(1);
  const std::size_t younger = Root(2);
  for (std::uint64_t i = 0; i < 200; ++i) Spawn(Got(older), 1, i);
  Spawn(Got(younger), 2);
  const std::size_t running = accepted.events.size();
  EXPECT_EQ(running, 4U) << "each root has one child";
  End(running - 1);
  for (int round = 0; round < 4; ++round) Handle(RoomFreed{});
  ASSERT_EQ(accepted.events.size(), running + 1);
  EXPECT_EQ(Got(running).parent, Got(younger).id);
}

TEST_F(SpawnsTest, ASpawnDoesNotWaitBeyondItsDeadlineOrItsParent) {
  bench.in_flight.Resize(2, 1 << 20);
  const std::size_t parent = Root(1);
  Fill(1);
  const wire::ChildPreamble child{
      .parent = Got(parent).id, .stream = 0, .attempt = 1, .first_index = 0};
  bench.answered.Clear();
  Handle(From(kTask, Write({.ask = {.remaining_us = 2000}}, &child)));
  TickAfter(milliseconds(3));
  EXPECT_EQ(bench.answered.Verdicts(), "expired 1");

  Spawn(Got(parent), 1, 5);
  End(parent);
  Fill(1);
  bench.answered.Clear();
  TickAfter(milliseconds(1));
  EXPECT_EQ(bench.answered.Verdicts(), "unknown_root 1");
  EXPECT_TRUE(stage.Idle());
}

TEST_F(SpawnsTest, TheReserveServesARootOfWhichNothingCanMove) {
  bench.in_flight.Resize(1, 1 << 20);
  const std::size_t parent = Root(1);
  Spawn(Got(parent), 2);
  TickAfter(milliseconds(1));
  EXPECT_EQ(bench.spawn_reserve.count(), 0) << "the parent is not known to wait yet";
  Stick(Got(parent));
  TickAfter(milliseconds(1));
  EXPECT_EQ(bench.answered.Verdicts(), "accepted 2");
  EXPECT_EQ(bench.spawn_reserve.count(), 2);
  EXPECT_EQ(bench.in_flight.count(), 1);
  EXPECT_TRUE(Got(parent + 1).from_reserve);
  EXPECT_EQ(tally().from_reserve.get(), 2U);
}

TEST_F(SpawnsTest, TheReserveServesPastAFullWindow) {
  bench.limits.root_window = 1;
  const std::size_t parent = Root(1);
  Spawn(Got(parent), 1);
  Stick(Got(parent));
  TickAfter(milliseconds(1));
  EXPECT_EQ(bench.answered.Verdicts(), "accepted 1");
  EXPECT_EQ(bench.spawn_reserve.count(), 1);
}

TEST_F(SpawnsTest, TheReserveServesOnlyTheOldestOfThoseThatWait) {
  bench.limits.root_window = 1;
  const std::size_t older = Root(1);
  const std::size_t younger = Root(2);
  Spawn(Got(younger), 1);
  Spawn(Got(older), 1);
  Stick(Got(younger));
  Stick(Got(older));
  TickAfter(milliseconds(1));
  EXPECT_EQ(bench.spawn_reserve.count(), 1);
  ASSERT_EQ(accepted.events.size(), 3U);
  EXPECT_EQ(Got(2).parent, Got(older).id);
}

TEST_F(SpawnsTest, TheReserveWaitsForAnOlderRootOfAnotherShard) {
  bench.limits.root_window = 1;
  const std::size_t parent = Root(1);
  Stick(Got(parent));
  SubmissionTally& other = bench.tally.submission[1];
  other.oldest_waiting = 0;
  Spawn(Got(parent), 1);
  TickAfter(milliseconds(1));
  EXPECT_EQ(bench.spawn_reserve.count(), 0);
  EXPECT_EQ(tally().oldest_waiting, Got(parent).root->order);
  other.oldest_waiting = kNoRootWaits;
  TickAfter(milliseconds(1));
  EXPECT_EQ(bench.spawn_reserve.count(), 1);
  EXPECT_EQ(tally().oldest_waiting, kNoRootWaits);
}

TEST_F(SpawnsTest, TheReserveIsNotTouchedWhileAnythingElseMoves) {
  bench.in_flight.Resize(2, 1 << 20);
  const std::size_t parent = Root(1);
  Fill(1);  // somebody who runs
  Spawn(Got(parent), 1);
  Stick(Got(parent));
  TickAfter(milliseconds(1));
  EXPECT_EQ(bench.spawn_reserve.count(), 0);
  bench.signals.stuck += 1;
  TickAfter(milliseconds(1));
  EXPECT_EQ(bench.spawn_reserve.count(), 1);
}

// All threads may be of tasks that wait for room, and others wait for a thread.
TEST_F(SpawnsTest, TheReserveServesWhereNothingEndsThoughNotAllSeemStuck) {
  bench.in_flight.Resize(2, 1 << 20);
  const std::size_t parent = Root(1);
  Fill(1);
  Spawn(Got(parent), 1);
  TickAfter(milliseconds(60));
  bench.tally.publication[0].ended[0].Add(1);
  TickAfter(milliseconds(60));
  EXPECT_EQ(bench.spawn_reserve.count(), 0) << "something has ended meanwhile";
  TickAfter(milliseconds(99));
  EXPECT_EQ(bench.spawn_reserve.count(), 0);
  TickAfter(milliseconds(1));
  EXPECT_EQ(bench.spawn_reserve.count(), 0) << "but something runs";
  bench.signals.all_waited_at = bench.now();
  TickAfter(milliseconds(1));
  EXPECT_EQ(bench.spawn_reserve.count(), 1);
}

TEST_F(SpawnsTest, TasksOfTheReserveThatRunAreSomethingThatMoves) {
  bench.in_flight.Resize(1, 1 << 20);
  const std::size_t parent = Root(1);
  Spawn(Got(parent), 1);
  Stick(Got(parent));
  TickAfter(milliseconds(1));
  ASSERT_EQ(bench.spawn_reserve.count(), 1);
  Spawn(Got(parent), 1, 1);
  TickAfter(milliseconds(1));
  EXPECT_EQ(bench.spawn_reserve.count(), 1) << "the child of the reserve runs";
  Stick(Got(parent + 1));
  TickAfter(milliseconds(1));
  EXPECT_EQ(bench.spawn_reserve.count(), 2);
}

TEST_F(SpawnsTest, AReserveThatHasTooLittleServesAPart) {
  bench.in_flight.Resize(1, 1 << 20);
  const std::size_t parent = Root(1);
  Spawn(Got(parent), 10);
  Stick(Got(parent));
  TickAfter(milliseconds(1));
  EXPECT_EQ(bench.answered.Verdicts(), "accepted 8");
  EXPECT_FALSE(stage.Idle()) << "two wait on";
}

TEST_F(SpawnsTest, ASpentReserveFailsTheSpawnButNotBeforeWhoSeemsStuckHadTimeToMove) {
  bench.in_flight.Resize(1, 1 << 20);
  const std::size_t parent = Root(1);
  ASSERT_TRUE(bench.spawn_reserve.Reserve(8, 0));
  bench.signals.stuck += 8;  // those of the reserve wait as well
  Spawn(Got(parent), 1);
  Stick(Got(parent));
  TickAfter(milliseconds(1));
  TickAfter(milliseconds(50));
  EXPECT_EQ(bench.answered.Verdicts(), "");
  Stick(Got(parent), -1);  // it moved
  TickAfter(milliseconds(100));
  Stick(Got(parent));
  TickAfter(milliseconds(1));
  EXPECT_EQ(bench.answered.Verdicts(), "");
  TickAfter(seconds(1));
  EXPECT_EQ(bench.answered.Verdicts(), "quota_exceeded 1");
  EXPECT_TRUE(stage.Idle());
}

TEST_F(SpawnsTest, AWaitingSpawnOfADeadParentDoesNotKeepOthersFromTheReserve) {
  bench.in_flight.Resize(2, 1 << 20);
  const std::size_t dead = Root(1);
  const std::size_t living = Root(2);
  Spawn(Got(dead), 1);
  Spawn(Got(living), 1);
  Stick(Got(living));
  End(dead);
  Fill(1);
  bench.signals.stuck += 1;
  bench.answered.Clear();
  TickAfter(milliseconds(1));
  EXPECT_EQ(bench.answered.Verdicts(), "unknown_root 1, accepted 1");
}

TEST_F(SpawnsTest, AParentThatRunsAgainMakesTheSameChildren) {
  bench.in_flight.Resize(3, 1 << 20);
  const std::size_t parent = Root(1);
  EXPECT_EQ(Spawn(Got(parent), 2), "accepted 2");
  EXPECT_EQ(Spawn(Got(parent), 2, 0, 2), "earlier 2") << "although the node is full";
  EXPECT_EQ(bench.in_flight.count(), 3);
}

TEST_F(SpawnsTest, WhoKeepsTooManyResultsOfChildrenMaySpawnWhenItHasLetGoOfSome) {
  bench.limits.unfetched_per_session = 1;
  const std::size_t parent = Root(1);
  EXPECT_EQ(Spawn(Got(parent), 4), "accepted 4");
  for (std::size_t child = parent + 1; child <= parent + 4; ++child) End(child);
  EXPECT_EQ(Submit({.ask = {.first_seq = 2}}), "accepted 1") << "the client leaves nothing";
  const std::int64_t taken = bench.in_flight.count();
  EXPECT_EQ(Spawn(Got(parent), 1, 4), "unfetched 1");
  EXPECT_EQ(bench.answered.verdicts[0].retry_after_us, 100'000U) << "for it to let go of some";
  EXPECT_EQ(bench.in_flight.count(), taken);
  Got(parent).record->attempt = 2;
  EXPECT_EQ(Spawn(Got(parent), 5, 0, 2), "earlier 4, unfetched 1");
  {
    MutexLock lock(bench.table.mutex());
    Record* child = Got(parent).record->first_child;
    EXPECT_TRUE(bench.table.Release(*child));
    bench.table.Sweep(*child);
  }
  EXPECT_EQ(Spawn(Got(parent), 1, 4, 2), "accepted 1");
}

TEST_F(SpawnsTest, FlushRefusesWhatWaits) {
  bench.in_flight.Resize(1, 1 << 20);
  const std::size_t parent = Root(1);
  Spawn(Got(parent), 1);
  stage.Flush(bench.now());
  EXPECT_EQ(bench.answered.Verdicts(), "draining 1");
  EXPECT_TRUE(stage.Idle());
}

}  // namespace
}  // namespace spillgate::testing
