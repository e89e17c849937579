// What submission says to frames of clients: each verdict and each reason, repeats, puts, roots.
#include "tests/stages/submission_bench.h"

namespace spillgate::testing {
namespace {

using std::chrono::milliseconds;

class SubmissionTest : public SubmissionBench {};

TEST_F(SubmissionTest, AGroupIsAcceptedAcknowledgedAndHandedOnWithItsPlaces) {
  EXPECT_EQ(Submit({.tasks = 3}), "accepted 3");
  ASSERT_EQ(accepted.events.size(), 3U);
  EXPECT_EQ(Got(2).id, (TaskId{Bench::kSession, 3}));
  EXPECT_EQ(bench.in_flight.count(), 3);
  EXPECT_EQ(inbox.credits().count(), 0);
  EXPECT_EQ(bench.session().unfinished, 3U);
  EXPECT_NE(Got(0).root.get(), Got(1).root.get()) << "each is a root of its own";
}

TEST_F(SubmissionTest, ADeadlineCountsFromNowLessTheTimeOnTheWay) {
  Received frame = From(Bench::kClient, Write({.ask = {.remaining_us = 5000}}));
  frame.transit = milliseconds(1);
  Handle(std::move(frame));
  EXPECT_EQ(Got(0).deadline, bench.now() + milliseconds(4));
  Received late = From(Bench::kClient, Write({.ask = {.remaining_us = 5000, .first_seq = 2}}));
  late.transit = milliseconds(5);
  bench.answered.Clear();
  Handle(std::move(late));
  EXPECT_EQ(bench.answered.Verdicts(), "expired 1");
}

TEST_F(SubmissionTest, WhatNamesNothingIsRefused) {
  EXPECT_EQ(Submit({.ask = {.function = 99}}), "unknown_function 1");
  EXPECT_EQ(Submit({.ask = {.shape = 99}}), "unknown_shape 1");
  EXPECT_EQ(Submit({.ask = {.root = 99}}), "unknown_root 1");
  bench.answered.Clear();
  Handle(From(Bench::kClient, Write({}), 12345));
  EXPECT_EQ(bench.answered.Verdicts(), "session_ended 1") << "no such session";
  EXPECT_EQ(bench.in_flight.count(), 0);
}

TEST_F(SubmissionTest, ASessionThatHasEndedTakesNothingNewAndTheRefusalSaysSo) {
  bench.session().ended = true;
  EXPECT_EQ(Submit({}), "session_ended 1");
  EXPECT_EQ(Put(2, "x"), "session_ended 1");
  EXPECT_EQ(OpenRoot(3), "session_ended 1");
  EXPECT_EQ(bench.answered.verdicts.back().retry_after_us, 0U) << "it does not pass by itself";
  const auto& refused = bench.tally.submission[0].refused;
  EXPECT_EQ(refused[static_cast<std::size_t>(Reason::kSessionEnded)].get(), 3U);
}

TEST_F(SubmissionTest, ChildrenComeFromTasksAndTasksSendNothingElse) {
  const wire::ChildPreamble child{.parent = {1, 1}, .stream = 0, .attempt = 1, .first_index = 0};
  Handle(From(Bench::kClient, Write({}, &child)));
  EXPECT_EQ(bench.answered.Verdicts(), "malformed 1");
  bench.answered.Clear();
  Handle(From(kTask, Write({})));
  EXPECT_EQ(bench.answered.Verdicts(), "malformed 1");
}

TEST_F(SubmissionTest, ABrokenFixedPartIsAnErrorAndABrokenBodyARefusalBesides) {
  Buffer fixed = Write({});
  fixed.data()[wire::kHeaderSize] = std::byte{9};  // no such class
  Handle(From(Bench::kClient, fixed));
  EXPECT_EQ(bench.answered.errors.size(), 1U);
  EXPECT_TRUE(bench.answered.verdicts.empty());
  Buffer body = Write({});
  body.data()[wire::kHeaderSize + wire::kPreambleSize] = std::byte{0xff};
  Handle(From(Bench::kClient, body));
  EXPECT_EQ(bench.answered.errors.size(), 2U);
  EXPECT_EQ(bench.answered.Verdicts(), "malformed 1");
  EXPECT_EQ(bench.in_flight.count(), 0);
}

TEST_F(SubmissionTest, AnArgumentBeyondTheLimitIsTooLarge) {
  bench.limits.inline_value = 10;
  EXPECT_EQ(Submit({.inline_arg = std::string(11, 'x')}), "too_large 1");
}

TEST_F(SubmissionTest, ADrainingNodeTakesNothingNew) {
  bench.signals.draining = true;
  constexpr std::uint32_t kSecond = 1'000'000;  // it goes on for some
  EXPECT_EQ(Submit({}), "draining 1");
  EXPECT_EQ(bench.answered.verdicts[0].retry_after_us, kSecond);
  EXPECT_EQ(Put(2, "x"), "draining 1");
  EXPECT_EQ(bench.answered.verdicts[0].retry_after_us, kSecond);
  EXPECT_EQ(OpenRoot(3), "draining 1");
  EXPECT_EQ(bench.answered.verdicts[0].retry_after_us, kSecond);
}

TEST_F(SubmissionTest, WithoutAJournalNothingDurableIsTaken) {
  constexpr std::uint32_t kSecond = 1'000'000;  // a disk is not repaired in a millisecond
  EXPECT_EQ(Submit({.ask = {.level = Level::kAsync}}), "journal 1");
  EXPECT_EQ(bench.answered.verdicts[0].retry_after_us, kSecond);
  EXPECT_EQ(OpenRoot(2, 0, Level::kAsync), "journal 1");
  EXPECT_EQ(bench.answered.verdicts[0].retry_after_us, kSecond);
  EXPECT_EQ(Put(3, "x", Level::kAsync), "journal 1");
  EXPECT_EQ(bench.answered.verdicts[0].retry_after_us, kSecond);
}

// However often it is asked.
TEST_F(SubmissionTest, ALevelThatTheNodeIsNotThereForIsRefusedForGood) {
  bench.journal.open = true;
  bench.limits.level_max = static_cast<std::uint8_t>(Level::kAsync);
  EXPECT_EQ(Submit({.ask = {.level = Level::kSync}}), "too_durable 1");
  EXPECT_EQ(bench.answered.verdicts[0].retry_after_us, 0U);
  EXPECT_EQ(OpenRoot(2, 0, Level::kSync), "too_durable 1");
  EXPECT_EQ(Put(3, "x", Level::kSync), "too_durable 1");
  EXPECT_EQ(bench.answered.verdicts[0].retry_after_us, 0U);
  EXPECT_EQ(Submit({.ask = {.level = Level::kAsync, .first_seq = 4}}), "") << "the disk is to say";
}

TEST_F(SubmissionTest, AFullNodeTakesTheFirstOfAGroupAndSaysWhenToTryAgain) {
  bench.in_flight.Resize(2, 1 << 20);
  EXPECT_EQ(Submit({.ask = {.cls = TaskClass::kCritical}, .tasks = 3}), "accepted 2, in_flight 1");
  EXPECT_GT(bench.answered.verdicts[1].retry_after_us, 0U);
  EXPECT_EQ(bench.tally.submission[0].refused[static_cast<std::size_t>(Reason::kInFlight)].get(),
            1U);
  End(0);
  EXPECT_EQ(Submit({.ask = {.cls = TaskClass::kCritical, .first_seq = 4}}), "accepted 1");
}

TEST_F(SubmissionTest, BytesAreABoundOfTheirOwn) {
  bench.in_flight.Resize(100, 4000);
  const auto submit = [this](std::uint64_t seq) {
    return Submit({.ask = {.cls = TaskClass::kCritical, .first_seq = seq},
                   .inline_arg = std::string(3000, 'x')});
  };
  EXPECT_EQ(submit(1), "accepted 1");
  EXPECT_EQ(submit(2), "in_flight_bytes 1");
  EXPECT_EQ(bench.in_flight.bytes(), Got(0).bytes);
}

TEST_F(SubmissionTest, ATenantHasItsShareAndASessionMayNotLeaveTooMuch) {
  bench.tenants.Set("tenant", 1, 2);
  EXPECT_EQ(Submit({.ask = {.cls = TaskClass::kCritical}, .tasks = 3}), "accepted 2, quota 1");
  EXPECT_GT(bench.answered.verdicts[1].retry_after_us, 0U);
  EXPECT_EQ(bench.in_flight.count(), 2);
  bench.limits.unfetched_per_session = 1;
  End(0);
  constexpr std::uint32_t kLater = 100'000;  // for its client to release some
  EXPECT_EQ(Submit({.ask = {.cls = TaskClass::kCritical, .first_seq = 10}}), "unfetched 1");
  EXPECT_EQ(bench.answered.verdicts[0].retry_after_us, kLater);
  EXPECT_EQ(Put(11, "x"), "unfetched 1");
  EXPECT_EQ(bench.answered.verdicts[0].retry_after_us, kLater);
}

// Past the node's bound it is those who leave most that are refused first, then everybody.
TEST_F(SubmissionTest, AllSessionsTogetherMayNotLeaveTooMuch) {
  constexpr SessionId kOther = 77;
  {
    MutexLock lock(bench.table.mutex());
    Session& other = bench.table.NewSession(kOther);
    other.connection = Bench::kClient;
  }
  const auto submit_by_other = [&](std::uint64_t seq) {
    bench.answered.Clear();
    Handle(From(Bench::kClient, Write({.ask = {.first_seq = seq}}), kOther));
    return bench.answered.Verdicts();
  };
  for (std::uint64_t seq = 1; seq <= 4; ++seq) EXPECT_EQ(Put(seq, "x"), "accepted 1");
  bench.limits.unfetched_bytes = 4 * sizeof(Record);
  EXPECT_EQ(Put(5, "x"), "unfetched 1");
  EXPECT_EQ(submit_by_other(1), "accepted 1");
  bench.limits.unfetched_bytes = 3 * sizeof(Record);
  EXPECT_EQ(submit_by_other(2), "unfetched 1");
  Session& own = bench.session();
  MutexLock lock(bench.table.mutex());
  const std::uint64_t kept = bench.table.KeptBytes();
  EXPECT_EQ(kept, TaskTable::KeptBytes(own));
  EXPECT_TRUE(bench.table.Release(*bench.table.Find({Bench::kSession, 1})));
  EXPECT_EQ(bench.table.KeptBytes(), kept / 4 * 3);
  bench.table.EndSession(own);
  EXPECT_EQ(bench.table.KeptBytes(), 0U);
}

TEST_F(SubmissionTest, TheSameIdAgainIsTheSameTask) {
  Submit({.tasks = 2});
  EXPECT_EQ(Submit({.ask = {.attempt = 1}, .tasks = 2}), "earlier 2");
  EXPECT_EQ(accepted.events.size(), 2U);
  EXPECT_EQ(bench.in_flight.count(), 2);
  End(0);
  {
    MutexLock lock(bench.table.mutex());
    Record* record = bench.table.Find({Bench::kSession, 1});
    ASSERT_TRUE(bench.table.Release(*record));
    bench.table.Sweep(*record);
  }
  EXPECT_EQ(Submit({.ask = {.attempt = 2}, .tasks = 2}), "settled 1, earlier 1");
}

TEST_F(SubmissionTest, ARepeatThatDoesNotSaySoIsOneAllTheSameAndTakesNoPlace) {
  Submit({.tasks = 2});
  EXPECT_EQ(Submit({.tasks = 3}), "earlier 2, accepted 1");
  EXPECT_EQ(bench.in_flight.count(), 3);
  EXPECT_EQ(accepted.events.size(), 3U);
}

TEST_F(SubmissionTest, WhatWasAcceptedIsNeverRefusedAfterwards) {
  bench.in_flight.Resize(2, 1 << 20);
  EXPECT_EQ(Submit({.ask = {.cls = TaskClass::kCritical}, .tasks = 3}), "accepted 2, in_flight 1");
  EXPECT_EQ(Submit({.ask = {.cls = TaskClass::kCritical, .attempt = 1}, .tasks = 3}),
            "earlier 2, in_flight 1")
      << "the node is full";
  bench.signals.draining = true;
  EXPECT_EQ(Submit({.ask = {.attempt = 2, .remaining_us = 1}, .tasks = 2}), "earlier 2");
}

TEST_F(SubmissionTest, ARepeatInTheSameBatchFindsTheFirstAttempt) {
  bench.in_flight.Resize(1, 1 << 20);
  Handle(From(Bench::kClient, Write({.ask = {.cls = TaskClass::kCritical}, .correlation = 1})),
         From(Bench::kClient,
              Write({.ask = {.cls = TaskClass::kCritical, .attempt = 1}, .correlation = 2})));
  EXPECT_EQ(bench.answered.Verdicts(), "accepted 1, earlier 1");
}

TEST_F(SubmissionTest, APutIsAnObjectAtOnceAndOnce) {
  EXPECT_EQ(Put(1, "value"), "accepted 1");
  const Record* record = bench.Find({Bench::kSession, 1});
  ASSERT_NE(record, nullptr);
  EXPECT_EQ(AsText(record->outcome.value.view()), "value");
  EXPECT_EQ(Put(1, "other"), "earlier 1");
  bench.limits.inline_value = 10;
  bench.limits.value_heap = 50;
  EXPECT_EQ(Put(2, std::string(100, 'x')), "in_flight_bytes 1");
  EXPECT_GT(bench.answered.verdicts[0].retry_after_us, 0U);
}

TEST_F(SubmissionTest, AnAcceptedTaskPinsItsArguments) {
  Put(1, "value");
  Submit({.ask = {.first_seq = 2}, .args = {{{Bench::kSession, 1}, 0}}});
  EXPECT_EQ(bench.Find({Bench::kSession, 1})->pins, 1U);
  Submit(
      {.ask = {.first_seq = 3}, .args = {{{Bench::kSession, 1}, 0}, {{Bench::kSession, 99}, 0}}});
  EXPECT_EQ(bench.Find({Bench::kSession, 1})->pins, 1U) << "it will fail: it pins nothing";
}

TEST_F(SubmissionTest, ARootIsChargedWhatItIsEstimatedToBringUpToItsWindow) {
  bench.in_flight.Resize(10, 1 << 20);
  bench.limits.root_window = 8;
  const auto open = [&](std::uint64_t seq, std::uint32_t tasks) {
    bench.answered.Clear();
    Handle(
        Other(wire::OpenRoot{.seq = seq, .cls = TaskClass::kCritical, .estimated_tasks = tasks}));
    return bench.answered.Verdicts();
  };
  EXPECT_EQ(open(100, 1'000'000), "accepted 1") << "no more than its window at a time";
  EXPECT_EQ(open(101, 3), "in_flight 1");
  TickAfter(std::chrono::seconds(1));  // it is to bring no more
  Submit({.ask = {.cls = TaskClass::kCritical}, .tasks = 3});
  EXPECT_EQ(open(102, 8), "in_flight 1");
  EXPECT_EQ(open(103, 6), "accepted 1");
  EXPECT_EQ(open(104, 0), "accepted 1");
}

TEST_F(SubmissionTest, AnOpenRootTakesTasksWithinItsWindowUntilItIsClosed) {
  bench.limits.root_window = 2;
  EXPECT_EQ(OpenRoot(1), "accepted 1");
  EXPECT_EQ(OpenRoot(1), "earlier 1");
  EXPECT_EQ(Submit({.ask = {.root = 1, .first_seq = 2}, .tasks = 3}), "accepted 2, quota 1");
  EXPECT_GT(bench.answered.verdicts[1].retry_after_us, 0U);
  EXPECT_EQ(Got(0).root.get(), Got(1).root.get());
  EXPECT_EQ(Submit({.ask = {.attempt = 1, .root = 1, .first_seq = 2}, .tasks = 2}), "earlier 2");
  End(0);
  EXPECT_EQ(Submit({.ask = {.root = 1, .first_seq = 5}}), "accepted 1");
  CloseRoot(1);
  EXPECT_EQ(Submit({.ask = {.root = 1, .first_seq = 6}}), "unknown_root 1");
  End(1);
  End(2);
  EXPECT_EQ(OpenRoot(1), "settled 1") << "it ended with the last of its tasks";
}

TEST_F(SubmissionTest, TasksOfARootHaveItsClassAndAtMostItsTime) {
  Handle(Other(wire::OpenRoot{.seq = 1, .cls = TaskClass::kHigh, .remaining_us = 10'000}));
  const Instant end = bench.now() + milliseconds(10);
  Submit({.ask = {.cls = TaskClass::kSheddable, .root = 1, .first_seq = 2}});
  Submit({.ask = {.remaining_us = 2000, .root = 1, .first_seq = 3}});
  EXPECT_EQ(Got(0).cls, TaskClass::kHigh);
  EXPECT_EQ(Got(0).deadline, end);
  EXPECT_EQ(Got(1).deadline, bench.now() + milliseconds(2));
}

TEST_F(SubmissionTest, RequestsRideBehindTheSubmissionsBeforeThem) {
  const wire::ObjectName name{.task = {Bench::kSession, 1}};
  Handle(From(Bench::kClient, Write({})), Other(wire::Get{.ids = {&name, 1}, .timeout_us = 0}, 2));
  ASSERT_EQ(asked.events.size(), 1U);
  EXPECT_EQ(bench.requests.count(), 1);
  EXPECT_EQ(inbox.credits().count(), 0);
}

TEST_F(SubmissionTest, ARequestWaitsForRoomInPublicationAndKeepsTheStageAwake) {
  ASSERT_TRUE(bench.requests.Reserve(100, 0));
  const wire::ObjectName name{.task = {Bench::kSession, 1}};
  Handle(Other(wire::Get{.ids = {&name, 1}, .timeout_us = 0}, 2));
  EXPECT_TRUE(asked.events.empty());
  EXPECT_FALSE(stage.Idle());
  bench.requests.Release(100, 0);
  stage.Tick(bench.now());
  EXPECT_EQ(asked.events.size(), 1U);
  EXPECT_TRUE(stage.Idle());
}

// Or what it had asked for would be answered for ever, to nobody.
TEST_F(SubmissionTest, TheEndOfAConnectionComesBehindWhatItAsked) {
  ASSERT_TRUE(bench.requests.Reserve(100, 0));
  const wire::ObjectName name{.task = {Bench::kSession, 1}};
  Handle(Other(wire::Get{.ids = {&name, 1}, .timeout_us = 0}, 2),
         ConnectionGone{Bench::kClient, Bench::kSession});
  EXPECT_TRUE(gone.events.empty());
  EXPECT_FALSE(stage.Idle());
  bench.requests.Release(100, 0);
  stage.Tick(bench.now());
  EXPECT_EQ(asked.events.size(), 1U);
  ASSERT_EQ(gone.events.size(), 1U);
  EXPECT_EQ(gone.events[0].connection, Bench::kClient);
  EXPECT_TRUE(stage.Idle());
}

TEST_F(SubmissionTest, WhatResolutionHasNoPlaceForIsKeptAndDroppedWhenItIsDoomed) {
  accepted.full = true;
  Submit({.tasks = 2});
  EXPECT_FALSE(stage.Idle());
  bench.MarkCancelled({Bench::kSession, 1});
  accepted.full = false;
  stage.Tick(bench.now());
  ASSERT_EQ(accepted.events.size(), 1U);
  EXPECT_EQ(Got(0).id.seq, 2U);
  ASSERT_EQ(ended.events.size(), 1U);
  EXPECT_EQ(ended.events[0].task->outcome.fate, Fate::kCancelled);
  EXPECT_TRUE(stage.Idle());
}

}  // namespace
}  // namespace spillgate::testing
