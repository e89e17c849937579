// Admission by work, at the submission stage: patient roots, costs, and reasons.
#include "stages/admission.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

#include "tests/stages/admission_bench.h"

namespace spillgate {
namespace {

using std::chrono::milliseconds;
using testing::Bench;

class AdmissionTest : public testing::AdmissionBench {};

// Two slots have 200 ms of it to do.
TEST_F(AdmissionTest, AMapOfTwoThousandWithASecondToGoIsAllLetIn) {
  bench.in_flight.Resize(10'000, 16 << 20);
  bench.tenants.Set("tenant", 1, 10'000, {});
  for (auto& target : bench.limits.target_delay_ns) target = Nanos(milliseconds(20)).count();
  for (int i = 0; i < 1000; ++i) bench.costs.Learn(function, std::chrono::microseconds(200));
  for (std::uint64_t seq = 1; seq <= 2000; seq += 100) {
    EXPECT_EQ(SubmitWithin(std::chrono::seconds(1), seq, 100), "accepted 100") << seq;
  }
  EXPECT_EQ(SubmitWithin(std::chrono::seconds(1), 5000, 3000), "accepted 2499, backlog 501")
      << "0.45 of a second of two slots";
}

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

// Those that come to the lines before it may have half of the time, each: to those that are in use,
// and to one more.
TEST_F(AdmissionTest, TheFurtherBehindItStandsTheLessOfItsSlackMayItWait) {
  Admission asks(bench.shared, inbox, bench.tally.submission[0]);
  const auto fits = [&](int seconds) {
    const auto us = static_cast<std::uint64_t>(seconds) * 1'000'000;
    return asks.Fits({.ask = {.function = function, .remaining_us = us}}, Nanos(0), bench.now());
  };
  EXPECT_NEAR(fits(10), 9000, 2) << "4.5 s on two CPUs";
  EXPECT_NEAR(fits(20), 18'000, 2) << "9 s";
  EXPECT_NEAR(fits(200), 180'000, 2) << "90 s";
  auto& came = bench.account.Of(TaskClass::kNormal, 0).came;
  came[0].Set(bench.now().time_since_epoch().count());
  EXPECT_NEAR(fits(10), 9000, 2);
  EXPECT_NEAR(fits(20), 9000, 2);
  EXPECT_NEAR(fits(200), 90'000, 2);
  came[2].Set(bench.now().time_since_epoch().count());
  EXPECT_NEAR(fits(20), 9000, 2) << "that is its own";
  EXPECT_NEAR(fits(200), 45'000, 2) << "22.5 s";
}

TEST_F(AdmissionTest, WhatWouldComeTooLateIsABacklog) {
  // Within 20 ms of which it may wait 8.5: 17 of them run before the last that is let in.
  EXPECT_EQ(SubmitWithin(milliseconds(20), 1, 64), "accepted 18, backlog 46");
  EXPECT_GE(bench.answered.verdicts.back().retry_after_us, 1000U);
  EXPECT_EQ(SubmitWithin(milliseconds(20), 100), "backlog 1");
  EXPECT_EQ(SubmitWithin(Nanos(0), 200), "accepted 1") << "who has time waits";
}

TEST_F(AdmissionTest, WhomWhatRunsLeavesNoTimeIsToldApart) {
  Admission asks(bench.shared, inbox, bench.tally.submission[0]);
  const wire::SubmitPreamble like{.function = function, .remaining_us = 20'000};
  EXPECT_GT(asks.Fits({.ask = like}, Nanos(0), bench.now()), 0);
  EXPECT_FALSE(asks.kept_out());
  bench.account.SetBusyUntil(kCpu, bench.now() + milliseconds(30));
  EXPECT_EQ(asks.Fits({.ask = like}, Nanos(0), bench.now()), 0);
  EXPECT_TRUE(asks.kept_out());
  const wire::SubmitPreamble patient{.function = function};
  EXPECT_GT(asks.Fits({.ask = patient}, Nanos(0), bench.now()), 0);
  EXPECT_FALSE(asks.kept_out()) << "who has no deadline waits";
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

// Of which the function's own runs are a small part. Of another class nothing is known.
TEST_F(AdmissionTest, RootsThatGrowLeaveLessTimeForWaiting) {
  bench.root_spans.Learn(function, TaskClass::kNormal, milliseconds(9), true);
  ASSERT_EQ(bench.root_spans.P95(function, TaskClass::kNormal), Nanos(10'485'760));
  Admission asks(bench.shared, inbox, bench.tally.submission[0]);
  const auto fits = [&](TaskClass cls) {
    const wire::SubmitPreamble like{.cls = cls, .function = function, .remaining_us = 60'000};
    return asks.Fits({.ask = like}, Nanos(0), bench.now());
  };
  EXPECT_EQ(fits(TaskClass::kNormal), 45) << "0.45 of 49.5 ms, half a millisecond each";
  EXPECT_EQ(fits(TaskClass::kHigh), 54);
  EXPECT_EQ(SubmitWithin(milliseconds(60), 1, 64), "accepted 45, backlog 19");
}

TEST_F(AdmissionTest, WhatIsOutOfReachClosesNoWindow) {
  Admission asks(bench.shared, inbox, bench.tally.submission[0]);
  bench.account.Of(TaskClass::kNormal).tasks.Add(1);
  const wire::SubmitPreamble hasty{.function = function, .remaining_us = 500};
  EXPECT_EQ(SubmitWithin(std::chrono::microseconds(500), 1), "backlog 1");
  EXPECT_GT(asks.Fits({.ask = hasty}, Nanos(0), bench.now()), 1'000'000);
}

// It is learned in slot time.
TEST_F(AdmissionTest, AShapeOfTwoSlotsTakesHalfOfItsSlotTime) {
  const FunctionId wide = bench.AddFunction("wide", 2000);
  for (int i = 0; i < 20; ++i) bench.costs.Learn(wide, milliseconds(10), 2 * kOneSlot);
  bench.account.Of(TaskClass::kNormal).tasks.Add(1);  // others wait
  EXPECT_EQ(bench.costs.Estimate(wide), milliseconds(20));
  const auto submit = [&](Nanos remaining, std::uint64_t seq) {
    return Submit({.ask = {.function = wide,
                           .remaining_us = static_cast<std::uint64_t>(remaining.count() / 1000),
                           .first_seq = seq}});
  };
  EXPECT_EQ(submit(milliseconds(15), 1), "accepted 1");
  EXPECT_EQ(submit(milliseconds(9), 2), "backlog 1") << "it takes ten";
}

TEST_F(AdmissionTest, WhatTakesLongNowAndThenIsInReachOfWhatItMostlyTakes) {
  for (int i = 0; i < 200; ++i) {
    const Nanos took = i % 25 == 0 ? milliseconds(500) : milliseconds(1);
    bench.costs.Learn(function, took);
    bench.costs.LearnSpan(function, took);
  }
  ASSERT_GT(bench.costs.Estimate(function), milliseconds(15));
  bench.account.Of(TaskClass::kNormal).tasks.Add(1);  // others wait
  EXPECT_EQ(SubmitWithin(milliseconds(10), 1, 3), "accepted 3");
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

// Else a slot would be kept for what nobody who decides has found too late.
TEST_F(AdmissionTest, SchedulingHearsNothingOfWhatADryRunLooksAt) {
  inbox.Use(flow::MakeController("bound"));
  inbox.UseDryRun(flow::MakeController("work_bound"));
  ASSERT_TRUE(bench.in_flight.Reserve(100, 100));
  EXPECT_EQ(SubmitWithin(milliseconds(20), 1, 64), "in_flight 64");
  EXPECT_EQ(bench.account.At(TaskClass::kNormal).turned_away.shape.load(), nullptr);
}

TEST_F(AdmissionTest, EveryVerdictSaysHowFullTheNodeIs) {
  EXPECT_EQ(SubmitWithin(milliseconds(20), 1, 64), "accepted 18, backlog 46");
  EXPECT_EQ(bench.answered.verdicts.back().load_level, 18 * 255 / 80) << "of its class's places";
  EXPECT_EQ(SubmitWithin(milliseconds(20), 100), "backlog 1");
  EXPECT_EQ(bench.answered.verdicts.back().load_level, 255) << "9 ms of 8.5";
  EXPECT_EQ(SubmitWithin(Nanos(0), 200), "accepted 1");
  EXPECT_EQ(bench.answered.verdicts.back().load_level, 19 * 255 / 80);
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

// Pieces of a root that was let in are no roots, and who asks in vain for other reasons finds no
// full node.
TEST_F(AdmissionTest, RootsForWhichThereIsNoRoomOrNoTimeAreCountedByClass) {
  const auto refused = [this](TaskClass cls) {
    return bench.tally.submission[0].roots_refused[Index(cls)].get();
  };
  EXPECT_EQ(SubmitWithin(milliseconds(20), 1, 64), "accepted 18, backlog 46");
  EXPECT_EQ(refused(TaskClass::kNormal), 46U);
  EXPECT_EQ(OpenRoot(500), "accepted 1");
  ASSERT_TRUE(bench.in_flight.Reserve(82, 82));
  EXPECT_EQ(SubmitWithin(Nanos(0), 600, 3, TaskClass::kCritical), "in_flight 3");
  EXPECT_EQ(Open(700, 5, Nanos(0), TaskClass::kCritical), "in_flight 1");
  EXPECT_EQ(refused(TaskClass::kCritical), 4U);
  EXPECT_EQ(Submit({.ask = {.root = 500, .first_seq = 800}}), "in_flight 1");
  bench.signals.draining = true;
  EXPECT_EQ(SubmitWithin(Nanos(0), 900), "draining 1");
  EXPECT_EQ(refused(TaskClass::kNormal), 46U);
}

// Else those who obey would ask a thousand times a second, for as long as it takes.
TEST_F(AdmissionTest, WhoFindsNoPlaceIsToldWhenThereWillBeOne) {
  const FunctionId slow = bench.AddFunction("slow", 1000);
  bench.costs.Learn(slow, std::chrono::seconds(1));
  const auto submit = [&](std::uint64_t seq, std::uint32_t tasks, std::uint64_t root = 0) {
    return Submit({.ask = {.function = slow, .root = root, .first_seq = seq}, .tasks = tasks});
  };
  const auto retry_after = [this] {
    return std::chrono::microseconds(bench.answered.verdicts.back().retry_after_us);
  };
  EXPECT_EQ(OpenRoot(1), "accepted 1");
  EXPECT_EQ(submit(2, 90), "accepted 80, in_flight 10");
  EXPECT_EQ(retry_after(), std::chrono::seconds(5)) << "ten, of a second each on two slots";
  EXPECT_EQ(submit(100, 1), "in_flight 1");
  EXPECT_EQ(retry_after(), milliseconds(500));
  EXPECT_EQ(submit(200, 100), "in_flight 100");
  EXPECT_EQ(retry_after(), std::chrono::seconds(30)) << "at most";
  EXPECT_EQ(SubmitWithin(std::chrono::hours(1), 300), "in_flight 1") << "a short one";
  EXPECT_EQ(retry_after(), milliseconds(500)) << "that waits for the end of a long one";
  EXPECT_EQ(Open(400, 5, Nanos(0)), "in_flight 1");
  EXPECT_EQ(retry_after(), milliseconds(500)) << "a root of five begins with one place";
  EXPECT_EQ(submit(500, 22, 1), "accepted 20, in_flight 2") << "of a root that was let in";
  EXPECT_EQ(retry_after(), std::chrono::seconds(1));
  bench.account.EndPass();  // all of them run: none waits
  EXPECT_EQ(submit(600, 1), "in_flight 1");
  EXPECT_EQ(retry_after(), milliseconds(10)) << "one of a hundred that take a second";
  flow::ControllerState state;
  inbox.controller().Snapshot(state);
  EXPECT_EQ(state.retry_after, milliseconds(10)) << "which is what the metrics say";
}

// What waits is known whatever decides who is let in.
TEST_F(AdmissionTest, WhoFindsNoPlaceIsToldSoByOtherControllersToo) {
  bench.account.Of(TaskClass::kNormal).tasks.Add(100);
  bench.account.Of(TaskClass::kNormal).work[kCpu].Add(Nanos(std::chrono::seconds(50)).count());
  ASSERT_TRUE(bench.in_flight.Reserve(100, 100));
  std::uint64_t seq = 0;
  for (const char* controller : {"none", "bound", "deadline"}) {
    inbox.Use(flow::MakeController(controller));
    seq += 10;
    EXPECT_EQ(Submit({.ask = {.first_seq = seq}, .tasks = 4}), "in_flight 4") << controller;
    EXPECT_EQ(bench.answered.verdicts.back().retry_after_us, 2'000'000U) << controller;
    Received frame = From(Bench::kClient, Write({.ask = {.first_seq = seq + 5}}));
    frame.exceeds_credit = true;
    Handle(std::move(frame));
    EXPECT_EQ(bench.answered.verdicts.back().retry_after_us, 500'000U) << controller;
  }
}

TEST_F(AdmissionTest, WhoExceedsItsCreditIsToldWhenOthersHaveEnded) {
  bench.account.Of(TaskClass::kNormal).tasks.Add(100);
  bench.account.Of(TaskClass::kNormal).work[kCpu].Add(Nanos(std::chrono::seconds(1)).count());
  Received frame = From(Bench::kClient, Write({.tasks = 3}));
  frame.exceeds_credit = true;
  Handle(std::move(frame));
  EXPECT_EQ(bench.answered.Verdicts(), "in_flight 3");
  EXPECT_EQ(bench.answered.verdicts.back().retry_after_us, 30'000U);
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
