// Roots that come piece by piece, where submission goes by work: what is expected of them.
#include <gtest/gtest.h>

#include "tests/stages/admission_bench.h"

namespace spillgate {
namespace {

using std::chrono::milliseconds;
using testing::Bench;

class OpenRootsTest : public testing::AdmissionBench {};

TEST_F(OpenRootsTest, AnOpenRootIsChargedWhatItWillBring) {
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

// Those who never bring anything would otherwise keep everybody else out.
TEST_F(OpenRootsTest, WhatIsOnlyPromisedToAMoreImportantClassLeavesNoSlotIdle) {
  for (std::uint64_t seq = 1; seq <= 16; ++seq) {
    EXPECT_EQ(Open(seq, 6, Nanos(0), TaskClass::kCritical), "accepted 1");
  }
  EXPECT_EQ(SubmitWithin(milliseconds(20), 100, 10), "accepted 5, backlog 5") << "the floor";
  EXPECT_EQ(SubmitWithin(milliseconds(20), 200), "backlog 1") << "which those fill now";
}

// It was let in for that.
TEST_F(OpenRootsTest, ATaskThatSaysNothingTakesWhatIsSaidOfItsRoot) {
  const FunctionId inlined = bench.AddFunction("inlined", 1000, 0, Host::kInline);
  EXPECT_EQ(Open(1, 4, milliseconds(100)), "accepted 1");
  EXPECT_EQ(Submit({.ask = {.root = 1, .first_seq = 3}}), "accepted 1");
  EXPECT_EQ(Submit({.ask = {.cost_hint_ns = 3'000'000, .root = 1, .first_seq = 4}}), "accepted 1");
  EXPECT_EQ(Submit({.ask = {.function = inlined, .root = 1, .first_seq = 5}}), "accepted 1");
  EXPECT_EQ(Spawn(Got(0), 1), "accepted 1");
  EXPECT_EQ(Got(0).estimate, milliseconds(1));
  EXPECT_EQ(Got(1).estimate, milliseconds(3));
  EXPECT_EQ(Got(2).estimate, Nanos(0)) << "nobody times it";
  EXPECT_EQ(Got(3).estimate, Nanos(0)) << "that is another matter";
}

TEST_F(OpenRootsTest, SmallPiecesInRootsAreJudgedLikeTheWhole) {
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

TEST_F(OpenRootsTest, PromisesAreOfNoMoreThanTheNodeCanHave) {
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

TEST_F(OpenRootsTest, ARootIsOneToAControllerThatGoesByThoseThatRan) {
  for (const char* name : {"seda_aimd", "adaptive_bound", "gradient"}) {
    inbox.Use(flow::MakeController(name));
    EXPECT_EQ(Open(name[0], 100, milliseconds(100)), "accepted 1") << name;
  }
}

// The door could not decide on it, and passed it on.
TEST_F(OpenRootsTest, OneThatCrowdsOutOthersIsRefusedThoughThereIsRoom) {
  Received frame = Other(wire::OpenRoot{.seq = 1});
  frame.exceeds_credit = true;
  Handle(std::move(frame));
  EXPECT_EQ(bench.answered.Verdicts(), "in_flight 1");
  EXPECT_GE(bench.answered.verdicts.back().retry_after_us, 1000U);
  EXPECT_EQ(bench.tally.submission[0].roots_refused[Index(TaskClass::kNormal)].get(), 1U);
  EXPECT_EQ(Promised(), 0);
  EXPECT_EQ(Open(2, 1, Nanos(0)), "accepted 1");
  Received again = Other(wire::OpenRoot{.seq = 2});
  again.exceeds_credit = true;
  bench.answered.Clear();
  Handle(std::move(again));
  EXPECT_EQ(bench.answered.Verdicts(), "earlier 1") << "it is there";
}

TEST_F(OpenRootsTest, TokensArePaidForAllOfItsTasks) {
  inbox.Use(flow::MakeController("seda_aimd"));
  EXPECT_EQ(Open(1, 50, milliseconds(100)), "accepted 1");
  EXPECT_EQ(Open(2, 50, milliseconds(100)), "backlog 1");
  EXPECT_NEAR(bench.answered.verdicts.back().retry_after_us, 4100, 100)
      << "40 are missing, of 10,000 a second";
  EXPECT_EQ(SubmitWithin(milliseconds(100), 10), "backlog 1");
  bench.clock.Advance(milliseconds(4));
  EXPECT_EQ(SubmitWithin(milliseconds(100), 11), "backlog 1");
  bench.clock.Advance(std::chrono::microseconds(200));
  EXPECT_EQ(SubmitWithin(milliseconds(100), 12), "accepted 1");
  EXPECT_EQ(Submit({.ask = {.root = 1, .first_seq = 20}, .tasks = 40}), "accepted 40")
      << "they are paid for";
}

// A normal root may fill 80 of the hundred places.
TEST_F(OpenRootsTest, ABoundCountsWhatTheyAreToBring) {
  inbox.Use(flow::MakeController("bound"));
  EXPECT_EQ(Open(1, 60, Nanos(0)), "accepted 1");
  EXPECT_EQ(Open(2, 60, Nanos(0)), "in_flight 1") << "twenty are left";
  EXPECT_EQ(Open(3, 5, Nanos(0)), "accepted 1");
  EXPECT_EQ(Submit({.ask = {.first_seq = 10}, .tasks = 20}), "accepted 15, in_flight 5");
  EXPECT_EQ(Submit({.ask = {.root = 1, .first_seq = 30}, .tasks = 60}), "accepted 60");
  EXPECT_EQ(Open(4, 5, Nanos(0)), "in_flight 1") << "they have come, and take no more than before";
  CloseRoot(3);
  EXPECT_EQ(Open(5, 5, Nanos(0)), "accepted 1") << "it will bring none, and its like are to as few";
  TickAfter(std::chrono::seconds(1));
  EXPECT_EQ(bench.account.opened().get(), 0) << "what has not come for a second is not expected";
}

// Or it would be refused for ever.
TEST_F(OpenRootsTest, ARootThatIsToBringMoreThanThereArePlacesIsLetIntoAnEmptyNode) {
  inbox.Use(flow::MakeController("bound"));
  EXPECT_EQ(Open(1, 5000, Nanos(0)), "accepted 1");
  EXPECT_EQ(Open(2, 1, Nanos(0)), "in_flight 1");
  EXPECT_EQ(Open(3, 5000, Nanos(0)), "in_flight 1");
}

// Several of a read are on their way to the stage, where the promise is made.
TEST_F(OpenRootsTest, ABoundCountsThoseThatTheDoorHasLetThrough) {
  inbox.Use(flow::MakeController("bound"));
  Admission& door = stage.admission();
  std::vector<Received> frames;
  for (std::uint64_t seq = 1; seq <= 3; ++seq) {
    const wire::OpenRoot root{.seq = seq, .estimated_tasks = 30};
    Ruling ruling;
    door.Judge(root, bench.session().tenant, Nanos(0), ruling, bench.now());
    EXPECT_EQ(ruling.admitted, seq < 3 ? 1U : 0U);
    if (ruling.admitted == 0) continue;
    door.LetThrough(root, bench.session().tenant, ruling, bench.now());
    frames.push_back(Other(root));
    frames.back().ruling = ruling;
  }
  for (Received& frame : frames) Handle(std::move(frame));
  EXPECT_EQ(bench.account.opened().get(), 60);
  EXPECT_EQ(Open(4, 30, Nanos(0)), "in_flight 1") << "once each";
  EXPECT_EQ(Open(5, 20, Nanos(0)), "accepted 1");
}

TEST_F(OpenRootsTest, ADryRunByWorkSeesThem) {
  inbox.Use(flow::MakeController("none"));
  inbox.UseDryRun(flow::MakeController("work_bound"));
  EXPECT_EQ(SubmitWithin(milliseconds(100), 100, 60), "accepted 60") << "30 ms";
  const auto& refused = inbox.dry_run()->refused[Index(TaskClass::kNormal)];
  const std::uint64_t before = refused.get();
  EXPECT_EQ(Open(1, 1, milliseconds(20)), "accepted 1");
  EXPECT_EQ(refused.get(), before + 1);
  EXPECT_EQ(Open(2, 1, milliseconds(200)), "accepted 1") << "it can wait";
  EXPECT_EQ(refused.get(), before + 1);
}

TEST_F(OpenRootsTest, ADryRunByWorkSeesWhatTheyWillBring) {
  inbox.Use(flow::MakeController("none"));
  inbox.UseDryRun(flow::MakeController("work_bound"));
  EXPECT_EQ(Open(1, 60, milliseconds(100)), "accepted 1");
  EXPECT_EQ(Promised(), 60);
  const auto& refused = inbox.dry_run()->refused[Index(TaskClass::kNormal)];
  const std::uint64_t before = refused.get();
  EXPECT_EQ(SubmitWithin(milliseconds(20), 100, 20), "accepted 20");
  EXPECT_GT(refused.get(), before);
  CloseRoot(1);
  EXPECT_EQ(Promised(), 0);
}

TEST_F(OpenRootsTest, WhatIsNotTakenKeepsNoPromise) {
  EXPECT_EQ(Open(1, 10, milliseconds(100)), "accepted 1");
  EXPECT_EQ(Submit({.ask = {.root = 1, .first_seq = 3}, .tasks = 4}), "accepted 4");
  EXPECT_EQ(Submit({.ask = {.attempt = 1, .root = 1, .first_seq = 3}, .tasks = 4}), "earlier 4");
  EXPECT_EQ(Promised(), 6);
}

// Or a client that leaves its roots open would hold up the others for as long as it is there.
TEST_F(OpenRootsTest, WhatHasNotComeForASecondIsExpectedNoMore) {
  EXPECT_EQ(Open(1, 50, Nanos(0)), "accepted 1");
  EXPECT_EQ(Open(2, 20, milliseconds(500)), "accepted 1");
  EXPECT_EQ(Promised(), 70);
  EXPECT_FALSE(stage.Idle());
  TickAfter(milliseconds(501));
  EXPECT_EQ(Promised(), 50) << "the other one has no time left";
  EXPECT_EQ(Submit({.ask = {.root = 1, .first_seq = 3}, .tasks = 10}), "accepted 10");
  TickAfter(milliseconds(500));
  EXPECT_EQ(Promised(), 40) << "something of it has come";
  TickAfter(milliseconds(500));
  EXPECT_EQ(Promised(), 0);
  EXPECT_TRUE(stage.Idle());
  EXPECT_EQ(Submit({.ask = {.root = 1, .first_seq = 20}, .tasks = 10}), "accepted 10")
      << "it is open all the same";
  EXPECT_EQ(Promised(), 0);
}

// What it was expected to spawn ends at its own time, whatever else it spawns.
TEST_F(OpenRootsTest, ChildrenOfOtherRootsPutOffNothing) {
  for (int i = 0; i < 4; ++i) {
    bench.costs.LearnRoot(function);
    for (int child = 0; child < 12; ++child) {
      bench.costs.LearnSpawn(function, milliseconds(1), bench.Takes(milliseconds(1)));
    }
  }
  EXPECT_EQ(SubmitWithin(Nanos(0), 1), "accepted 1");
  ASSERT_GT(Promised(), 2);
  EXPECT_EQ(Spawn(Got(0), 2), "accepted 2");
  EXPECT_EQ(Got(0).root->promised_until, Instant{});
}

TEST_F(OpenRootsTest, ARootWhoseTasksTakeLongerThanItHasIsOutOfReach) {
  bench.account.Of(TaskClass::kNormal).tasks.Add(1);  // others wait
  EXPECT_EQ(Open(1, 50, milliseconds(24)), "backlog 1") << "25 ms on two slots";
  EXPECT_EQ(Open(2, 50, milliseconds(50)), "accepted 1");
}

// Or to say that they are small would buy what others are refused.
TEST_F(OpenRootsTest, ARootIsExpectedToBringWhatItsTenantsRootsHaveBrought) {
  std::uint64_t seq = 1;
  const auto run = [&](std::uint32_t said, std::uint32_t tasks) {
    const std::uint64_t root = seq++;
    EXPECT_EQ(Open(root, said, Nanos(0)), "accepted 1");
    Submit({.ask = {.root = root, .first_seq = seq}, .tasks = tasks});
    seq += tasks;
    CloseRoot(root);
    for (std::uint32_t i = 0; i < tasks; ++i) End(accepted.events.size() - 1 - i);
  };
  for (int i = 0; i < 4; ++i) run(2, 8);
  EXPECT_EQ(Open(seq++, 3, Nanos(0)), "accepted 1");
  EXPECT_EQ(Promised(), 12) << "four times what is said";
  EXPECT_EQ(Open(seq++, 0, Nanos(0)), "accepted 1");
  EXPECT_EQ(Promised(), 12 + 8) << "as many as its like";
}

TEST_F(OpenRootsTest, ARootThatBringsMoreThanItSaidOwesNothing) {
  EXPECT_EQ(Open(1, 2, milliseconds(100)), "accepted 1");
  EXPECT_EQ(Submit({.ask = {.root = 1, .first_seq = 3}, .tasks = 5}), "accepted 5");
  EXPECT_EQ(Promised(), 0);
  CloseRoot(1);
  EXPECT_EQ(Promised(), 0);
}

// Its client never does: it would take the room of others for as long as its session lives.
TEST_F(OpenRootsTest, ARootIsClosedWhenItsTimeIsOver) {
  bench.limits.open_roots = 3;
  EXPECT_EQ(Open(1, 1, milliseconds(50)), "accepted 1");
  EXPECT_EQ(Open(2, 1, milliseconds(90)), "accepted 1");
  EXPECT_EQ(Open(3, 1, milliseconds(90)), "quota 1") << "a tenant has half of them, rounded up";
  EXPECT_GE(bench.answered.verdicts.back().retry_after_us, 10'000U);
  bench.clock.Advance(milliseconds(50));
  EXPECT_EQ(Open(4, 1, milliseconds(90)), "accepted 1");
  EXPECT_EQ(Submit({.ask = {.root = 1, .first_seq = 30}}), "unknown_root 1");
  EXPECT_EQ(Submit({.ask = {.root = 2, .first_seq = 31}}), "accepted 1");
  const TenantId tenant = bench.session().tenant;
  MutexLock lock(bench.table.mutex());
  EXPECT_EQ(bench.table.open_roots(), 2U);
  EXPECT_EQ(bench.table.open_roots(tenant), 2U);
}

TEST_F(OpenRootsTest, WhatIsNeverClosedTeachesThatItBringsNoFewer) {
  EXPECT_EQ(Open(1, 1, milliseconds(50)), "accepted 1");
  EXPECT_EQ(Submit({.ask = {.root = 1, .first_seq = 10}, .tasks = 20}), "accepted 20");
  EXPECT_EQ(Open(50, 10, milliseconds(50)), "accepted 1");
  bench.clock.Advance(milliseconds(50));
  EXPECT_EQ(Open(51, 1, Nanos(0)), "accepted 1");
  const OpenRootSizes& sizes =
      bench.account.At(TaskClass::kNormal, bench.session().tenant).open_roots;
  EXPECT_EQ(sizes.Expect(1), 20U) << "of the one that brought none nothing is learned";
}

// Its own task is little of it.
TEST_F(OpenRootsTest, ARootIsChargedWhatOthersLikeItHaveSpawned) {
  for (int i = 0; i < 4; ++i) {
    bench.costs.LearnRoot(function);
    for (int child = 0; child < 12; ++child) {
      bench.costs.LearnSpawn(function, milliseconds(1), bench.Takes(milliseconds(1)));
    }
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

}  // namespace
}  // namespace spillgate
