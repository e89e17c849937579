// Tasks that join the root of an argument, which may have ended by then.
#include <initializer_list>

#include "tests/stages/submission_bench.h"

namespace spillgate::testing {
namespace {

class JoinsTest : public SubmissionBench {
 protected:
  // A frame of tasks that need each one of those, and were to join the root of the first task.
  std::string JoinWith(std::initializer_list<std::uint64_t> arguments, std::uint64_t first_seq,
                       TaskClass cls = TaskClass::kNormal) {
    wire::SubmitWriter writer;
    writer.Begin({.cls = cls,
                  .flags = wire::kJoin,
                  .function = function,
                  .cost_hint_ns = 100'000'000,
                  .root = 1,
                  .first_seq = first_seq});
    for (const std::uint64_t argument : arguments) {
      writer.BeginTask();
      writer.AddObject({{Bench::kSession, argument}, 0});
    }
    wire::OutBuffer out;
    writer.Finish(1, 0, out);
    bench.answered.Clear();
    Handle(From(Bench::kClient, Buffer::CopyOf(out.view())));
    return bench.answered.Verdicts();
  }
};

TEST_F(JoinsTest, WhoJoinsARootThatHasEndedIsARootAndJudgedAsOne) {
  const auto join = [](std::uint64_t root, std::uint64_t seq) {
    return wire::SubmitPreamble{
        .cls = TaskClass::kSheddable, .flags = wire::kJoin, .root = root, .first_seq = seq};
  };
  EXPECT_EQ(Submit({}), "accepted 1");
  EXPECT_EQ(Submit({.ask = join(1, 2)}), "accepted 1");
  EXPECT_EQ(Got(1).root.get(), Got(0).root.get());
  EXPECT_EQ(Got(1).cls, TaskClass::kNormal) << "that of the root";
  End(0);
  End(1);
  EXPECT_EQ(Submit({.ask = join(1, 3), .tasks = 2}), "accepted 2");
  EXPECT_EQ(Got(2).root->id, Got(2).id);
  EXPECT_EQ(Got(3).root->id, Got(3).id) << "each is a root of its own";
  EXPECT_EQ(Got(2).cls, TaskClass::kSheddable);
  EXPECT_EQ(Submit({.ask = join(99, 5)}), "accepted 1") << "never accepted, or forgotten";
  EXPECT_EQ(OpenRoot(6), "accepted 1");
  CloseRoot(6);
  EXPECT_EQ(Submit({.ask = join(6, 7)}), "accepted 1") << "closed";

  // A sheddable root may fill half of the node; four are in it.
  bench.in_flight.Resize(10, 1 << 20);
  EXPECT_EQ(Submit({.ask = join(1, 8), .tasks = 3}), "accepted 1, in_flight 2");
  EXPECT_GT(bench.answered.verdicts[1].retry_after_us, 0U);
  EXPECT_EQ(Submit({.ask = join(1, 9), .tasks = 2}), "in_flight 2");
  EXPECT_EQ(bench.in_flight.count(), 5);
  EXPECT_EQ(Submit({.ask = join(8, 11)}), "accepted 1") << "its root goes on";
}

TEST_F(JoinsTest, WhoJoinsAnEndedTaskIsStillInTheRootOfItsUnfinishedArguments) {
  const auto join = [](std::uint64_t root, std::uint64_t seq) {
    return wire::SubmitPreamble{.flags = wire::kJoin, .root = root, .first_seq = seq};
  };
  EXPECT_EQ(Submit({}), "accepted 1");
  EXPECT_EQ(Submit({.ask = join(1, 2), .args = {{{Bench::kSession, 1}, 0}}}), "accepted 1");
  End(0);
  EXPECT_EQ(Submit({.ask = join(1, 3), .args = {{{Bench::kSession, 2}, 0}}}), "accepted 1");
  EXPECT_EQ(Got(2).root.get(), Got(1).root.get());
  Received frame = From(Bench::kClient, Write({.ask = join(1, 4), .args = {}}));
  frame.exceeds_credit = true;
  bench.answered.Clear();
  Handle(std::move(frame));
  EXPECT_EQ(bench.answered.Verdicts(), "in_flight 1") << "a root of its own, without credit";
  Received inner =
      From(Bench::kClient, Write({.ask = join(1, 5), .args = {{{Bench::kSession, 3}, 0}}}));
  inner.exceeds_credit = true;
  bench.answered.Clear();
  Handle(std::move(inner));
  EXPECT_EQ(bench.answered.Verdicts(), "accepted 1") << "what is in a root needs none";
}

// So that the door can tell how many roots a connection brings.
TEST_F(JoinsTest, ThoseThatAreRootsAreCounted) {
  const auto counted = [this](TaskClass cls) { return bench.session().joined_none[Index(cls)]; };
  EXPECT_EQ(Submit({.tasks = 3}), "accepted 3");
  EXPECT_EQ(counted(TaskClass::kNormal), 0U) << "they join nothing";
  EXPECT_EQ(JoinWith({2, 3}, 10), "accepted 2");
  EXPECT_EQ(counted(TaskClass::kNormal), 0U);
  End(0);
  EXPECT_EQ(JoinWith({1, 2, 1}, 20, TaskClass::kHigh), "accepted 3");
  EXPECT_EQ(counted(TaskClass::kHigh), 2U);
  bench.in_flight.Resize(8, 1 << 20);
  EXPECT_EQ(JoinWith({1}, 30), "in_flight 1");
  EXPECT_EQ(counted(TaskClass::kNormal), 1U) << "also those that are refused";
}

TEST_F(JoinsTest, EachOfAFrameIsInTheRootOfItsOwnArguments) {
  EXPECT_EQ(Submit({.tasks = 2}), "accepted 2");
  EXPECT_EQ(Submit({.ask = {.remaining_us = 1000, .first_seq = 3}}), "accepted 1");
  End(0);
  EXPECT_EQ(JoinWith({2, 3, 1}, 4), "accepted 3");
  EXPECT_EQ(Got(3).root.get(), Got(1).root.get());
  EXPECT_EQ(Got(3).deadline, kNever) << "that of the other is not its own";
  EXPECT_EQ(Got(4).root.get(), Got(2).root.get());
  EXPECT_EQ(Got(4).deadline, Got(2).deadline);
  EXPECT_EQ(Got(5).root->id, Got(5).id) << "its argument has ended";
}

// They are of roots that were let in: their client sends them again without giving any up.
TEST_F(JoinsTest, WhatStandsBehindOneThatIsRefusedIsNotShedForIt) {
  EXPECT_EQ(Submit({.tasks = 3}), "accepted 3");
  End(0);
  bench.in_flight.Resize(8, 1 << 20);
  // Of its class no further root is let in; 2 and 3 go on.
  EXPECT_EQ(Submit({.ask = {.cls = TaskClass::kSheddable, .first_seq = 10}, .tasks = 2}),
            "accepted 2");
  EXPECT_EQ(JoinWith({2, 1, 1, 3, 1}, 20, TaskClass::kSheddable),
            "accepted 1, in_flight 2, quota 2");
  EXPECT_EQ(bench.answered.verdicts[2].first_seq, 23U);
  EXPECT_EQ(bench.answered.verdicts[2].retry_after_us, 1000U);
  EXPECT_EQ(bench.in_flight.count(), 5);
  const auto& refused = bench.tally.submission[0].refused;
  EXPECT_EQ(refused[static_cast<std::size_t>(Reason::kInFlight)].get(), 2U);
  EXPECT_EQ(refused[static_cast<std::size_t>(Reason::kQuota)].get(), 2U);
  EXPECT_EQ(JoinWith({3, 1}, 30, TaskClass::kSheddable), "accepted 1, in_flight 1");
}

TEST_F(JoinsTest, NorDoesItWaitForAsLongAsItsTenantHasNoRoomForRoots) {
  bench.tenants.Set("tenant", 1, 8);
  EXPECT_EQ(Submit({.tasks = 4}), "accepted 4");
  End(0);
  EXPECT_EQ(Submit({.ask = {.cls = TaskClass::kSheddable, .first_seq = 10}}), "accepted 1");
  EXPECT_EQ(JoinWith({1, 3, 1}, 20, TaskClass::kSheddable), "quota 1, quota 2");
  EXPECT_GE(bench.answered.verdicts[0].retry_after_us, 10'000U);
  EXPECT_EQ(bench.answered.verdicts[1].retry_after_us, 1000U);
}

}  // namespace
}  // namespace spillgate::testing
