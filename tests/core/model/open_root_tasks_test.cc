#include "core/model/open_root_tasks.h"

#include <gtest/gtest.h>

namespace spillgate {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;

constexpr std::int64_t kMs = 1'000'000;

// It holds a CPU for so long.
OpenRootTasks::Run Added(Nanos said, Nanos took) {
  return {.added = true, .said = said, .slot_time = took, .work = {took.count()}};
}
OpenRootTasks::Run Spawned(Nanos said, std::size_t kind, Nanos took) {
  OpenRootTasks::Run run{.said = said, .slot_time = took};
  run.work[kind] = took.count();
  return run;
}

TEST(OpenRootTasks, AreNotKnownAtFirst) {
  const OpenRootTasks tasks;
  EXPECT_FALSE(tasks.Expect(milliseconds(7)).known);
  EXPECT_FALSE(tasks.Expect(Nanos(0)).known);
}

TEST(OpenRootTasks, TakeWhatTheirLikeTookForWhatWasSaid) {
  OpenRootTasks tasks;
  for (int i = 0; i < 4; ++i) tasks.Learn(Added(milliseconds(1), milliseconds(10)));
  const OpenRootTasks::Each each = tasks.Expect(milliseconds(3));
  EXPECT_TRUE(each.known);
  EXPECT_EQ(each.own, milliseconds(30));
  EXPECT_EQ(each.work[kCpu], 30 * kMs);
  EXPECT_TRUE(each.Need(kCpu));
  EXPECT_FALSE(each.Need(kGpu));
  EXPECT_FALSE(tasks.Expect(Nanos(0)).known) << "of those nothing was said";
  for (int i = 0; i < 8000; ++i) tasks.Learn(Added(milliseconds(2), milliseconds(1)));
  EXPECT_NEAR(static_cast<double>(tasks.Expect(milliseconds(4)).own.count()), 2e6, 2e4)
      << "older ones fade";
}

TEST(OpenRootTasks, OfWhichNothingWasSaidTakeTheMean) {
  OpenRootTasks tasks;
  tasks.Learn(Added(Nanos(0), milliseconds(10)));
  tasks.Learn(Added(Nanos(0), milliseconds(20)));
  EXPECT_EQ(tasks.Expect(Nanos(0)).own, milliseconds(15));
  EXPECT_EQ(tasks.Expect(Nanos(0)).work[kCpu], 15 * kMs);
  EXPECT_FALSE(tasks.Expect(milliseconds(3)).known);
}

TEST(OpenRootTasks, AnswerForWhatTheySpawnWhereThatRuns) {
  OpenRootTasks tasks;
  for (int i = 0; i < 4; ++i) {
    tasks.Learn(Added(milliseconds(1), milliseconds(1)));
    tasks.Learn(Spawned(milliseconds(1), kGpu, milliseconds(100)));
    tasks.Learn(Spawned(milliseconds(1), kCpu, milliseconds(5)));
  }
  const OpenRootTasks::Each each = tasks.Expect(milliseconds(1));
  EXPECT_EQ(each.own, milliseconds(1));
  EXPECT_EQ(each.work[kCpu], 6 * kMs);
  EXPECT_EQ(each.work[kGpu], 100 * kMs);
  EXPECT_TRUE(each.Need(kCpu));
  EXPECT_TRUE(each.Need(kGpu));
}

TEST(OpenRootTasks, NeedWhatManyOfThemNeededOrMuch) {
  OpenRootTasks tasks;
  for (int i = 0; i < 20; ++i) tasks.Learn({.added = true});  // holds nothing
  EXPECT_TRUE(tasks.Expect(Nanos(0)).known);
  EXPECT_FALSE(tasks.Expect(Nanos(0)).Need(kCpu));
  tasks.Learn(Added(Nanos(0), milliseconds(10)));
  EXPECT_TRUE(tasks.Expect(Nanos(0)).Need(kCpu)) << "it is all that they need";
  OpenRootTasks::Run run = Spawned(Nanos(0), kGpu, milliseconds(4));
  tasks.Learn(run);
  EXPECT_FALSE(tasks.Expect(Nanos(0)).Need(kGpu)) << "few, and little";
  EXPECT_GT(tasks.Expect(Nanos(0)).work[kGpu], 0) << "it counts all the same";
  for (int i = 0; i < 20; ++i) tasks.Learn(Spawned(Nanos(0), kGpu, Nanos(1)));
  EXPECT_TRUE(tasks.Expect(Nanos(0)).Need(kGpu)) << "as many as were added";
}

TEST(OpenRootTasks, HaveNoOverflow) {
  OpenRootTasks tasks;
  OpenRootTasks::Run run{.added = true, .said = hours(10'000), .slot_time = hours(10'000)};
  run.work[kGpu] = INT64_MAX;
  for (int i = 0; i < 3000; ++i) tasks.Learn(run);
  run.added = false;
  for (std::int64_t i = 0; i < 40 * OpenRootTasks::kMost; ++i) tasks.Learn(run);
  const OpenRootTasks::Each each = tasks.Expect(hours(1));
  EXPECT_TRUE(each.known);
  EXPECT_EQ(each.work[kGpu], Nanos(OpenRootTasks::kMostEach).count());
  EXPECT_GT(each.own, Nanos(0));
  EXPECT_LE(each.own, OpenRootTasks::kMostEach);
}

}  // namespace
}  // namespace spillgate
