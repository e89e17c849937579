#include "client/replay/plan.h"

#include <gtest/gtest.h>

#include "client/replay/generate.h"

namespace spillgate::replay {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::uint64_t kMost = 16 << 20;

Plan PlanOf(const Workflow& workflow, Scale scale) {
  Result<Plan> plan = MakePlan(workflow, scale, kMost);
  EXPECT_TRUE(plan.ok()) << plan.error().message;
  return std::move(plan).value();
}

TEST(Plan, ScalesTimesAndSizes) {
  const Workflow chain = Chain(3, {.runtime = seconds(2), .output_bytes = 50'000});
  const Plan plan = PlanOf(chain, {.time = 0.01, .data = 0.1});
  EXPECT_EQ(plan.times[1], milliseconds(20));
  EXPECT_EQ(plan.bytes[1], 5000u);
  EXPECT_EQ(plan.work, milliseconds(60));
  EXPECT_EQ(plan.critical_path, milliseconds(60));
  EXPECT_EQ(plan.total_bytes, 15'000u);
  EXPECT_EQ(plan.children, (std::vector<std::uint32_t>{1, 1, 0}));
  EXPECT_EQ(PlanOf(chain, {.time = 0, .data = 0}).bytes[0], 32u) << "a digest is never cut";
}

TEST(Plan, FindsTheLongestLine) {
  Workflow fan = FanOutIn(4, 2, {.runtime = milliseconds(10)});
  EXPECT_EQ(fan.steps.size(), 11u);
  EXPECT_EQ(PlanOf(fan, {.time = 1}).critical_path, milliseconds(50));
  EXPECT_EQ(PlanOf(fan, {.time = 1}).work, milliseconds(110));
  fan.steps[3].runtime = milliseconds(100);
  EXPECT_EQ(PlanOf(fan, {.time = 1}).critical_path, milliseconds(140));
}

TEST(Plan, RefusesWhatCannotRun) {
  const Workflow chain = Chain(2, {.runtime = seconds(1), .output_bytes = 100});
  for (const double bad : {-1.0, 1e9, 0.0 / 0.0 * 1.0}) {
    EXPECT_FALSE(MakePlan(chain, {.time = bad, .data = 1}, kMost).ok());
    EXPECT_FALSE(MakePlan(chain, {.time = 1, .data = bad}, kMost).ok());
  }
  const Result<Plan> large = MakePlan(chain, {.time = 1, .data = 1}, 99);
  ASSERT_FALSE(large.ok());
  EXPECT_NE(large.error().message.find("\"s0\" would return 100 bytes"), std::string::npos);
  const Workflow slow = Chain(1000, {.runtime = seconds(10'000'000)});
  EXPECT_FALSE(MakePlan(slow, {.time = 1, .data = 1}, kMost).ok());
  EXPECT_TRUE(MakePlan(slow, {.time = 0.01, .data = 1}, kMost).ok());
}

TEST(Expected, SeesEachChangeOfAValue) {
  const Workflow fan = FanOutIn(3, 1, {.output_bytes = 64});
  const Plan plan = PlanOf(fan, {.time = 1, .data = 1});
  const Expected expected(fan, plan);
  for (std::uint32_t step = 0; step < fan.steps.size(); ++step) {
    const std::string right = expected.ValueOf(step);
    EXPECT_EQ(right.size(), 64u);
    EXPECT_EQ(expected.Difference(step, AsBytes(right)), "");
    for (std::size_t i = 0; i < right.size(); ++i) {
      std::string wrong = right;
      wrong[i] = static_cast<char>(wrong[i] ^ 1);
      EXPECT_NE(expected.Difference(step, AsBytes(wrong)), "") << "byte " << i;
    }
    EXPECT_NE(expected.Difference(step, AsBytes(right.substr(1))), "");
    EXPECT_NE(expected.Difference(step, AsBytes(right + "x")), "");
    EXPECT_NE(expected.Difference(step, {}), "");
    if (step > 0) {
      EXPECT_NE(expected.Difference(step, AsBytes(expected.ValueOf(step - 1))), "");
    }
  }
}

// A value proves what ran before it: another id, another parent, or another order gives another.
TEST(Expected, DependsOnAllThatRanBefore) {
  const Workflow fan = FanOutIn(3, 1, {});
  const auto last = static_cast<std::uint32_t>(fan.steps.size() - 1);
  const auto value = [&](const Workflow& workflow) {
    const Plan plan = PlanOf(workflow, {.time = 1, .data = 1});
    return Expected(workflow, plan).ValueOf(last);
  };
  Workflow renamed = fan;
  renamed.steps[0].id = "other";
  Workflow swapped = fan;
  std::swap(swapped.steps[last].parents[0], swapped.steps[last].parents[1]);
  Workflow without = fan;
  without.steps[last].parents.pop_back();
  Workflow longer = fan;
  longer.steps[1].output_bytes = 33;
  for (const Workflow& other : {renamed, swapped, without, longer}) {
    EXPECT_NE(value(other), value(fan));
  }
  EXPECT_EQ(value(fan), value(FanOutIn(3, 1, {})));
}

TEST(Generate, MakesTheShapesThatItSays) {
  const Workflow chain = Chain(4, {});
  EXPECT_EQ(chain.steps.size(), 4u);
  EXPECT_EQ(chain.edges(), 3u);
  const Workflow fan = FanOutIn(5, 3, {});
  EXPECT_EQ(fan.steps.size(), 1u + 3 * 6);
  EXPECT_EQ(fan.edges(), 3u * 10);
  EXPECT_EQ(fan.steps.back().parents.size(), 5u);
  const Workflow tree = NestedTree(3, 3, {});
  EXPECT_EQ(tree.steps.size(), 1u + 3 + 9 + 27);
  EXPECT_EQ(tree.edges(), tree.steps.size() - 1);
  for (const Workflow& workflow : {chain, fan, tree}) {
    for (std::uint32_t i = 0; i < workflow.steps.size(); ++i) {
      for (const std::uint32_t parent : workflow.steps[i].parents) EXPECT_LT(parent, i);
    }
  }
}

}  // namespace
}  // namespace spillgate::replay
