// What waits for the disk: acknowledgements and results.
#include <cstdint>
#include <vector>

#include "stages/publication.h"
#include "tests/stages/publication_bench.h"
#include "tests/stages/submission_bench.h"

namespace spillgate::testing {
namespace {

class DurableSubmissionTest : public SubmissionBench {
 protected:
  DurableSubmissionTest() { bench.journal.open = true; }

  std::string SubmitAt(Level level, std::uint64_t seq, std::uint8_t attempt = 0) {
    return Submit({.ask = {.level = level, .attempt = attempt, .first_seq = seq}});
  }
  std::string Tell(const Durable& durable) {
    bench.answered.Clear();
    Handle(durable);
    return bench.answered.Verdicts();
  }
  [[nodiscard]] Lsn last() const { return bench.journal.last(); }
};

TEST_F(DurableSubmissionTest, AnAcknowledgementWaitsForWhatItsLevelPromises) {
  EXPECT_EQ(SubmitAt(Level::kAsync, 1), "");
  const Lsn first = last();
  EXPECT_EQ(SubmitAt(Level::kSync, 2), "");
  EXPECT_EQ(SubmitAt(Level::kNone, 3), "accepted 1") << "it promises nothing";
  EXPECT_EQ(accepted.events.size(), 3U) << "they may run before";
  EXPECT_EQ(Tell({.written = first - 1}), "");
  EXPECT_EQ(Tell({.written = first}), "accepted 1");
  EXPECT_EQ(bench.answered.verdicts[0].first_seq, 1U);
  EXPECT_EQ(Tell({.written = last(), .synced = first}), "");
  EXPECT_FALSE(stage.Idle());
  EXPECT_EQ(Tell({.written = last(), .synced = last()}), "accepted 1");
  EXPECT_EQ(bench.answered.verdicts[0].first_seq, 2U);
  EXPECT_TRUE(stage.Idle());
}

TEST_F(DurableSubmissionTest, SoDoThoseOfPutsAndRoots) {
  wire::OutBuffer out;
  wire::Encode(wire::Put{.seq = 1, .level = Level::kAsync}, AsBytes("value"), 1, out);
  Handle(From(Bench::kClient, Buffer::CopyOf(out.view())));
  Handle(Other(wire::OpenRoot{.seq = 2, .level = Level::kSync}));
  EXPECT_EQ(bench.answered.Verdicts(), "");
  EXPECT_EQ(Tell({.written = last(), .synced = last() - 1}), "accepted 1");
  EXPECT_EQ(Tell({.written = last(), .synced = last()}), "accepted 1");
}

TEST_F(DurableSubmissionTest, ARepeatPromisesNoMoreThanTheFirstAttempt) {
  SubmitAt(Level::kAsync, 1);
  EXPECT_EQ(SubmitAt(Level::kAsync, 1, 1), "") << "its record is not on the disk either";
  EXPECT_EQ(Tell({.written = last()}), "accepted 1, earlier 1");
  EXPECT_EQ(SubmitAt(Level::kAsync, 1, 2), "earlier 1");
}

TEST_F(DurableSubmissionTest, WhatAFailingDiskMayHaveLostIsUnknown) {
  SubmitAt(Level::kAsync, 1);
  const Lsn first = last();
  SubmitAt(Level::kAsync, 2);
  EXPECT_EQ(Tell({.written = first, .unknown = last()}), "accepted 1, unknown 1");
  // Asked again while the disk still does not say, which nobody will be told a second time.
  EXPECT_EQ(SubmitAt(Level::kAsync, 2, 1), "unknown 1");
}

TEST_F(DurableSubmissionTest, WhatADiskThatStandsStillWouldTellTooLateIsRefused) {
  const auto submit = [this](Level level, std::uint64_t seq, std::uint64_t remaining_us) {
    return Submit({.ask = {.level = level, .remaining_us = remaining_us, .first_seq = seq}});
  };
  EXPECT_EQ(submit(Level::kAsync, 1, 20'000), "") << "it waits for the disk";
  bench.clock.Advance(std::chrono::milliseconds(9));
  EXPECT_EQ(submit(Level::kAsync, 2, 10'000), "") << "it may be in time";
  bench.clock.Advance(std::chrono::milliseconds(1));
  EXPECT_EQ(submit(Level::kAsync, 3, 10'000), "journal 1");
  EXPECT_EQ(bench.answered.verdicts[0].retry_after_us, 10'000U) << "as long as it has stood";
  EXPECT_EQ(submit(Level::kAsync, 4, 11'000), "") << "it has more time than that";
  EXPECT_EQ(submit(Level::kAsync, 5, 0), "") << "it has any time";
  EXPECT_EQ(submit(Level::kSync, 6, 10'000), "") << "nobody waits for what it promises";
  EXPECT_EQ(submit(Level::kNone, 7, 10'000), "accepted 1") << "it needs no disk";
  EXPECT_EQ(Tell({.written = 2}), "accepted 1") << "the first, behind its session";
  EXPECT_EQ(submit(Level::kAsync, 8, 10'000), "") << "the second has waited for a millisecond";
  EXPECT_EQ(Tell({.written = last()}), "accepted 1, accepted 1, accepted 1, accepted 1");
  bench.clock.Advance(std::chrono::seconds(1));
  EXPECT_EQ(submit(Level::kSync, 9, 10'000), "journal 1") << "that one is not synced";
  EXPECT_EQ(submit(Level::kAsync, 10, 10'000), "") << "nothing of that level waits";
}

TEST_F(DurableSubmissionTest, WhatCannotBeginWhileTheDiskStandsStillIsRefused) {
  bench.shared.signals.disk_stands = 1;
  EXPECT_EQ(SubmitAt(Level::kAsync, 1), "") << "it may run again, and begins without a note";
  bench.limits.max_retries = 0;
  EXPECT_EQ(SubmitAt(Level::kAsync, 2), "journal 1");
  EXPECT_EQ(bench.answered.verdicts[0].retry_after_us, 1'000'000U);
  EXPECT_EQ(SubmitAt(Level::kNone, 3), "accepted 1") << "nobody notes it";
  bench.shared.signals.disk_stands = 0;
  EXPECT_EQ(SubmitAt(Level::kAsync, 4), "");
}

// Its tasks would run for nothing, each.
TEST_F(DurableSubmissionTest, SoIsARootThatIsOpened) {
  const auto open = [this](Level level, std::uint64_t seq, std::uint64_t remaining_us) {
    bench.answered.Clear();
    Handle(Other(wire::OpenRoot{.seq = seq, .level = level, .remaining_us = remaining_us}));
    return bench.answered.Verdicts();
  };
  EXPECT_EQ(open(Level::kAsync, 1, 20'000), "") << "it waits for the disk";
  bench.clock.Advance(std::chrono::milliseconds(10));
  EXPECT_EQ(open(Level::kAsync, 2, 10'000), "journal 1");
  EXPECT_EQ(bench.answered.verdicts[0].retry_after_us, 10'000U) << "as long as it has stood";
  EXPECT_EQ(open(Level::kAsync, 3, 11'000), "") << "it has more time than that";
  EXPECT_EQ(open(Level::kAsync, 4, 0), "") << "it has any time";
  EXPECT_EQ(open(Level::kNone, 5, 10'000), "accepted 1") << "it needs no disk";
  EXPECT_EQ(Submit({.ask = {.level = Level::kAsync, .root = 1, .first_seq = 6}}), "")
      << "what belongs to a root that was let in is no root";
  EXPECT_EQ(open(Level::kAsync, 2, 10'000), "journal 1") << "that number was never accepted";
}

TEST_F(DurableSubmissionTest, WhatTheJournalHasNoRoomForIsRefusedAndLeavesNothing) {
  for (const std::uint64_t seq : {1, 2}) {  // with the first, the session is to be noted as well
    bench.journal.full = true;
    EXPECT_EQ(SubmitAt(Level::kAsync, seq), "journal 1");
    EXPECT_EQ(bench.in_flight.count(), static_cast<std::int64_t>(seq) - 1);
    EXPECT_EQ(accepted.events.size(), seq - 1);
    bench.journal.full = false;
    SubmitAt(Level::kAsync, seq, 1);
    EXPECT_EQ(Tell({.written = last()}), "accepted 1") << "that number was never accepted";
  }
}

class DurablePublicationTest : public PublicationBench {
 protected:
  // A task that somebody waits for and another one needs, and that has ended.
  [[nodiscard]] Finished End(std::uint64_t seq, Level level) {
    TaskPtr task = bench.Accept(seq, function);
    task->level = task->record->level = level;
    task->record->wanted = true;
    const wire::ObjectName name{.task = task->id};
    wire::OutBuffer out;
    wire::Encode(wire::Get{.ids = {&name, 1}, .timeout_us = wire::kMostTime}, 1, out);
    EXPECT_TRUE(bench.requests.Reserve(1, static_cast<std::int64_t>(out.view().size())));
    Handle(Asked{Bench::kClient, Bench::kSession, Buffer::CopyOf(out.view())});
    return PublicationBench::End(std::move(task), Bench::Done("done"));
  }
  // How many results were told, and to how many dependants.
  [[nodiscard]] std::vector<std::size_t> Told() const {
    return {bench.answered.results.size(), ready.events.size()};
  }
  using Counts = std::vector<std::size_t>;
};

TEST_F(DurablePublicationTest, TheJournalIsToldOfARootThatIsCancelled) {
  const TaskId id{Bench::kSession, 7};
  {
    MutexLock lock(bench.table.mutex());
    const RootPtr root = bench.table.MakeRoot();
    root->id = id;
    root->session = Bench::kSession;
    root->explicit_open = root->durable = true;
    bench.table.AddRoot(root);
  }
  wire::OutBuffer out;
  wire::Encode(wire::Cancel{.ids = {&id, 1}}, 1, out);
  EXPECT_TRUE(bench.requests.Reserve(1, static_cast<std::int64_t>(out.view().size())));
  Handle(Asked{Bench::kClient, Bench::kSession, Buffer::CopyOf(out.view())});
  ASSERT_EQ(bench.journal.records.size(), 1U);
  const auto said = record::Read(AsBytes(bench.journal.records[0].bytes));
  ASSERT_TRUE(said.has_value() && std::holds_alternative<record::RootClosed>(*said));
  EXPECT_EQ(std::get<record::RootClosed>(*said).id, id);
}

TEST_F(DurablePublicationTest, AResultIsHiddenUntilItIsAsDurableAsItsTask) {
  Handle(End(1, Level::kAsync));
  const Lsn first = bench.journal.last();
  Handle(End(2, Level::kSync), End(3, Level::kNone));
  EXPECT_EQ(Told(), (Counts{1, 1})) << "that of level none";
  ASSERT_NE(bench.Find({Bench::kSession, 1})->coming, nullptr) << "a snapshot may write it";
  Handle(Durable{.written = first});
  EXPECT_EQ(Told(), (Counts{2, 2}));
  EXPECT_EQ(bench.Find({Bench::kSession, 1})->coming, nullptr);
  Handle(Durable{.written = bench.journal.last(), .synced = first});
  EXPECT_EQ(Told(), (Counts{2, 2}));
  EXPECT_EQ(bench.in_flight.count(), 1) << "it is in flight until then";
  Handle(Durable{.written = bench.journal.last(), .synced = bench.journal.last()});
  EXPECT_EQ(Told(), (Counts{3, 3}));
  EXPECT_EQ(bench.in_flight.count(), 0);
}

TEST_F(DurablePublicationTest, AResultForWhichTheJournalHasNoRoomIsHeldUntilItHas) {
  bench.journal.full = true;
  Handle(End(1, Level::kAsync));
  Handle(End(2, Level::kAsync));
  EXPECT_TRUE(bench.journal.records.empty());
  bench.journal.full = false;
  stage.Tick(bench.now());
  EXPECT_EQ(bench.journal.records.size(), 2U);
  EXPECT_EQ(Told(), (Counts{0, 0}));
  Handle(Durable{.written = bench.journal.last()});
  EXPECT_EQ(Told(), (Counts{2, 2}));
}

TEST_F(DurablePublicationTest, WhatAStopEndsOfADurableTaskIsNoOutcome) {
  const auto drained = [&](std::uint64_t seq, Level level) {
    Finished event = End(seq, level);
    event.task->outcome = Bench::Failed(Reason::kDrained);
    return event;
  };
  Handle(drained(1, Level::kAsync), drained(2, Level::kSync), drained(3, Level::kNone));
  EXPECT_TRUE(bench.journal.records.empty());
  ASSERT_EQ(bench.answered.results.size(), 1U) << "nobody is told what may change";
  EXPECT_EQ(bench.answered.results[0].head.reason, Reason::kDrained);
  EXPECT_TRUE(bench.Find({Bench::kSession, 1})->open() && bench.Find({Bench::kSession, 2})->open());
  EXPECT_EQ(inbox.load().held, 0) << "it has left the stage";
}

TEST_F(DurablePublicationTest, FailuresAfterTheStopAreNoneOfADurableTask) {
  const auto failed = [&](std::uint64_t seq) {
    Finished event = End(seq, Level::kAsync);
    event.task->outcome = Bench::Failed(Reason::kTaskError);
    return event;
  };
  Handle(failed(1));
  EXPECT_EQ(bench.journal.records.size(), 1U);
  stage.BeginStop();
  Handle(failed(2));
  EXPECT_EQ(bench.journal.records.size(), 1U) << "a child of it may have been stopped";
  Handle(End(3, Level::kAsync));
  EXPECT_EQ(bench.journal.records.size(), 2U) << "what is done is done";
}

TEST_F(DurablePublicationTest, AtTheStopAResultIsToldIfTheDiskHasIt) {
  Handle(End(1, Level::kAsync));
  const Lsn first = bench.journal.last();
  bench.journal.full = true;
  Handle(End(2, Level::kAsync));
  bench.journal.full = false;
  stage.Flush(bench.now());
  EXPECT_EQ(bench.journal.records.size(), 2U);
  EXPECT_EQ(Told(), (Counts{0, 0}));
  Handle(Durable{.written = first});
  EXPECT_EQ(Told(), (Counts{1, 1}));
  EXPECT_TRUE(bench.Find({Bench::kSession, 2})->open()) << "it runs again after a restart";
}

}  // namespace
}  // namespace spillgate::testing
