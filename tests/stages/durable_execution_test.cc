// The first run of what may run once at most waits until the disk knows that it begins.
#include <chrono>
#include <cstdint>
#include <vector>

#include "tests/stages/execution_bench.h"

namespace spillgate::testing {
namespace {

class DurableExecutionTest : public ExecutionBench {
 protected:
  [[nodiscard]] Placed Once(std::uint64_t seq) {
    TaskPtr task = bench.Accept(seq, function);
    task->level = Level::kAsync;
    task->max_retries = 0;
    return {std::move(task), {}};
  }
  [[nodiscard]] Durable Synced() const {
    return {.written = bench.journal.last(), .synced = bench.journal.last()};
  }
  [[nodiscard]] Placed Again(std::size_t which) {
    return {std::move(returned.events.at(which).task), {}};
  }

  const Resources nothing;
};

TEST_F(DurableExecutionTest, WhatMayRunOnceBeginsWhenTheDiskKnowsThatItDoes) {
  Handle(Once(1));
  EXPECT_TRUE(runs.runs.empty());
  EXPECT_TRUE(bench.Find({Bench::kSession, 1})->begun) << "a snapshot has to say so too";
  Handle(Durable{.written = bench.journal.last()});
  EXPECT_TRUE(runs.runs.empty()) << "a power failure could still make it run again";
  Handle(Synced());
  EXPECT_EQ(runs.starts, 1);
}

TEST_F(DurableExecutionTest, WhatDidNotBeginBeforeAStopIsSaidNotTo) {
  Handle(Once(1), Once(2));
  Handle(Durable{.written = 1, .synced = 1});
  ASSERT_EQ(runs.starts, 1);
  const Lsn noted = bench.journal.last();
  Handle(
      Ran{{std::move(runs.runs.at(Id(1))), RunEnd::kTurnedAway, Nanos(0), "", Reason::kDrained}});
  stage.Flush(bench.now());
  EXPECT_EQ(finished.events.size(), 2U);
  ASSERT_EQ(bench.journal.last(), noted + 2);
  for (std::uint64_t seq = 1; seq <= 2; ++seq) {
    const auto said = record::Read(AsBytes(bench.journal.records[noted + seq - 1].bytes));
    ASSERT_TRUE(said.has_value() && std::holds_alternative<record::NotStarted>(*said));
    EXPECT_EQ(std::get<record::NotStarted>(*said).id.seq, seq);
    EXPECT_FALSE(bench.Find({Bench::kSession, seq})->begun);
  }
}

TEST_F(DurableExecutionTest, WhatWaitsForTheDiskExpiresOrIsCancelledWithoutIt) {
  Placed due = Once(1);
  due.task->deadline = bench.now() + std::chrono::milliseconds(5);
  Handle(std::move(due), Once(2), Once(3));
  stage.Tick(bench.now());
  EXPECT_TRUE(finished.events.empty());
  bench.clock.Advance(std::chrono::milliseconds(6));
  stage.Tick(bench.now());
  ASSERT_EQ(finished.events.size(), 1U);
  EXPECT_EQ(finished.events[0].task->id.seq, 1U);
  EXPECT_EQ(finished.events[0].task->outcome.fate, Fate::kExpired);
  EXPECT_EQ(freed.events.size(), 1U) << "its lease is for others now";

  bench.MarkCancelled({Bench::kSession, 2});
  Handle(CancelAsked{{Bench::kSession, 2}});
  stage.Tick(bench.now());
  ASSERT_EQ(finished.events.size(), 2U);
  EXPECT_EQ(finished.events[1].task->outcome.fate, Fate::kCancelled);

  Handle(Synced());
  ASSERT_EQ(runs.starts, 1) << "the one that is left";
  EXPECT_TRUE(runs.runs.contains(Id(3)));
}

TEST_F(DurableExecutionTest, WhatWaitsForTheDiskHoldsItsSlotAndPaysForIt) {
  Placed due = Once(2);
  due.task->deadline = bench.now() + std::chrono::milliseconds(30);
  Handle(Once(1));
  Handle(std::move(due));
  bench.clock.Advance(std::chrono::milliseconds(20));
  Handle(Durable{.written = 1, .synced = 1});
  ASSERT_EQ(runs.starts, 1);
  runs.runs.at(Id(1))->outcome.fate = Fate::kDone;
  const Nanos wall = std::chrono::milliseconds(2);
  Handle(Ran{{std::move(runs.runs.at(Id(1))), RunEnd::kEnded, wall, ""}});
  bench.clock.Advance(std::chrono::milliseconds(11));
  stage.Tick(bench.now());
  ASSERT_EQ(freed.events.size(), 2U);
  EXPECT_EQ(freed.events[0].cost, wall);
  EXPECT_EQ(freed.events[0].earlier, std::chrono::milliseconds(20));
  EXPECT_EQ(freed.events[1].earlier, std::chrono::milliseconds(31)) << "it never ran";
}

TEST_F(DurableExecutionTest, WhatMayRunAgainBeginsAtOnce) {
  Placed placed = Once(1);
  placed.task->max_retries = 1;
  Handle(std::move(placed));
  EXPECT_EQ(runs.starts, 1);
  EXPECT_TRUE(bench.journal.records.empty());
}

TEST_F(DurableExecutionTest, WhatCannotBeNotedFailsAndGivesItsLeaseBack) {
  bench.journal.full = true;
  Handle(Once(1));
  ASSERT_EQ(finished.events.size(), 1U);
  EXPECT_EQ(finished.events[0].task->outcome.reason, Reason::kJournal);
  EXPECT_EQ(freed.events.size(), 1U);
  EXPECT_TRUE(runs.runs.empty());
}

TEST_F(DurableExecutionTest, WhatWaitsForADiskThatStandsStillLeavesItsSlotToOthers) {
  Handle(Once(1), Once(2));
  TickAfter(std::chrono::milliseconds(100));
  EXPECT_TRUE(freed.events.empty()) << "a sync may take as long";
  const Lsn noted = bench.journal.last();
  TickAfter(std::chrono::milliseconds(1));
  ASSERT_EQ(freed.events.size(), 2U);
  EXPECT_EQ(freed.events[0].earlier, std::chrono::milliseconds(101)) << "it pays for what it held";
  ASSERT_EQ(bench.journal.last(), noted + 2);
  for (std::uint64_t seq = 1; seq <= 2; ++seq) {
    const auto said = record::Read(AsBytes(bench.journal.records[noted + seq - 1].bytes));
    EXPECT_TRUE(said.has_value() && std::holds_alternative<record::NotStarted>(*said));
    EXPECT_FALSE(bench.Find({Bench::kSession, seq})->begun) << "the next process may run it";
  }
  EXPECT_EQ(bench.shared.signals.disk_stands, 1);
  Handle(Once(3));
  EXPECT_EQ(freed.events.size(), 3U) << "none has a slot while the disk stands";
  EXPECT_EQ(bench.journal.last(), noted + 2);
  EXPECT_TRUE(runs.runs.empty() && returned.events.empty() && finished.events.empty());
}

TEST_F(DurableExecutionTest, ItHasItsTurnAgainWhenTheDiskWorks) {
  Handle(Once(1), Once(2));
  TickAfter(std::chrono::milliseconds(101));
  Handle(Durable{.written = bench.journal.last()});
  EXPECT_TRUE(returned.events.empty());
  Handle(Durable{.written = bench.journal.last(), .synced = 1});
  ASSERT_EQ(returned.events.size(), 2U);
  EXPECT_TRUE(runs.runs.empty()) << "it has no slot";
  EXPECT_EQ(bench.shared.signals.disk_stands, 0);

  Handle(Again(0));
  EXPECT_TRUE(runs.runs.empty());
  Handle(Synced());
  ASSERT_EQ(runs.starts, 1) << "once it is noted again";
  EXPECT_TRUE(runs.runs.contains(Id(1)));
  EXPECT_EQ(runs.runs.at(Id(1))->attempt, 1);
}

TEST_F(DurableExecutionTest, WithoutASlotItExpiresOrIsCancelledOrGoesOnInTheNextProcess) {
  Placed due = Once(1);
  due.task->deadline = bench.now() + std::chrono::milliseconds(150);
  Handle(std::move(due), Once(2), Once(3));
  TickAfter(std::chrono::milliseconds(101));
  ASSERT_EQ(freed.events.size(), 3U);
  TickAfter(std::chrono::milliseconds(50));
  ASSERT_EQ(finished.events.size(), 1U);
  EXPECT_EQ(finished.events[0].task->outcome.fate, Fate::kExpired);
  bench.MarkCancelled({Bench::kSession, 2});
  Handle(CancelAsked{{Bench::kSession, 2}});
  stage.Tick(bench.now());
  ASSERT_EQ(finished.events.size(), 2U);
  EXPECT_EQ(finished.events[1].task->outcome.fate, Fate::kCancelled);
  stage.Flush(bench.now());
  ASSERT_EQ(finished.events.size(), 3U);
  EXPECT_EQ(finished.events[2].task->outcome.reason, Reason::kDrained);
  EXPECT_FALSE(bench.Find({Bench::kSession, 3})->begun);
  EXPECT_EQ(freed.events.size(), 3U) << "each lease came home once";
}

// For as long as it has no slot; a sync that takes as long as syncs do defers nobody.
TEST_F(DurableExecutionTest, WhoIsSetAsideIsDeferredAndCounted) {
  const ExecutionTally& tally = bench.tally.execution[0];
  const auto ended = [&](DeferralTally::Outcome how) {
    return tally.disk_deferrals.outcomes[how].get();
  };
  Placed due = Once(1);
  due.task->deadline = bench.now() + std::chrono::milliseconds(150);
  Handle(std::move(due), Once(2), Once(3));
  TickAfter(std::chrono::milliseconds(101));
  EXPECT_EQ(tally.aside.get(), 3);
  TickAfter(std::chrono::milliseconds(50));
  EXPECT_EQ(ended(DeferralTally::kExpired), 1U);
  bench.MarkCancelled({Bench::kSession, 2});
  Handle(CancelAsked{{Bench::kSession, 2}});
  TickAfter(std::chrono::milliseconds(10));
  EXPECT_EQ(ended(DeferralTally::kCancelled), 1U);
  EXPECT_EQ(tally.aside.get(), 1);
  bench.clock.Advance(std::chrono::milliseconds(40));
  Handle(Synced());
  EXPECT_EQ(ended(DeferralTally::kRun), 1U);
  EXPECT_EQ(tally.aside.get(), 0);
  EXPECT_EQ(Nanos(tally.disk_deferrals.ages.sum_ns()), std::chrono::milliseconds(50 + 60 + 100));
  Handle(Again(0));
  bench.clock.Advance(std::chrono::milliseconds(50));
  Handle(Synced());
  ASSERT_EQ(runs.starts, 1);
  EXPECT_EQ(ended(DeferralTally::kRun), 1U) << "it had a slot meanwhile";
}

TEST_F(DurableExecutionTest, WhatAStopFindsAsideIsNoLongerDeferred) {
  Handle(Once(1));
  TickAfter(std::chrono::milliseconds(101));
  TickAfter(std::chrono::milliseconds(10));
  stage.Flush(bench.now());
  const DeferralTally& deferrals = bench.tally.execution[0].disk_deferrals;
  EXPECT_EQ(deferrals.outcomes[DeferralTally::kCancelled].get(), 1U);
  EXPECT_EQ(Nanos(deferrals.ages.sum_ns()), std::chrono::milliseconds(10));
  EXPECT_EQ(bench.tally.execution[0].aside.get(), 0);
}

// A disk whose every sync takes 150 ms, and covers what was written when it began.
TEST_F(DurableExecutionTest, ASlowDiskIsWaitedForLonger) {
  Placed placed = Once(1);
  int rounds = 0;
  for (Instant began = bench.now(); runs.runs.empty() && rounds < 20; ++rounds) {
    Handle(std::move(placed));
    const Lsn noted = bench.journal.last();
    while (returned.events.empty() && runs.runs.empty()) {
      ASSERT_LT(bench.now() - began, std::chrono::seconds(10));
      for (int ms = 0; ms < 150; ++ms) TickAfter(std::chrono::milliseconds(1));
      Handle(Durable{.written = bench.journal.last(), .synced = noted});
    }
    if (returned.events.empty()) continue;
    placed = Again(0);
    returned.events.clear();
  }
  EXPECT_EQ(runs.starts, 1);
  EXPECT_EQ(rounds, 2);
}

TEST_F(DurableExecutionTest, QuickSyncsMakeItImpatientAgain) {
  Handle(Once(1));
  TickAfter(std::chrono::milliseconds(101));  // from here on it waits for 200 ms
  Handle(Synced());
  Handle(Again(0));
  TickAfter(std::chrono::milliseconds(120));
  EXPECT_EQ(freed.events.size(), 1U);
  Handle(Synced());
  Handle(Once(2));
  Handle(Synced());  // at once
  Handle(Once(3));
  TickAfter(std::chrono::milliseconds(101));
  EXPECT_EQ(freed.events.size(), 2U);
}

// The disk is judged by what it owes, not by who waits for that now.
TEST_F(DurableExecutionTest, TasksThatHaveNoTimeDoNotHideThatItStands) {
  for (std::uint64_t seq = 1; seq <= 4; ++seq) {
    Placed due = Once(seq);
    due.task->deadline = bench.now() + std::chrono::milliseconds(30);
    Handle(std::move(due));
    TickAfter(std::chrono::milliseconds(31));
    EXPECT_EQ(finished.events.size(), seq);
  }
  EXPECT_EQ(bench.shared.signals.disk_stands, 1);
  Handle(Durable{.written = bench.journal.last(), .synced = 1});
  EXPECT_EQ(bench.shared.signals.disk_stands, 0);
}

TEST_F(DurableExecutionTest, WhatIsNotedWhileItStandsHasItsTimeAfterwards) {
  Handle(Once(1));
  TickAfter(std::chrono::milliseconds(101));
  Placed free = Once(2);
  free.task->shape = &nothing;
  Handle(std::move(free));
  const Lsn noted = bench.journal.last();
  EXPECT_EQ(freed.events.size(), 1U) << "it has no slot that it could leave";
  TickAfter(std::chrono::milliseconds(1000));
  Handle(Durable{.written = bench.journal.last(), .synced = 1});
  ASSERT_EQ(returned.events.size(), 1U);
  Handle(Again(0));
  TickAfter(std::chrono::milliseconds(1));
  EXPECT_EQ(bench.shared.signals.disk_stands, 0) << "it has synced what it owed, just now";
  Handle(Durable{.written = noted, .synced = noted});
  ASSERT_EQ(runs.starts, 1);
  EXPECT_TRUE(runs.runs.contains(Id(2)));
}

TEST_F(DurableExecutionTest, WhatWasCancelledBeforeItCameWaitsForNothing) {
  Placed placed = Once(1);
  bench.MarkCancelled({Bench::kSession, 1});
  Handle(std::move(placed));
  ASSERT_EQ(finished.events.size(), 1U);
  EXPECT_EQ(finished.events[0].task->outcome.fate, Fate::kCancelled);
  EXPECT_EQ(freed.events.size(), 1U);
  EXPECT_TRUE(bench.journal.records.empty());
}

// The thread of the one that waits for it would stand for ever.
TEST_F(DurableExecutionTest, WhatRunsInThePlaceOfAnotherStaysThere) {
  Placed child = Once(1);
  child.nested_in = {Bench::kSession, 9};
  Handle(std::move(child));
  TickAfter(std::chrono::milliseconds(101));
  EXPECT_TRUE(freed.events.empty());
  Handle(Synced());
  EXPECT_EQ(runs.starts, 1);
}

}  // namespace
}  // namespace spillgate::testing
