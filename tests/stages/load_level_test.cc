// How full the node says that it is, with each verdict: by every bound that refuses.
#include <gtest/gtest.h>

#include <string>

#include "tests/stages/admission_bench.h"

namespace spillgate {
namespace {

using std::chrono::milliseconds;

class LoadLevelTest : public testing::AdmissionBench {
 protected:
  std::string SubmitAs(TaskClass cls, std::uint64_t seq, std::uint32_t tasks) {
    return Submit({.ask = {.cls = cls, .first_seq = seq}, .tasks = tasks});
  }
  // With the last verdict.
  [[nodiscard]] int level() const { return bench.answered.verdicts.back().load_level; }
};

TEST_F(LoadLevelTest, IsThatOfItsTenantsBound) {
  bench.tenants.Set("tenant", 1, 40);
  EXPECT_EQ(SubmitAs(TaskClass::kNormal, 1, 16), "accepted 16");
  EXPECT_EQ(level(), 127) << "of the 32 that its class may have";
  EXPECT_EQ(SubmitAs(TaskClass::kNormal, 100, 20), "accepted 16, quota 4");
  EXPECT_EQ(bench.answered.verdicts.front().load_level, 255) << "also with what was let in";
  EXPECT_EQ(level(), 255);
  EXPECT_EQ(SubmitAs(TaskClass::kCritical, 200, 1), "accepted 1");
  EXPECT_EQ(level(), 33 * 255 / 40);
  EXPECT_EQ(Open(300, 1, Nanos(0)), "quota 1");
  EXPECT_EQ(level(), 255);
  for (std::size_t i = 0; i < 32; ++i) End(i);
  EXPECT_EQ(SubmitAs(TaskClass::kNormal, 400, 1), "accepted 1");
  EXPECT_LT(level(), 20);
}

TEST_F(LoadLevelTest, IsThatOfTheControllerInUse) {
  bench.in_flight.Resize(10'000, 16 << 20);
  bench.tenants.Set("tenant", 1, 10'000);
  inbox.Use(flow::MakeController("adaptive_bound"));
  EXPECT_EQ(SubmitAs(TaskClass::kCritical, 1, 2), "accepted 2");
  EXPECT_EQ(level(), 127) << "its first bound is four";
  EXPECT_EQ(SubmitAs(TaskClass::kCritical, 10, 3), "accepted 2, backlog 1");
  EXPECT_EQ(level(), 255);
  inbox.Use(flow::MakeController("seda_aimd"));
  EXPECT_EQ(SubmitAs(TaskClass::kCritical, 20, 1), "accepted 1");
  EXPECT_LT(level(), 30);
  EXPECT_EQ(SubmitAs(TaskClass::kCritical, 30, 20), "accepted 9, backlog 11");
  EXPECT_EQ(level(), 255);
  EXPECT_EQ(Open(100, 1, Nanos(0)), "backlog 1");
  EXPECT_EQ(level(), 255);
}

// Where only submission stands in the way of a client, or nothing does.
TEST_F(LoadLevelTest, IsInEveryVerdict) {
  bench.in_flight.Force(50, 0);
  const int of_class = 50 * 255 / 80;
  EXPECT_EQ(Put(1, "x"), "accepted 1");
  EXPECT_EQ(level(), 127) << "a put has no class";
  EXPECT_EQ(OpenRoot(2), "accepted 1");
  EXPECT_EQ(level(), of_class);
  EXPECT_EQ(OpenRoot(2), "earlier 1");
  EXPECT_EQ(level(), of_class);
  Received late = Other(wire::OpenRoot{.seq = 3, .remaining_us = 3'000});
  bench.clock.Advance(milliseconds(4));
  bench.answered.Clear();
  Handle(std::move(late));
  EXPECT_EQ(bench.answered.Verdicts(), "expired 1");
  EXPECT_EQ(level(), of_class);
  EXPECT_EQ(SubmitAs(TaskClass::kNormal, 4, 1), "accepted 1");
  EXPECT_EQ(level(), 51 * 255 / 80);
  EXPECT_EQ(Submit({.ask = {.attempt = 1, .first_seq = 4}}), "earlier 1");
  EXPECT_EQ(level(), 51 * 255 / 80);
  bench.signals.draining = true;
  EXPECT_EQ(OpenRoot(10), "draining 1");
  EXPECT_EQ(level(), 51 * 255 / 80);
  EXPECT_EQ(Put(11, "x"), "draining 1");
  EXPECT_EQ(level(), 51 * 255 / 100);
}

// What one root would wait is nothing to another.
TEST_F(LoadLevelTest, IsNotOfWhatWasJudgedBefore) {
  EXPECT_EQ(SubmitWithin(milliseconds(20), 1, 64), "accepted 18, backlog 46");
  EXPECT_EQ(SubmitWithin(milliseconds(20), 100), "backlog 1");
  ASSERT_EQ(level(), 255);
  EXPECT_EQ(OpenRoot(200), "accepted 1");
  EXPECT_EQ(level(), 18 * 255 / 80) << "it has no deadline";
  EXPECT_EQ(SubmitWithin(milliseconds(20), 300), "backlog 1");
  EXPECT_EQ(OpenRoot(200), "earlier 1");
  EXPECT_EQ(level(), 18 * 255 / 80);
}

}  // namespace
}  // namespace spillgate
