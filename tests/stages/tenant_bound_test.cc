// The bound on what a tenant has unfinished, at the decision on new roots.
#include <gtest/gtest.h>

#include "tests/stages/admission_bench.h"

namespace spillgate {
namespace {

using std::chrono::milliseconds;

class TenantBoundTest : public testing::AdmissionBench {
 protected:
  TenantBoundTest() { bench.tenants.Set("tenant", 1, 40); }
  std::string SubmitAs(TaskClass cls, std::uint64_t seq, std::uint32_t tasks) {
    return Submit({.ask = {.cls = cls, .first_seq = seq}, .tasks = tasks});
  }
};

// A batch that can wait would else shut out what matters more, of the same user.
TEST_F(TenantBoundTest, ALowerClassFillsAPartOfIt) {
  EXPECT_EQ(SubmitAs(TaskClass::kSheddable, 1, 30), "accepted 20, quota 10");
  EXPECT_EQ(SubmitAs(TaskClass::kNormal, 100, 30), "accepted 12, quota 18");
  EXPECT_EQ(SubmitAs(TaskClass::kCritical, 200, 30), "accepted 8, quota 22");
  EXPECT_EQ(SubmitAs(TaskClass::kCritical, 300, 1), "quota 1");
  EXPECT_EQ(bench.in_flight.count(), 40) << "what is refused has no place";
  EXPECT_EQ(bench.tally.submission[0].refused[std::size_t(Reason::kQuota)].get(), 51U);
}

TEST_F(TenantBoundTest, WhoIsPastItHearsWhenThereIsRoomForSoMany) {
  ASSERT_EQ(SubmitAs(TaskClass::kCritical, 1, 45), "accepted 40, quota 5");
  const std::uint32_t for_five = bench.answered.verdicts.back().retry_after_us;
  ASSERT_EQ(SubmitAs(TaskClass::kCritical, 100, 20), "quota 20");
  EXPECT_GE(for_five, 2'000U) << "five of a millisecond on two slots";
  EXPECT_GE(bench.answered.verdicts.back().retry_after_us, 3 * for_five);
}

// Tasks of a root were let in with it.
TEST_F(TenantBoundTest, TasksOfAnOpenRootMayFillAllOfIt) {
  EXPECT_EQ(Open(1, 10, Nanos(0)), "accepted 1");
  EXPECT_EQ(SubmitAs(TaskClass::kNormal, 10, 40), "accepted 32, quota 8");
  EXPECT_EQ(Submit({.ask = {.root = 1, .first_seq = 100}, .tasks = 10}), "accepted 8, quota 2");
  EXPECT_EQ(Open(2, 1, Nanos(0)), "quota 1") << "none of its tasks would be let in";
  EXPECT_GE(bench.answered.verdicts.back().retry_after_us, 1'000U);
  End(0);
  EXPECT_EQ(Open(3, 1, Nanos(0)), "quota 1") << "one is not for its class";
  for (std::size_t i = 1; i < 10; ++i) End(i);
  EXPECT_EQ(Open(4, 1, Nanos(0)), "accepted 1");
}

// Of which it turns out that there is no root to join.
TEST_F(TenantBoundTest, JoinsThatAreRootsHaveTheirClassesPart) {
  EXPECT_EQ(Submit({.ask = {.cls = TaskClass::kSheddable,
                            .flags = wire::kJoin,
                            .root = 77,
                            .first_seq = 100},
                    .tasks = 30}),
            "accepted 20, quota 10");
  EXPECT_EQ(SubmitAs(TaskClass::kCritical, 200, 30), "accepted 20, quota 10");
}

// The time in the stage's own queue is the root's as well.
TEST_F(TenantBoundTest, WhatWaitedInTheQueueHasNoMoreTimeThanIsLeft) {
  Received waited =
      From(testing::Bench::kClient, Write({.ask = {.remaining_us = 10'000, .first_seq = 1}}));
  bench.clock.Advance(milliseconds(4));
  Handle(std::move(waited));
  ASSERT_EQ(accepted.events.size(), 1U);
  EXPECT_EQ(Got(0).deadline, bench.now() + milliseconds(6));
  Received late =
      From(testing::Bench::kClient, Write({.ask = {.remaining_us = 3'000, .first_seq = 2}}));
  Received root = Other(wire::OpenRoot{.seq = 3, .remaining_us = 3'000});
  bench.clock.Advance(milliseconds(4));
  bench.answered.Clear();
  Handle(std::move(late), std::move(root));
  EXPECT_EQ(bench.answered.Verdicts(), "expired 1, expired 1");
}

}  // namespace
}  // namespace spillgate
