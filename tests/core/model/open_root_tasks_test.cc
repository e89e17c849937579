#include "core/model/open_root_tasks.h"

#include <gtest/gtest.h>

namespace spillgate {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;

OpenRootTasks::Run Added(Nanos said, Nanos took) {
  return {.added = true, .said = said, .slot_time = took, .on_cpu = true};
}

TEST(OpenRootTasks, TakeWhatIsSaidUntilSomethingIsKnown) {
  const OpenRootTasks tasks;
  EXPECT_EQ(tasks.Expect(milliseconds(7)), milliseconds(7));
  EXPECT_EQ(tasks.Expect(Nanos(0)), Nanos(0));
  EXPECT_TRUE(tasks.NeedCpu());
  EXPECT_EQ(tasks.Beyond().tasks, 0U);
}

TEST(OpenRootTasks, TakeWhatTheirLikeTook) {
  OpenRootTasks tasks;
  for (int i = 0; i < 4; ++i) tasks.Learn(Added(milliseconds(1), milliseconds(10)));
  EXPECT_EQ(tasks.Expect(milliseconds(3)), milliseconds(30));
  EXPECT_EQ(tasks.Expect(Nanos(0)), milliseconds(10));
  for (int i = 0; i < 8000; ++i) tasks.Learn(Added(milliseconds(2), milliseconds(1)));
  EXPECT_NEAR(static_cast<double>(tasks.Expect(milliseconds(4)).count()), 2e6, 2e4) << "they fade";
}

TEST(OpenRootTasks, OfWhichNothingWasSaidSayNothingOfWhatIsSaid) {
  OpenRootTasks tasks;
  for (int i = 0; i < 4; ++i) tasks.Learn(Added(Nanos(0), milliseconds(10)));
  EXPECT_EQ(tasks.Expect(milliseconds(3)), milliseconds(3));
  EXPECT_EQ(tasks.Expect(Nanos(0)), milliseconds(10));
}

TEST(OpenRootTasks, AnswerForWhatTheySpawn) {
  OpenRootTasks tasks;
  for (int i = 0; i < 4; ++i) {
    tasks.Learn(Added(milliseconds(1), milliseconds(1)));
    for (int child = 0; child < 3; ++child) {
      tasks.Learn({.said = milliseconds(1), .slot_time = milliseconds(5), .on_cpu = true});
    }
  }
  EXPECT_EQ(tasks.Expect(milliseconds(1)), milliseconds(16));
  EXPECT_EQ(tasks.Expect(Nanos(0)), milliseconds(16));
}

TEST(OpenRootTasks, NeedWhatMostOfThemNeeded) {
  OpenRootTasks tasks;
  OpenRootTasks::Run run{.added = true, .slot_time = milliseconds(2)};
  run.beyond[kGpu] = 4'000'000;
  run.beyond[kFirstCustom] = 0;
  tasks.Learn(run);
  EXPECT_FALSE(tasks.NeedCpu());
  run.beyond[kFirstCustom] = 1'000'000;
  run.on_cpu = true;
  tasks.Learn(run);
  EXPECT_TRUE(tasks.NeedCpu()) << "every second one";
  const CostModel::Spawns beyond = tasks.Beyond();
  EXPECT_EQ(beyond.tasks, 1U);
  EXPECT_EQ(beyond.each, milliseconds(2));
  EXPECT_TRUE(beyond.Need(kGpu));
  EXPECT_TRUE(beyond.Need(kFirstCustom));
  EXPECT_EQ(beyond.node_time[kGpu], 4'000'000);
  EXPECT_EQ(beyond.node_time[kFirstCustom], 500'000);
  tasks.Learn(Added(Nanos(0), milliseconds(2)));
  EXPECT_FALSE(tasks.Beyond().Need(kFirstCustom)) << "one of three";
  EXPECT_TRUE(tasks.Beyond().Need(kGpu));
}

TEST(OpenRootTasks, HaveNoOverflow) {
  OpenRootTasks tasks;
  OpenRootTasks::Run run{.added = true, .said = hours(10'000), .slot_time = hours(10'000)};
  run.beyond[kGpu] = INT64_MAX;
  for (int i = 0; i < 3000; ++i) tasks.Learn(run);
  EXPECT_EQ(tasks.Expect(Nanos(0)), OpenRootTasks::kMostEach);
  run.added = false;
  for (std::int64_t i = 0; i < 3 * OpenRootTasks::kMost; ++i) tasks.Learn(run);
  EXPECT_GT(tasks.Expect(Nanos(0)), Nanos(0));
  EXPECT_LE(tasks.Expect(hours(1)), kMostSlotTime);
  EXPECT_GE(tasks.Beyond().node_time[kGpu], 0);
}

}  // namespace
}  // namespace spillgate
