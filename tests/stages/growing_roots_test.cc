// Open roots that turn out to be other than was said, where submission goes by work: what others
// are judged by then.
#include <gtest/gtest.h>

#include "tests/stages/admission_bench.h"

namespace spillgate {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

class GrowingRootsTest : public testing::AdmissionBench {
 protected:
  std::string Add(std::uint64_t root, std::uint32_t tasks) {
    const std::uint64_t first = next_;
    next_ += tasks;
    return Submit({.ask = {.root = root, .first_seq = first}, .tasks = tasks});
  }
  // A tenant's task has taken so long, of a root that said `said`.
  void Learn(Nanos said, Nanos took) { Flow().open_root_times.Learn(said, took, 0); }
  [[nodiscard]] WorkAccount::Flow& Flow() {
    return bench.account.Of(TaskClass::kNormal, bench.session().tenant);
  }
  // In milliseconds.
  [[nodiscard]] double PromisedOn(std::size_t kind) const {
    const std::int64_t ns = bench.account.At(TaskClass::kNormal).promised[kind].get();
    return static_cast<double>(ns) / 1e6;
  }
  std::string OpenSaying(std::uint64_t seq, const wire::OpenRoot& root) {
    wire::OpenRoot with = root;
    with.seq = seq;
    bench.answered.Clear();
    Handle(Other(with));
    return bench.answered.Verdicts();
  }

  std::uint64_t next_ = 1000;
};

// Or it would buy what others are refused.
TEST_F(GrowingRootsTest, OneThatHasBroughtMoreThanItSaidIsTakenToGoOn) {
  EXPECT_EQ(Open(1, 1, Nanos(0)), "accepted 1");
  EXPECT_EQ(Add(1, 3), "accepted 3");
  EXPECT_EQ(Promised(), 1) << "one, and one more, and two more, of which one is here";
  EXPECT_EQ(Add(1, 2), "accepted 2");
  EXPECT_EQ(Promised(), 3) << "four more, of which one is here";
  EXPECT_EQ(Add(1, 4), "accepted 4");
  EXPECT_EQ(Promised(), 7);
  CloseRoot(1);
  EXPECT_EQ(Promised(), 0);
  EXPECT_EQ(bench.account.At(TaskClass::kNormal).promises.get(), 0);
}

TEST_F(GrowingRootsTest, NothingMoreIsExpectedOnceNothingHasComeForASecond) {
  EXPECT_EQ(Open(1, 1, Nanos(0)), "accepted 1");
  EXPECT_EQ(Add(1, 1), "accepted 1");
  TickAfter(seconds(1));
  EXPECT_TRUE(stage.Idle());
  EXPECT_EQ(Add(1, 8), "accepted 8");
  EXPECT_EQ(Promised(), 7) << "eight beyond the one, and eight more, of which one is here";
  EXPECT_FALSE(stage.Idle());
  TickAfter(milliseconds(999));
  EXPECT_EQ(Promised(), 7);
  TickAfter(milliseconds(1));
  EXPECT_EQ(Promised(), 0);
  TickAfter(seconds(1));
  EXPECT_TRUE(stage.Idle());
}

TEST_F(GrowingRootsTest, OthersLikeItAreJudgedByItWhileItIsOpen) {
  EXPECT_EQ(Open(1, 1, Nanos(0)), "accepted 1");
  EXPECT_EQ(Add(1, 8), "accepted 8");
  const std::int64_t before = Promised();
  EXPECT_EQ(Open(2, 1, Nanos(0)), "accepted 1");
  EXPECT_EQ(Promised(), before + 5) << "as many as had come when it grew last";
  EXPECT_EQ(Add(1, 2), "accepted 2");
  CloseRoot(1);
  EXPECT_EQ(Flow().open_roots.Expect(1), 10U) << "once, as many as came in all";
}

TEST_F(GrowingRootsTest, OneThatBringsFewerThanItSaidTeachesNothingBeforeItIsClosed) {
  EXPECT_EQ(Open(1, 10, Nanos(0)), "accepted 1");
  EXPECT_EQ(Add(1, 1), "accepted 1");
  CloseRoot(1);
  EXPECT_EQ(Open(2, 60, Nanos(0)), "accepted 1");
  EXPECT_EQ(Promised(), 6);
  EXPECT_EQ(Add(2, 7), "accepted 7");
  EXPECT_EQ(Promised(), 6) << "as many as have come, of what it said";
  EXPECT_EQ(Flow().open_roots.Expect(60), 6U) << "though not more than it said";
}

TEST_F(GrowingRootsTest, NoMoreIsExpectedThanTheNodeCanHave) {
  EXPECT_EQ(Open(1, 1, Nanos(0)), "accepted 1");
  for (int i = 0; i < 60; ++i) EXPECT_EQ(Add(1, 1), "accepted 1");
  EXPECT_LE(Promised(), 100);
  EXPECT_EQ(Open(2, 100, Nanos(0)), "accepted 1");
  EXPECT_LE(Promised(), 100);
}

// Its client was wrong by one, and not by half.
TEST_F(GrowingRootsTest, AnEstimateThatIsALittleTooLowIsNotHalfOfWhatComes) {
  EXPECT_EQ(Open(1, 50, Nanos(0)), "accepted 1");
  EXPECT_EQ(Add(1, 51), "accepted 51");
  EXPECT_EQ(Promised(), 0);
  EXPECT_EQ(Add(1, 1), "accepted 1");
  EXPECT_EQ(Promised(), 1);
}

// It would stand before others with hours of work.
TEST_F(GrowingRootsTest, OfAStreamNoMoreIsPromisedThanComesInASecond) {
  EXPECT_EQ(Open(1, 1, Nanos(0)), "accepted 1");
  std::int64_t most = 0;
  for (int i = 0; i < 80; ++i) {
    bench.clock.Advance(milliseconds(200));
    stage.Tick(bench.now());
    EXPECT_EQ(Add(1, 1), "accepted 1");
    most = std::max(most, Promised());
  }
  EXPECT_LE(most, 5);
  EXPECT_GT(Flow().open_roots.Expect(1), 60U) << "what others are judged by, all the same";
}

// Of those that come after it as well, which are promised as much as it has brought.
TEST_F(GrowingRootsTest, OfOneLikeAStreamNoMoreStaysPromisedThanComesInASecond) {
  EXPECT_EQ(Open(1, 0, Nanos(0)), "accepted 1");
  EXPECT_EQ(Add(1, 33), "accepted 33");
  CloseRoot(1);
  EXPECT_EQ(Open(2, 0, Nanos(0)), "accepted 1");
  EXPECT_EQ(Promised(), 33);
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(Add(2, 1), "accepted 1");
    TickAfter(milliseconds(400));
  }
  EXPECT_LE(Promised(), 3);
  EXPECT_EQ(Open(3, 30, Nanos(0)), "accepted 1");
  const std::int64_t before = Promised();
  EXPECT_EQ(Add(3, 2), "accepted 2");
  TickAfter(milliseconds(999));
  EXPECT_EQ(Add(3, 2), "accepted 2");
  TickAfter(milliseconds(2));
  EXPECT_GE(Promised(), before - 7) << "what its client says is its own affair";
}

// A task that was submitted alone is a root too.
TEST_F(GrowingRootsTest, OneThatNobodyOpenedGrowsFromTheSixtyFifthOn) {
  EXPECT_EQ(SubmitWithin(Nanos(0), 1), "accepted 1");
  EXPECT_EQ(Add(1, 64), "accepted 64");
  EXPECT_EQ(Promised(), 0);
  EXPECT_EQ(Add(1, 1), "accepted 1");
  EXPECT_EQ(Promised(), 0);
  EXPECT_EQ(Add(1, 2), "accepted 2");
  EXPECT_EQ(Add(1, 1), "accepted 1");
  EXPECT_EQ(Promised(), 3) << "one, two, and four more, of which one is here";
  TickAfter(seconds(1));
  EXPECT_EQ(Promised(), 0);
  EXPECT_EQ(Flow().open_roots.Expect(5), 5U) << "it says nothing of those that are opened";
}

TEST_F(GrowingRootsTest, TasksTakeWhatThoseOfTheirTenantsRootsHaveTaken) {
  EXPECT_EQ(Open(1, 5, Nanos(0)), "accepted 1");
  EXPECT_NEAR(PromisedOn(kCpu), 2.5, 0.01) << "a millisecond each, on two CPUs";
  CloseRoot(1);
  Learn(milliseconds(1), milliseconds(20));
  EXPECT_EQ(Open(2, 5, Nanos(0)), "accepted 1");
  EXPECT_NEAR(PromisedOn(kCpu), 50, 0.01) << "twenty times what is said";
  bench.account.Of(TaskClass::kNormal).tasks.Add(20);  // others wait, more than the floor
  EXPECT_EQ(Open(3, 5, milliseconds(130)), "accepted 1") << "20 ms more than it needs";
  EXPECT_EQ(Open(4, 5, milliseconds(110)), "backlog 1") << "that one goes before it";
  CloseRoot(2);
  CloseRoot(3);
  Learn(Nanos(0), milliseconds(4));
  EXPECT_EQ(OpenSaying(5, {.estimated_tasks = 5}), "accepted 1");
  EXPECT_NEAR(PromisedOn(kCpu), 10, 0.01) << "of which nothing is said";
}

// What is left of its time for waiting is.
TEST_F(GrowingRootsTest, OneWhoseLikeTookLongerCanWaitForLess) {
  WorkAccount::Class& cls = bench.account.Of(TaskClass::kNormal);
  cls.tasks.Add(20);
  cls.work[kCpu].Add(Nanos(milliseconds(10)).count());
  Flow().work[kCpu].Add(Nanos(milliseconds(10)).count());
  EXPECT_EQ(Open(1, 5, milliseconds(70)), "accepted 1");
  CloseRoot(1);
  Learn(milliseconds(1), milliseconds(20));
  EXPECT_EQ(Open(2, 5, milliseconds(70)), "backlog 1") << "50 ms of its own, and 10 before it";
}

// What took long once is no reason to call it out of reach.
TEST_F(GrowingRootsTest, OneThatSaysThatItIsShortIsInReachWhateverItsLikeTook) {
  Learn(milliseconds(1), seconds(1));
  bench.account.Of(TaskClass::kNormal).tasks.Add(1);  // others wait
  EXPECT_EQ(Open(1, 5, milliseconds(100)), "accepted 1");
}

// Who says far too much does not answer for those that say what comes.
TEST_F(GrowingRootsTest, OneThatSaysAWindowfulAndMoreIsOneOfMany) {
  for (std::uint64_t seq = 1; seq <= 9; ++seq) {
    EXPECT_EQ(Open(seq, seq == 1 ? 4'000'000'000 : 4096, Nanos(0)), "accepted 1");
    EXPECT_EQ(Add(seq, seq == 1 ? 1 : 8), seq == 1 ? "accepted 1" : "accepted 8");
    CloseRoot(seq);
  }
  EXPECT_EQ(Flow().open_roots.Expect(4096 * 9), 65U);
}

// Nor is what others have brought.
TEST_F(GrowingRootsTest, OneThatSaysLittleIsInReachWhateverItsLikeBrought) {
  EXPECT_EQ(Open(1, 1, Nanos(0)), "accepted 1");
  EXPECT_EQ(Add(1, 60), "accepted 60");
  CloseRoot(1);
  bench.account.Of(TaskClass::kNormal).tasks.Add(1);  // others wait
  EXPECT_EQ(Open(2, 1, milliseconds(20)), "accepted 1");
}

// Slot time is not how long it takes.
TEST_F(GrowingRootsTest, OneThatTakesBothCpusTakesHalfOfItsSlotTime) {
  bench.account.Of(TaskClass::kNormal).tasks.Add(1);  // others wait
  const ShapeId shape = bench.shapes.Add(
      "both", [](std::uint32_t) { return Shape{.name = "both", .resources = {.amount = {2000}}}; });
  const wire::OpenRoot root{
      .remaining_us = 15'000, .estimated_tasks = 1, .shape = shape, .slot_time_ns = 20'000'000};
  EXPECT_EQ(OpenSaying(1, root), "accepted 1");
}

// A guess is no reason to turn it away.
TEST_F(GrowingRootsTest, WhatNobodyKnowsIsInReach) {
  bench.account.Of(TaskClass::kNormal).tasks.Add(1);  // others wait
  const wire::OpenRoot many{.remaining_us = 20'000, .estimated_tasks = 60};
  EXPECT_EQ(OpenSaying(1, many), "accepted 1");
  CloseRoot(1);
  Learn(Nanos(0), milliseconds(1));
  EXPECT_EQ(OpenSaying(2, many), "backlog 1") << "30 ms on two slots";
}

// What is let in before the stage has counted it, of roots that can wait for ever.
TEST_F(GrowingRootsTest, ACrowdAtTheDoorIsCountedAsNoMoreThanTheNodeCanHave) {
  Admission& door = stage.admission();
  const wire::OpenRoot root{.cls = TaskClass::kCritical,
                            .estimated_tasks = 4096,
                            .slot_time_ns = static_cast<std::uint64_t>(Nanos(hours(1)).count())};
  for (int i = 0; i < 100'000; ++i) {
    Ruling ruling;
    door.Judge(root, bench.session().tenant, Nanos(0), ruling, bench.now());
    ASSERT_EQ(ruling.admitted, 1U);
    door.LetThrough(root, bench.session().tenant, ruling, bench.now());
  }
  EXPECT_EQ(Open(1, 1, seconds(30)), "backlog 1");
}

}  // namespace
}  // namespace spillgate
