// Admission by work, at the submission stage: patient roots, promises of open ones, and reasons.
#include "stages/admission.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

#include "tests/stages/submission_bench.h"

namespace spillgate {
namespace {

using std::chrono::milliseconds;
using testing::Bench;

// Two CPUs; tasks of `function` are known to take a millisecond each on one of them.
class AdmissionTest : public testing::SubmissionBench {
 protected:
  AdmissionTest() {
    inbox.Use(flow::MakeController("work_bound"));
    for (auto& target : bench.limits.target_delay_ns)
      target = Nanos(std::chrono::seconds(1)).count();
    bench.costs.Learn(function, milliseconds(1));
  }
  std::string SubmitWithin(Nanos remaining, std::uint64_t seq, std::uint32_t tasks = 1,
                           TaskClass cls = TaskClass::kNormal) {
    return Submit({.ask = {.cls = cls,
                           .remaining_us = static_cast<std::uint64_t>(remaining.count() / 1000),
                           .first_seq = seq},
                   .tasks = tasks});
  }
  std::string Open(std::uint64_t seq, std::uint32_t tasks, Nanos remaining) {
    bench.answered.Clear();
    wire::OpenRoot root{.seq = seq};
    root.remaining_us = static_cast<std::uint64_t>(remaining.count() / 1000);
    root.slot_time_ns = 1'000'000;
    root.estimated_tasks = tasks;
    Handle(Other(root));
    return bench.answered.Verdicts();
  }
  [[nodiscard]] std::int64_t Promised() const {
    return bench.account.At(TaskClass::kNormal).promised_tasks.get();
  }
};

TEST_F(AdmissionTest, WhoCanWaitForLongerThanItsClassIsPatient) {
  bench.in_flight.Resize(100, 1 << 20);
  EXPECT_EQ(SubmitWithin(Nanos(0), 1), "accepted 1");
  EXPECT_EQ(SubmitWithin(milliseconds(100), 2), "accepted 1");
  EXPECT_EQ(SubmitWithin(std::chrono::seconds(2), 3), "accepted 1");
  EXPECT_EQ(SubmitWithin(std::chrono::seconds(3), 4), "accepted 1");
  EXPECT_TRUE(Got(0).root->patient()) << "it has no deadline";
  EXPECT_FALSE(Got(1).root->patient());
  EXPECT_FALSE(Got(2).root->patient()) << "0.45 of two seconds are less than one";
  EXPECT_TRUE(Got(3).root->patient());
  bench.limits.default_deadline_ns[Index(TaskClass::kNormal)] = Nanos(milliseconds(50)).count();
  EXPECT_EQ(SubmitWithin(Nanos(0), 5), "accepted 1");
  EXPECT_FALSE(Got(4).root->patient()) << "its class has a deadline";
  inbox.Use(flow::MakeController("bound"));
  EXPECT_EQ(SubmitWithin(std::chrono::seconds(3), 6), "accepted 1");
  EXPECT_FALSE(Got(5).root->patient()) << "nothing is judged by work";
}

TEST_F(AdmissionTest, TheLongerOneCanWaitTheFurtherBehindItStands) {
  EXPECT_EQ(SubmitWithin(std::chrono::seconds(2), 1), "accepted 1");
  EXPECT_EQ(SubmitWithin(std::chrono::seconds(3), 2), "accepted 1");
  EXPECT_EQ(SubmitWithin(std::chrono::seconds(20), 3), "accepted 1");
  EXPECT_EQ(SubmitWithin(std::chrono::seconds(200), 4), "accepted 1");
  EXPECT_EQ(SubmitWithin(Nanos(0), 5), "accepted 1");
  for (const auto& [index, line] : std::map<int, int>{{0, 0}, {1, 1}, {2, 2}, {3, 3}, {4, 3}}) {
    EXPECT_EQ(Got(index).root->line, line) << index;
  }
}

// Those that come later to the lines before it may have half of the time, each.
TEST_F(AdmissionTest, TheFurtherBehindItStandsTheLessOfItsSlackMayItWait) {
  Admission asks(bench.shared, inbox, bench.tally.submission[0]);
  const auto fits = [&](int seconds) {
    const auto us = static_cast<std::uint64_t>(seconds) * 1'000'000;
    return asks.Fits({.ask = {.function = function, .remaining_us = us}}, Nanos(0), bench.now());
  };
  EXPECT_NEAR(fits(10), 9000, 2) << "4.5 s on two CPUs";
  EXPECT_NEAR(fits(20), 9000, 2);
  EXPECT_NEAR(fits(200), 45'000, 2) << "22.5 s";
}

TEST_F(AdmissionTest, WhatWouldComeTooLateIsABacklog) {
  // Within 20 ms of which it may wait 8.5: 17 of them run before the last that is let in.
  EXPECT_EQ(SubmitWithin(milliseconds(20), 1, 64), "accepted 18, backlog 46");
  EXPECT_GE(bench.answered.verdicts.back().retry_after_us, 1000U);
  EXPECT_EQ(SubmitWithin(milliseconds(20), 100), "backlog 1");
  EXPECT_EQ(SubmitWithin(Nanos(0), 200), "accepted 1") << "who has time waits";
}

// As many as would be let in, and of those that come later as many more as run until then.
TEST_F(AdmissionTest, CreditCoversTheTargetAndTheWayToTheClient) {
  Admission asks(bench.shared, inbox, bench.tally.submission[0]);
  const wire::SubmitPreamble like{.function = function, .remaining_us = 20'000};
  EXPECT_EQ(asks.Fits({.ask = like}, Nanos(0), bench.now()), 18);
  EXPECT_EQ(asks.Fits({.ask = like}, milliseconds(10), bench.now()), 38);
  EXPECT_EQ(SubmitWithin(milliseconds(20), 1, 18), "accepted 18");
  bench.account.Of(TaskClass::kNormal, 1).work[0].Add(Nanos(milliseconds(9)).count());
  bench.account.Of(TaskClass::kNormal).work[0].Add(Nanos(milliseconds(9)).count());
  bench.account.Of(TaskClass::kNormal).tasks.Add(18);
  EXPECT_EQ(asks.Fits({.ask = like, .tenant = 1}, Nanos(0), bench.now()), 0);
  EXPECT_GT(asks.Fits({.ask = like, .tenant = 2}, Nanos(0), bench.now()), 8)
      << "what is not its own goes half";
  EXPECT_GT(asks.Fits({.ask = {.function = function}, .tenant = 1}, Nanos(0), bench.now()),
            1'000'000)
      << "it has no deadline, so that only places bound it";
}

TEST_F(AdmissionTest, WhatIsOutOfReachClosesNoWindow) {
  Admission asks(bench.shared, inbox, bench.tally.submission[0]);
  bench.account.Of(TaskClass::kNormal).tasks.Add(1);
  const wire::SubmitPreamble hasty{.function = function, .remaining_us = 500};
  EXPECT_EQ(SubmitWithin(std::chrono::microseconds(500), 1), "backlog 1");
  EXPECT_GT(asks.Fits({.ask = hasty}, Nanos(0), bench.now()), 1'000'000);
}

TEST_F(AdmissionTest, OneFunctionWithArgumentsOfTwoSizesHasTwoCosts) {
  constexpr std::uint32_t kLarge = 64 << 10;
  for (std::uint32_t i = 0; i < 2 * CostModel::kEnough; ++i) {
    bench.costs.Learn({function, kTaskOverhead}, milliseconds(1));
    bench.costs.Learn({function, kLarge}, milliseconds(40));
  }
  Admission asks(bench.shared, inbox, bench.tally.submission[0]);
  bench.account.Of(TaskClass::kNormal).tasks.Add(10);  // others wait
  const wire::SubmitPreamble ask{.count = 1, .function = function, .remaining_us = 20'000};
  EXPECT_EQ(asks.Fits({.ask = ask, .bytes = 100}, Nanos(0), bench.now()), 18);
  EXPECT_GT(asks.Fits({.ask = ask, .bytes = kLarge}, Nanos(0), bench.now()), 1'000'000)
      << "out of reach, which closes no window";
  Ruling ruling;
  asks.Judge({.ask = ask, .bytes = 100}, 1, ruling, bench.now());
  EXPECT_EQ(ruling.admitted, 1U);
  asks.Judge({.ask = ask, .bytes = kLarge}, 1, ruling, bench.now());
  EXPECT_EQ(ruling.admitted, 0U);
}

TEST_F(AdmissionTest, WhatTheRunsThatGoOnLeaveNoChanceIsRefusedThoughNothingWaits) {
  bench.account.SetBusyUntil(kCpu, bench.now() + milliseconds(50));
  EXPECT_EQ(SubmitWithin(milliseconds(20), 1, 2), "backlog 2");
  EXPECT_EQ(bench.answered.verdicts.back().retry_after_us, 50'000U) << "then it has an end";
  EXPECT_EQ(SubmitWithin(milliseconds(55), 10, 64), "accepted 8, backlog 56") << "4 ms are left";
  bench.clock.Advance(milliseconds(40));
  EXPECT_EQ(SubmitWithin(milliseconds(20), 100), "accepted 1");
  EXPECT_EQ(SubmitWithin(Nanos(0), 200), "accepted 1") << "it has time";
}

TEST_F(AdmissionTest, ShortWorkThatHasAPlaceBesideLongRunsDoesNotWaitForThem) {
  const FunctionId longer = bench.AddFunction("longer", 1000);
  bench.costs.Learn(longer, milliseconds(12));
  Admission asks(bench.shared, inbox, bench.tally.submission[0]);
  bench.account.SetBusyUntil(kCpu, bench.now() + milliseconds(50));
  bench.account.SetPlaceForShort(true);
  const auto fits = [&](FunctionId of) {
    return asks.Fits({.ask = {.function = of, .remaining_us = 40'000}}, Nanos(0), bench.now());
  };
  EXPECT_GT(fits(function), 0);
  EXPECT_EQ(fits(longer), 0);
  bench.account.SetPlaceForShort(false);
  EXPECT_EQ(fits(function), 0);
}

// A few always get in, so that no slot is idle; of a function that has one slot, a few for that.
TEST_F(AdmissionTest, WhatIsAlwaysLetInGoesByTheSlotsOfTheFunction) {
  for (auto* work : {&bench.account.Of(TaskClass::kNormal).work[kCpu],
                     &bench.account.Of(TaskClass::kNormal, 1).work[kCpu]}) {
    work->Add(Nanos(milliseconds(30)).count());
  }
  bench.account.Of(TaskClass::kNormal).tasks.Add(3);
  Admission asks(bench.shared, inbox, bench.tally.submission[0]);
  const auto fits = [&] {
    return asks.Fits({.ask = {.function = function, .remaining_us = 20'000}, .tenant = 1}, Nanos(0),
                     bench.now());
  };
  EXPECT_EQ(fits(), 2 * 2 + 1 - 3);
  bench.account.HeldBackOf(function).Add(3);
  bench.account.RunningOf(function).Set(1);
  EXPECT_EQ(fits(), 0);
}

TEST_F(AdmissionTest, SchedulingHearsOfWhatIsTurnedAway) {
  const auto& last = bench.account.At(TaskClass::kNormal).turned_away;
  EXPECT_EQ(SubmitWithin(milliseconds(20), 1, 10), "accepted 10");
  EXPECT_EQ(last.shape, nullptr);
  EXPECT_EQ(SubmitWithin(milliseconds(20), 100, 64), "accepted 8, backlog 56");
  ASSERT_NE(last.shape, nullptr);
  EXPECT_EQ(last.shape.load()->amount[kCpu], 1000);
  EXPECT_EQ(Nanos(last.slack.get()), milliseconds(20));
  EXPECT_EQ(Nanos(last.at.get()), bench.now().time_since_epoch());
}

TEST_F(AdmissionTest, EveryVerdictSaysHowFullTheNodeIs) {
  EXPECT_EQ(SubmitWithin(milliseconds(20), 1, 64), "accepted 18, backlog 46");
  EXPECT_EQ(bench.answered.verdicts.back().load_level, 18 * 255 / 100) << "of the places";
  EXPECT_EQ(SubmitWithin(milliseconds(20), 100), "backlog 1");
  EXPECT_EQ(bench.answered.verdicts.back().load_level, 255) << "9 ms of 8.5";
  EXPECT_EQ(SubmitWithin(Nanos(0), 200), "accepted 1");
  EXPECT_EQ(bench.answered.verdicts.back().load_level, 19 * 255 / 100);
}

// What was learned too high, of runs that had to share their core perhaps, would stay so.
TEST_F(AdmissionTest, WhatIsAlwaysOutOfReachTriesNowAndThen) {
  bench.account.Of(TaskClass::kNormal).tasks.Add(1);  // others always wait
  int tried = 0;
  for (std::uint64_t seq = 1; seq <= 2000; ++seq) {
    tried += SubmitWithin(std::chrono::microseconds(500), seq) == "accepted 1" ? 1 : 0;
    bench.clock.Advance(std::chrono::microseconds(100));
  }
  EXPECT_EQ(tried, 3) << "200 ms, a 64th of which may be wasted";
}

TEST_F(AdmissionTest, WhereThereAreNoPlacesThatIsSaid) {
  bench.in_flight.Resize(10, 1 << 20);
  EXPECT_EQ(SubmitWithin(Nanos(0), 1, 10), "accepted 8, in_flight 2") << "a class has its part";
  EXPECT_EQ(SubmitWithin(Nanos(0), 20, 10), "in_flight 10");
}

TEST_F(AdmissionTest, AnOpenRootIsChargedWhatItWillBring) {
  EXPECT_EQ(Open(1, 50, milliseconds(100)), "accepted 1");
  EXPECT_EQ(Promised(), 50);
  EXPECT_EQ(SubmitWithin(milliseconds(20), 100, 10), "accepted 4, backlog 6")
      << "25 ms go before them, and no more than the floor is let in";
  EXPECT_EQ(Submit({.ask = {.root = 1, .first_seq = 3}, .tasks = 40}), "accepted 40");
  EXPECT_EQ(Promised(), 10) << "the others wait now, or run";
  EXPECT_EQ(SubmitWithin(milliseconds(20), 50), "accepted 1");
  CloseRoot(1);
  EXPECT_EQ(Promised(), 0);
  EXPECT_EQ(bench.account.At(TaskClass::kNormal).promised[0].get(), 0);
}

TEST_F(AdmissionTest, SmallPiecesInRootsAreJudgedLikeTheWhole) {
  std::size_t let_in = 0;
  for (std::uint64_t seq = 1; seq <= 20; ++seq) {
    const std::string verdict = Open(seq, 5, milliseconds(20));
    let_in += verdict == "accepted 1" ? 1 : 0;
    EXPECT_TRUE(verdict == "accepted 1" || verdict == "backlog 1") << verdict;
  }
  EXPECT_GE(let_in, 3U);
  EXPECT_LE(let_in, 5U) << "as many as of the tasks in them fit into 8.5 ms, or the floor";
  EXPECT_EQ(Promised(), static_cast<std::int64_t>(5 * let_in));
}

TEST_F(AdmissionTest, PromisesAreOfNoMoreThanTheNodeCanHave) {
  for (std::uint64_t seq = 1; seq <= 50; ++seq) {
    EXPECT_EQ(Open(seq, 4096, Nanos(0)), "accepted 1") << "it can wait";
    EXPECT_LE(Promised(), 100);
  }
  const WorkAccount::Class& cls = bench.account.At(TaskClass::kNormal);
  EXPECT_GT(cls.promised[0].get(), 0);
  for (std::uint64_t seq = 1; seq <= 50; ++seq) CloseRoot(seq);
  EXPECT_EQ(Promised(), 0);
  EXPECT_EQ(cls.promises.get(), 0);
}

TEST_F(AdmissionTest, ARootIsOneToAControllerThatGoesByThoseThatRan) {
  for (const char* name : {"seda_aimd", "adaptive_bound", "gradient"}) {
    inbox.Use(flow::MakeController(name));
    EXPECT_EQ(Open(name[0], 100, milliseconds(100)), "accepted 1") << name;
  }
}

TEST_F(AdmissionTest, WhatIsNotTakenKeepsNoPromise) {
  EXPECT_EQ(Open(1, 10, milliseconds(100)), "accepted 1");
  EXPECT_EQ(Submit({.ask = {.root = 1, .first_seq = 3}, .tasks = 4}), "accepted 4");
  EXPECT_EQ(Submit({.ask = {.attempt = 1, .root = 1, .first_seq = 3}, .tasks = 4}), "earlier 4");
  EXPECT_EQ(Promised(), 6);
}

TEST_F(AdmissionTest, ARootThatBringsMoreThanItSaidOwesNothing) {
  EXPECT_EQ(Open(1, 2, milliseconds(100)), "accepted 1");
  EXPECT_EQ(Submit({.ask = {.root = 1, .first_seq = 3}, .tasks = 5}), "accepted 5");
  EXPECT_EQ(Promised(), 0);
  CloseRoot(1);
  EXPECT_EQ(Promised(), 0);
}

// Its own task is little of it.
TEST_F(AdmissionTest, ARootIsChargedWhatOthersLikeItHaveSpawned) {
  for (int i = 0; i < 4; ++i) {
    bench.costs.LearnRoot(function);
    for (int child = 0; child < 12; ++child) bench.costs.LearnSpawn(function, milliseconds(1));
  }
  bench.costs.LearnRoot(function);
  ASSERT_EQ(bench.costs.SpawnsOf(function).tasks, 9U) << "48 of five roots";
  EXPECT_EQ(SubmitWithin(milliseconds(100), 1), "accepted 1");
  EXPECT_EQ(Promised(), 9);
  EXPECT_EQ(SubmitWithin(milliseconds(10), 2), "accepted 1") << "the floor: nothing waits yet";
  EXPECT_EQ(Spawn(Got(0), 4), "accepted 4");
  EXPECT_EQ(Promised(), 14);
  bench.Settle(std::move(accepted.events[0].task), Bench::Done("one"));
  EXPECT_EQ(Promised(), 14) << "its children are not done, and may spawn";
  const RootPtr held = Got(1).root;  // by whoever is not done with it yet
  bench.Settle(std::move(accepted.events[1].task), Bench::Done("two"));
  EXPECT_EQ(Promised(), 5) << "it will bring no more";
}

// The door has decided on it, and taken places.
TEST_F(AdmissionTest, WhatWasDecidedAtTheDoorIsNotJudgedAgain) {
  bench.signals.draining = true;  // since
  Received frame = From(Bench::kClient, Write({.tasks = 3}));
  frame.ruling = {.admitted = 2,
                  .bytes_each = 600,
                  .refusal = Reason::kBacklog,
                  .retry_after = std::chrono::milliseconds(7),
                  .deadline = bench.now() + std::chrono::seconds(1)};
  ASSERT_TRUE(bench.in_flight.Reserve(2, 1200));
  Handle(std::move(frame));
  EXPECT_EQ(bench.answered.Verdicts(), "accepted 2, backlog 1");
  EXPECT_EQ(bench.answered.verdicts.back().retry_after_us, 7000U);
  EXPECT_EQ(bench.in_flight.count(), 2);
  EXPECT_EQ(Got(0).bytes, 600U);
  EXPECT_EQ(Got(1).deadline, bench.now() + std::chrono::seconds(1));
  // What then turns out to be a repeat gives its place back.
  Received again = From(Bench::kClient, Write({.tasks = 1}));
  again.ruling = {.admitted = 1, .bytes_each = 600};
  ASSERT_TRUE(bench.in_flight.Reserve(1, 600));
  Handle(std::move(again));
  EXPECT_EQ(bench.in_flight.count(), 2);
}

TEST_F(AdmissionTest, WhatNobodyKnowsIsOnProbation) {
  const FunctionId unknown = bench.AddFunction("unknown", 1000);
  const auto submit = [&](std::uint64_t remaining_us, std::uint64_t seq) {
    return Submit({.ask = {.function = unknown, .remaining_us = remaining_us, .first_seq = seq},
                   .tasks = 20});
  };
  EXPECT_EQ(submit(100'000, 1), "accepted 4, backlog 16") << "two for each slot";
  EXPECT_EQ(submit(0, 100), "accepted 20") << "who can wait is in nobody's way";
}

}  // namespace
}  // namespace spillgate
