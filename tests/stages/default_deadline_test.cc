// class.NAME.default_deadline: of roots that name no time, however they come about, and of nothing
// that belongs to another root.
#include <gtest/gtest.h>

#include "tests/stages/admission_bench.h"

namespace spillgate {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using testing::Bench;

class DefaultDeadlineTest : public testing::AdmissionBench {
 protected:
  static constexpr Nanos kUsual = milliseconds(20);

  DefaultDeadlineTest() {
    bench.limits.default_deadline_ns[Index(TaskClass::kNormal)] = kUsual.count();
  }
  [[nodiscard]] wire::SubmitPreamble Join(std::uint64_t root, std::uint64_t seq) const {
    return {.flags = wire::kJoin, .function = function, .root = root, .first_seq = seq};
  }
};

TEST_F(DefaultDeadlineTest, IsThatOfARootThatNamesNone) {
  EXPECT_EQ(SubmitWithin(Nanos(0), 1), "accepted 1");
  EXPECT_EQ(SubmitWithin(hours(1), 2), "accepted 1");
  EXPECT_EQ(Got(0).root->deadline, bench.now() + kUsual);
  EXPECT_EQ(Got(1).root->deadline, bench.now() + hours(1));
}

TEST_F(DefaultDeadlineTest, TasksOfAnOpenRootHaveThatOfTheRoot) {
  EXPECT_EQ(Open(1, 2, hours(1)), "accepted 1");
  EXPECT_EQ(Submit({.ask = {.root = 1, .first_seq = 3}}), "accepted 1");
  EXPECT_EQ(Got(0).deadline, bench.now() + hours(1));
  EXPECT_EQ(Submit({.ask = Join(1, 4)}), "accepted 1");
  EXPECT_EQ(Got(1).deadline, bench.now() + hours(1));
}

// Else it would never be refused by work, and stand in the last line with tasks that have no time.
TEST_F(DefaultDeadlineTest, AnOpenRootThatNamesNoneHasItAndIsJudgedByIt) {
  for (auto& target : bench.limits.target_delay_ns) target = Nanos(milliseconds(50)).count();
  EXPECT_EQ(Open(1, 1, Nanos(0)), "accepted 1");
  EXPECT_EQ(SubmitWithin(hours(1), 100, 60), "accepted 60") << "30 ms, behind those that hurry";
  bench.clock.Advance(milliseconds(5));
  EXPECT_EQ(Submit({.ask = {.root = 1, .first_seq = 3}}), "accepted 1");
  EXPECT_EQ(Got(60).deadline, bench.now() + kUsual - milliseconds(5)) << "from its opening";
  EXPECT_EQ(Got(60).root->line, 0);
  EXPECT_EQ(SubmitWithin(Nanos(0), 200, 30), "accepted 9, backlog 21") << "half of 8.5 ms";
  EXPECT_EQ(Open(300, 1, Nanos(0)), "backlog 1");
  EXPECT_EQ(Open(301, 1, hours(1)), "accepted 1") << "it can wait";
}

TEST_F(DefaultDeadlineTest, WhoJoinsWhatHasEndedIsARootAndHasIt) {
  EXPECT_EQ(Submit({.ask = Join(99, 1)}), "accepted 1");
  EXPECT_EQ(Got(0).deadline, bench.now() + kUsual);
  EXPECT_EQ(Got(0).root->deadline, bench.now() + kUsual);
  EXPECT_EQ(Got(0).root->line, 0);
  wire::SubmitPreamble named = Join(99, 2);
  named.remaining_us = 7000;
  EXPECT_EQ(Submit({.ask = named}), "accepted 1");
  EXPECT_EQ(Got(1).root->deadline, bench.now() + milliseconds(7));
  EXPECT_EQ(SubmitWithin(milliseconds(20), 100, 30), "accepted 16, backlog 14");
  EXPECT_EQ(Submit({.ask = Join(99, 200)}), "backlog 1") << "and is judged by it";
}

TEST_F(DefaultDeadlineTest, OfAFrameOnlyThoseThatAreRootsHaveIt) {
  EXPECT_EQ(SubmitWithin(hours(1), 1), "accepted 1");
  wire::SubmitWriter writer;
  writer.Begin(Join(99, 2));
  writer.BeginTask();
  writer.AddObject({{Bench::kSession, 1}, 0});
  writer.BeginTask();
  wire::OutBuffer out;
  writer.Finish(1, 0, out);
  bench.answered.Clear();
  Handle(From(Bench::kClient, Buffer::CopyOf(out.view())));
  EXPECT_EQ(bench.answered.Verdicts(), "accepted 2");
  EXPECT_EQ(Got(1).deadline, bench.now() + hours(1)) << "that of its argument's root";
  EXPECT_EQ(Got(2).deadline, bench.now() + kUsual);
}

TEST_F(DefaultDeadlineTest, SomeThatNameATimeKeepIt) {
  EXPECT_EQ(Open(1, 1, milliseconds(10)), "accepted 1") << "less than the usual";
  EXPECT_EQ(Submit({.ask = {.root = 1, .first_seq = 3}}), "accepted 1");
  EXPECT_EQ(Got(0).deadline, bench.now() + milliseconds(10));
}

}  // namespace
}  // namespace spillgate
