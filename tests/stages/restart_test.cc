// What a node that starts again makes of the journal: the tasks that had not ended, the results
// that nobody let go of, and which numbers were accepted; with a snapshot in the log and without.
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "server/compaction.h"
#include "stages/recovery.h"
#include "tests/stages/submission_bench.h"

namespace spillgate::testing {
namespace {

constexpr std::uint64_t kEpoch = 7;

// The node that starts again.
class Restarted {
 public:
  explicit Restarted(const MemoryJournal& journal, const Recovery::Deaths& deaths = {},
                     std::string_view door = "work_bound") {
    bench.AddFunction("f", 1000);
    AddOnce(bench);
    Recovery recovery(
        bench.shared, *flow::MakeController(door), [](std::string_view) { return ShapeId(0); },
        bench.now());
    for (const MemoryJournal::Kept& each : journal.records) {
      EXPECT_TRUE(recovery.Apply(AsBytes(each.bytes)).ok()) << "record " << each.lsn;
    }
    recovery.CountDeaths(deaths);
    recovered = recovery.Finish();
  }
  // A function whose tasks run once at most.
  static FunctionId AddOnce(Bench& bench) {
    Function function{.name = "once", .host = Host::kThread, .max_retries = 0};
    return bench.functions.Add("once",
                               [&](std::uint32_t id) { return function.id = id, function; });
  }
  [[nodiscard]] std::vector<std::uint64_t> Unfinished() const {
    std::vector<std::uint64_t> seqs;
    for (const Accepted& event : recovered.tasks) seqs.push_back(event.task->id.seq);
    return seqs;
  }
  // The value of a result that is kept; else why there is none.
  [[nodiscard]] std::string Result(std::uint64_t seq) {
    const Record* record = bench.Find({Bench::kSession, seq});
    if (record == nullptr) return "nothing";
    if (record->open()) return "unfinished";
    return record->outcome.fate == Fate::kDone ? std::string(AsText(record->outcome.value.view()))
                                               : std::string(ToString(record->outcome.reason));
  }
  [[nodiscard]] bool Knows(std::uint64_t seq) {
    return bench.session().seen.Look(seq) == SeenWindow::Answer::kSeen;
  }

  Bench bench;
  Recovery::Recovered recovered;
};

// Whether a snapshot is taken before the node ends.
class RestartTest : public SubmissionBench, public ::testing::WithParamInterface<bool> {
 protected:
  using Seqs = std::vector<std::uint64_t>;

  RestartTest() { bench.journal.open = true; }

  void Accept(std::uint64_t first, std::uint32_t count, FunctionId of = 0) {
    Submit({.ask = {.level = Level::kAsync, .function = of, .first_seq = first}, .tasks = count});
  }
  void Note(const auto& record) {
    JournalWriter pen(bench.journal, Purpose::kCompletion);
    ASSERT_TRUE(pen.Add(Level::kAsync, record).has_value());
    pen.Commit();
  }
  // As publication does: it is written down first.
  void End(std::size_t i, Outcome outcome) {
    JournalWriter pen(bench.journal, Purpose::kCompletion);
    ASSERT_TRUE(pen.Add(Level::kAsync, record::Ended{.id = Got(i).id}, outcome).has_value());
    pen.Commit();
    Got(i).outcome = std::move(outcome);
    Got(i).record->coming = &Got(i).outcome;
  }
  // And when it is on the disk.
  void Publish(std::size_t i) {
    TaskPtr task = std::move(accepted.events[i].task);
    task->record->coming = nullptr;
    task->record->lineage = nullptr;
    Outcome outcome = std::move(task->outcome);
    bench.Settle(std::move(task), std::move(outcome));
  }
  [[nodiscard]] const MemoryJournal& Log() {
    if (!GetParam()) return bench.journal;
    Compaction compaction(bench.shared, bench.journal, kEpoch);
    bench.journal.wants_compaction = true;
    for (int i = 0; i < 100 && compaction.completed() == 0; ++i) compaction.Turn();
    EXPECT_EQ(compaction.completed(), 1U);
    return bench.journal;
  }
};

class SnapshotTest : public RestartTest {};

TEST_P(RestartTest, WhatHadNotEndedRunsAgainAndWhatHadIsKept) {
  Accept(1, 4);
  End(0, Bench::Done("one"));
  End(2, Bench::Failed(Reason::kTaskError));
  Publish(0);  // the other outcome is on its way to the disk
  Restarted restarted(Log());
  EXPECT_EQ(restarted.Unfinished(), (Seqs{2, 4}));
  EXPECT_EQ(restarted.bench.in_flight.count(), 2);
  EXPECT_EQ(restarted.Result(1), "one");
  EXPECT_EQ(restarted.Result(3), "task_error");
  EXPECT_EQ(restarted.bench.session().unfetched, 2U);
}

TEST_P(RestartTest, WhatAClientSaidOfItsCostIsKnownAgain) {
  Submit({.ask = {.level = Level::kAsync, .cost_hint_ns = 7'000'000, .first_seq = 1}});
  Restarted restarted(Log());
  ASSERT_EQ(restarted.recovered.tasks.size(), 1U);
  EXPECT_EQ(restarted.recovered.tasks[0].task->estimate, std::chrono::milliseconds(7));
}

// Else it would stand behind all that is new, which has no lines there.
TEST_P(RestartTest, WhatCanWaitIsInALineOfItsOwnOnlyWhereTheDoorGoesByWork) {
  Accept(1, 1);
  Handle(Other(wire::OpenRoot{.seq = 2, .level = Level::kAsync}));
  Submit({.ask = {.level = Level::kAsync, .root = 2, .first_seq = 3}});
  const MemoryJournal& log = Log();
  for (const std::string_view door : {"work_bound", "bound"}) {
    const Restarted restarted(log, {}, door);
    ASSERT_EQ(restarted.Unfinished(), (Seqs{1, 3}));
    for (const Accepted& event : restarted.recovered.tasks) {
      EXPECT_EQ(event.task->root->patient(), door == "work_bound") << door << event.task->id.seq;
    }
  }
}

TEST_P(RestartTest, WhoJoinedTheRootOfAnArgumentIsInItAgain) {
  Accept(1, 1);
  Submit({.ask = {.level = Level::kAsync, .flags = wire::kJoin, .root = 1, .first_seq = 2},
          .args = {{{Bench::kSession, 1}, 0}}});
  Restarted restarted(Log());
  ASSERT_EQ(restarted.Unfinished(), (Seqs{1, 2}));
  const auto& tasks = restarted.recovered.tasks;
  EXPECT_EQ(tasks[0].task->root.get(), tasks[1].task->root.get());
}

TEST_P(RestartTest, WhoJoinedATaskThatHadEndedIsARootOfItsOwnAgain) {
  Accept(1, 1);
  End(0, Bench::Done("one"));
  Publish(0);
  const auto join = [](std::uint64_t seq, std::uint64_t remaining_us) {
    return wire::SubmitPreamble{.level = Level::kAsync,
                                .flags = wire::kJoin,
                                .remaining_us = remaining_us,
                                .root = 1,
                                .first_seq = seq};
  };
  Submit({.ask = join(2, 4'000'000)});
  Submit({.ask = join(3, 0)});
  Restarted restarted(Log());
  ASSERT_EQ(restarted.Unfinished(), (Seqs{2, 3}));
  const auto& tasks = restarted.recovered.tasks;
  EXPECT_EQ(tasks[0].task->root->id, tasks[0].task->id);
  EXPECT_EQ(tasks[1].task->root->id, tasks[1].task->id);
  EXPECT_NE(tasks[0].task->deadline, kNever);
  EXPECT_EQ(tasks[1].task->deadline, kNever) << "it had no deadline, and has none";
}

TEST_P(RestartTest, NumbersThatWereAcceptedStaySo) {
  Accept(1, 2);
  Accept(10, 1);
  End(0, Bench::Done("one"));
  Publish(0);
  {
    MutexLock lock(bench.table.mutex());
    Record* record = bench.table.Find({Bench::kSession, 1});
    ASSERT_TRUE(bench.table.Release(*record));
    bench.table.Sweep(*record);
  }
  Note(record::Released{.first = {Bench::kSession, 1}, .count = 1});
  Restarted restarted(Log());
  EXPECT_TRUE(restarted.Knows(1) && restarted.Knows(2) && restarted.Knows(10));
  EXPECT_FALSE(restarted.Knows(3));
  EXPECT_EQ(restarted.Result(1), "nothing") << "it was released";
}

TEST_P(RestartTest, WhatMayRunOnceAndHadBegunDoesNotRunAgain) {
  const FunctionId once = Restarted::AddOnce(bench);
  Accept(1, 2, once);
  Note(record::Started{.id = Got(0).id});
  Got(0).record->begun = true;
  Restarted restarted(Log());
  EXPECT_EQ(restarted.Unfinished(), (Seqs{2}));
  EXPECT_EQ(restarted.Result(1), "worker_died");
  EXPECT_EQ(restarted.recovered.not_again, 1U);
}

TEST_P(SnapshotTest, WhatBeganWhileASnapshotWasWrittenDoesNotRunAgain) {
  Accept(1, 2, Restarted::AddOnce(bench));
  bench.journal.before_commit = [this] {
    Got(1).record->begun = true;
    Note(record::Started{.id = Got(1).id});
  };
  Restarted restarted(Log());
  EXPECT_EQ(restarted.Unfinished(), (Seqs{1}));
  EXPECT_EQ(restarted.Result(2), "worker_died");
}

TEST_P(SnapshotTest, NothingEndsWhileASnapshotIsWritten) {
  Accept(1, 1);
  bool locked = false;
  bench.journal.before_commit = [&] {
    std::thread([&] {
      locked = !bench.table.mutex().try_lock();
      if (!locked) bench.table.mutex().unlock();
    }).join();
  };
  (void)Log();
  EXPECT_TRUE(locked) << "the end of a task would stand before its beginning";
}

TEST_P(RestartTest, WhatMayRunOnceAndDidNotBeginAfterAllRuns) {
  const FunctionId once = Restarted::AddOnce(bench);
  Accept(1, 1, once);
  Note(record::Started{.id = Got(0).id});
  Note(record::NotStarted{.id = Got(0).id});
  const Restarted restarted(Log());
  EXPECT_EQ(restarted.Unfinished(), (Seqs{1}));
  EXPECT_EQ(restarted.recovered.not_again, 0U);
}

TEST_P(RestartTest, DeathsThatEndedANodeAreCountedBeforeTheTaskRunsAgain) {
  Accept(1, 2);
  const Restarted restarted(Log(), {{Got(1).id, 2}, {{Bench::kSession, 99}, 1}});
  ASSERT_EQ(restarted.Unfinished(), (Seqs{1, 2}));
  EXPECT_EQ(restarted.recovered.tasks[0].task->deaths, 0);
  EXPECT_EQ(restarted.recovered.tasks[1].task->deaths, 2);
  EXPECT_EQ(restarted.recovered.suspects, 1U);
}

TEST_P(RestartTest, PutsAndOpenRootsAreThereAgain) {
  wire::OutBuffer out;
  wire::Encode(wire::Put{.seq = 1, .level = Level::kAsync}, AsBytes("value"), 1, out);
  Handle(From(Bench::kClient, Buffer::CopyOf(out.view())));
  Handle(Other(wire::OpenRoot{.seq = 2, .level = Level::kAsync}));
  Submit({.ask = {.level = Level::kAsync, .root = 2, .first_seq = 3},
          .args = {{{Bench::kSession, 1}, 0}}});
  Restarted restarted(Log());
  EXPECT_EQ(restarted.Result(1), "value");
  ASSERT_EQ(restarted.Unfinished(), (Seqs{3}));
  EXPECT_EQ(restarted.recovered.tasks[0].task->root->id, (TaskId{Bench::kSession, 2}));
  EXPECT_EQ(restarted.bench.Find({Bench::kSession, 1})->pins, 1U) << "it still needs it";
}

TEST_P(RestartTest, ARootIsClosedAlthoughTheJournalHadNoRoomToSaySo) {
  Handle(Other(wire::OpenRoot{.seq = 1, .level = Level::kAsync}));
  bench.journal.full = true;
  CloseRoot(1);
  bench.journal.full = false;
  Handle(Durable{.written = bench.journal.last()});
  Restarted restarted(Log());
  MutexLock lock(restarted.bench.table.mutex());
  EXPECT_EQ(restarted.bench.table.open_roots(), 0U);
}

INSTANTIATE_TEST_SUITE_P(WithoutAndWithASnapshot, RestartTest, ::testing::Bool());
INSTANTIATE_TEST_SUITE_P(With, SnapshotTest, ::testing::Values(true));

}  // namespace
}  // namespace spillgate::testing
