// What runs have held that ended with their workers is paid for, as what others have held.
#include <algorithm>
#include <map>

#include "tests/stages/execution_bench.h"
#include "tests/stages/scheduling_bench.h"

namespace spillgate::testing {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Lesson = SlotFreed::Lesson;

class DeadRunsTest : public ExecutionBench {
 protected:
  void PlaceOnce(std::uint64_t seq, FunctionId of) {
    TaskPtr task = bench.Accept(seq, of);
    task->max_retries = 0;
    Handle(Placed{std::move(task), {}});
  }
};

TEST_F(DeadRunsTest, TheLastRunCountsForWhatItHadAndAWholeOneTakesAsLongAtLeast) {
  PlaceOnce(1, function);
  Ran ran = End(1, RunEnd::kHostDied);
  ran.report.blocked = milliseconds(7);
  Handle(std::move(ran));
  PlaceOnce(2, bench.AddFunction("wide", 2000));
  Handle(End(2, RunEnd::kHostDied));
  ASSERT_EQ(freed.events.size(), 2U);
  EXPECT_EQ(freed.events[0].cost, milliseconds(2));
  EXPECT_EQ(freed.events[0].earlier, Nanos(0));
  EXPECT_EQ(freed.events[0].span, milliseconds(9));
  EXPECT_EQ(freed.events[0].lesson, Lesson::kAtLeast);
  EXPECT_EQ(freed.events[1].cost, milliseconds(4)) << "on two slots";
  EXPECT_EQ(finished.events[1].task->spent, milliseconds(4));
}

TEST_F(DeadRunsTest, OneThatNeverBeganSaysNothingOfItsCost) {
  PlaceOnce(1, function);
  Ran ran = End(1, RunEnd::kHostDied);
  ran.report.began = false;
  Handle(std::move(ran));
  ASSERT_EQ(freed.events.size(), 1U);
  EXPECT_EQ(freed.events[0].lesson, Lesson::kNone);
}

TEST_F(DeadRunsTest, SoDoThoseBeforeItAndTheRestsBetweenThem) {
  Place(1);
  Handle(End(1, RunEnd::kHostDied));
  TickAfter(milliseconds(5));
  ASSERT_EQ(runs.starts, 2);
  Handle(End(1, RunEnd::kHostDied));
  TickAfter(milliseconds(9));
  ASSERT_EQ(runs.starts, 3);
  bench.clock.Advance(seconds(1));
  Handle(End(1, RunEnd::kEnded));
  ASSERT_EQ(freed.events.size(), 1U);
  EXPECT_EQ(freed.events[0].cost, milliseconds(2)) << "only the last one says what a run takes";
  EXPECT_EQ(freed.events[0].lesson, Lesson::kExact);
  EXPECT_EQ(freed.events[0].earlier, milliseconds(2 + 5 + 2 + 9));
  EXPECT_EQ(freed.events[0].since, kNever) << "that was no handover";
  EXPECT_EQ(finished.events[0].task->spent, milliseconds(2 + 5 + 2 + 9 + 2));
}

TEST_F(DeadRunsTest, WhatDoesNotRunAgainHasHeldItsSlotMeanwhile) {
  for (std::uint64_t seq = 1; seq <= 3; ++seq) Place(seq);
  runs.runs.at(Id(3))->deadline = bench.now() + milliseconds(4);  // as long as it may rest
  for (std::uint64_t seq = 1; seq <= 3; ++seq) Handle(End(seq, RunEnd::kHostDied));
  bench.clock.Advance(milliseconds(3));
  bench.MarkCancelled(Id(1));
  Handle(CancelAsked{Id(1)});
  TickAfter(milliseconds(6));
  ASSERT_EQ(freed.events.size(), 2U) << "and another one runs again";
  for (const auto& [i, rest] : std::map<std::size_t, int>{{0, 3}, {1, 9}}) {
    EXPECT_EQ(freed.events[i].cost, Nanos(0));
    EXPECT_EQ(freed.events[i].earlier, milliseconds(2 + rest));
    EXPECT_EQ(freed.events[i].lesson, Lesson::kNone);
  }
}

TEST_F(DeadRunsTest, WhatRestsIsDeferredAndCounted) {
  bench.limits.retry_backoff = bench.limits.retry_backoff_max = milliseconds(1000);
  for (std::uint64_t seq = 1; seq <= 3; ++seq) Place(seq);
  for (std::uint64_t seq = 1; seq <= 3; ++seq) Handle(End(seq, RunEnd::kHostDied));
  const ExecutionTally& tally = bench.tally.execution[0];
  EXPECT_EQ(tally.resting.get(), 3);
  bench.clock.Advance(milliseconds(2));
  bench.MarkCancelled(Id(1));
  Handle(CancelAsked{Id(1)});
  bench.clock.Advance(milliseconds(1000));
  const Nanos age = milliseconds(1002);
  stage.Tick(bench.now());
  ASSERT_EQ(runs.starts, 5);
  EXPECT_EQ(tally.resting.get(), 0);
  EXPECT_EQ(tally.retry_deferrals.outcomes[DeferralTally::kCancelled].get(), 1U);
  EXPECT_EQ(tally.retry_deferrals.outcomes[DeferralTally::kRun].get(), 2U);
  EXPECT_EQ(Nanos(tally.retry_deferrals.ages.sum_ns()), milliseconds(2) + 2 * age);
}

TEST_F(DeadRunsTest, WhatItsDeadlineOrAStopEndsWasDeferredToo) {
  bench.limits.retry_backoff = bench.limits.retry_backoff_max = milliseconds(1000);
  Place(1);
  Place(2);
  runs.runs.at(Id(1))->deadline = bench.now() + milliseconds(1000);
  Handle(End(1, RunEnd::kHostDied));
  bench.clock.Advance(milliseconds(1001));
  stage.Tick(bench.now());
  Handle(End(2, RunEnd::kHostDied));
  bench.clock.Advance(milliseconds(3));
  stage.Flush(bench.now());
  const DeferralTally& deferrals = bench.tally.execution[0].retry_deferrals;
  EXPECT_EQ(deferrals.outcomes[DeferralTally::kExpired].get(), 1U);
  EXPECT_EQ(deferrals.outcomes[DeferralTally::kCancelled].get(), 1U);
  EXPECT_EQ(Nanos(deferrals.ages.sum_ns()), milliseconds(1001 + 3));
}

// It would hold its slot until its pause is over, for nothing.
TEST_F(DeadRunsTest, WhatHasNoTimeToRunAgainEndsAtOnce) {
  bench.limits.retry_backoff = bench.limits.retry_backoff_max = seconds(1);
  Place(1);
  runs.runs.at(Id(1))->deadline = bench.now() + std::chrono::microseconds(1);
  Ran ran = End(1, RunEnd::kHostDied);
  ran.report.blocked = milliseconds(7);
  Handle(std::move(ran));
  ASSERT_EQ(finished.events.size(), 1U);
  const Task& task = *finished.events[0].task;
  EXPECT_EQ(task.outcome.fate, Fate::kExpired);
  EXPECT_EQ(task.outcome.reason, Reason::kDeadline);
  EXPECT_EQ(task.outcome.failure->message,
            "its worker died, and its deadline passes before it would be run again; killed by "
            "SIGSEGV");
  EXPECT_EQ(task.spent, milliseconds(2));
  ASSERT_EQ(freed.events.size(), 1U);
  EXPECT_EQ(freed.events[0].cost, milliseconds(2));
  EXPECT_EQ(freed.events[0].span, milliseconds(9));
  EXPECT_EQ(freed.events[0].lesson, Lesson::kAtLeast);
  TickAfter(seconds(2));
  EXPECT_EQ(runs.starts, 1);
  EXPECT_EQ(finished.events.size(), 1U);
}

// Scheduling and execution on two slots: tasks that take both, of two tenants that always have
// more. Those of the first kill their workers.
class CrashingTenantTest : public SchedulingBench {
 protected:
  static constexpr TenantId kCrashing = 1;
  static constexpr TenantId kSound = 2;

  CrashingTenantTest()
      : execution(bench.shared, bench.tally.execution[0], runs, 1,
                  {.finished = ended.emit(),
                   .slot_freed = freed.back(),
                   .slot_lent = lent.back(),
                   .returned = returned.back(),
                   .departed = flow::Departure(nullptr)}) {
    bench.in_flight.Resize(1000, 1 << 20);
  }

  void Resolve(TenantId tenant, FunctionId of, std::uint8_t max_retries) {
    TaskPtr task = bench.Accept(++seq_, of);
    task->root->tenant = tenant;
    task->max_retries = max_retries;
    Handle(Resolved{std::move(task)});
  }
  void Execute(auto&& event) {
    std::vector<Execution::In> batch = BatchOf<Execution::In>(std::move(event));
    execution.Handle(batch, bench.now());
    for (SlotFreed& each : freed.events) Handle(std::move(each));
    freed.events.clear();
  }
  // The one that runs goes on for so long.
  void End(Nanos takes, RunEnd end) {
    bench.clock.Advance(takes);
    TaskPtr task = std::move(runs.runs.begin()->second);
    runs.runs.clear();
    if (end == RunEnd::kEnded) task->outcome.fate = Fate::kDone;
    Execute(Ran{{std::move(task), end, takes, "killed by SIGSEGV"}});
  }
  // The part of the time that the sound one's tasks had, while both had more to run.
  double SoundPart(Nanos until_death, std::uint8_t max_retries) {
    for (int i = 0; i < 200; ++i) {
      Resolve(kCrashing, crashing, max_retries);
      Resolve(kSound, sound, max_retries);
    }
    const Instant begin = bench.now();
    Nanos sound_had{0};
    while (bench.now() < begin + seconds(20)) {
      for (Placed& each : std::exchange(placed.events, {})) Execute(std::move(each));
      if (runs.runs.empty()) {  // it rests
        bench.clock.Advance(milliseconds(1));
        execution.Tick(bench.now());
        continue;
      }
      const Task& task = *runs.runs.begin()->second;
      if (task.root->tenant == kSound) {
        sound_had += milliseconds(100);
        End(milliseconds(100), RunEnd::kEnded);
      } else {
        const bool again = task.deaths > 0;
        End(again ? milliseconds(1) : until_death, again ? RunEnd::kEnded : RunEnd::kHostDied);
      }
    }
    return static_cast<double>(sound_had.count()) /
           static_cast<double>((bench.now() - begin).count());
  }

  const FunctionId crashing = bench.AddFunction("crashing", 2000);
  const FunctionId sound = bench.AddFunction("sound", 2000);
  HeldRuns runs;
  Probe<Finished> ended;
  Probe<SlotFreed> freed;
  Probe<SlotLent> lent;
  Probe<Returned> returned;
  Execution execution;

 private:
  std::uint64_t seq_ = 0;
};

TEST_F(CrashingTenantTest, HasNoMoreThanItsShare) {
  EXPECT_NEAR(SoundPart(seconds(1), 0), 0.5, 0.1);
}

TEST_F(CrashingTenantTest, NorIfTheNextRunIsAWholeOne) {
  EXPECT_NEAR(SoundPart(seconds(1), 1), 0.5, 0.1);
}

TEST_F(CrashingTenantTest, NorForTheTimeInWhichItsTasksRest) {
  bench.limits.retry_backoff = bench.limits.retry_backoff_max = seconds(1);
  EXPECT_NEAR(SoundPart(milliseconds(1), 1), 0.5, 0.2);
}

}  // namespace
}  // namespace spillgate::testing
