// Who stands behind running tasks, and which tasks may.
#include "core/model/prefetch.h"

#include <gtest/gtest.h>

namespace spillgate {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

TaskId Id(std::uint64_t seq) {
  return {1, seq};
}

TEST(PrefetchTest, AsMuchStandsBehindASlotAsAHandOverTakes) {
  Prefetch prefetch;
  EXPECT_FALSE(prefetch.HasRoom(0)) << "there is nothing to wait for";
  EXPECT_TRUE(prefetch.HasRoom(1));
  prefetch.Add({.task = Id(1), .takes = microseconds(100)});
  EXPECT_FALSE(prefetch.HasRoom(1));
  EXPECT_EQ(prefetch.Delay(1), microseconds(100));
  EXPECT_TRUE(prefetch.HasRoom(2)) << "the other slot would stand still";
  EXPECT_EQ(prefetch.Delay(2), microseconds(50));
}

TEST(PrefetchTest, OfTasksThatTakeNothingThereAreSoMany) {
  Prefetch prefetch;
  std::uint64_t seq = 0;
  while (prefetch.HasRoom(1)) prefetch.Add({.task = Id(++seq), .takes = microseconds(1)});
  EXPECT_EQ(seq, Prefetch::kMostEach);
}

TEST(PrefetchTest, WhoLeavesGivesRoomOnce) {
  Prefetch prefetch;
  prefetch.Add({.task = Id(1), .takes = microseconds(100)});
  prefetch.Add({.task = Id(2), .takes = microseconds(10)});
  EXPECT_EQ(prefetch.first().task, Id(1));
  ASSERT_TRUE(prefetch.Leave(Id(1)).has_value());
  EXPECT_FALSE(prefetch.Leave(Id(1)).has_value()) << "it has had a lease";
  EXPECT_EQ(prefetch.first().task, Id(2));
  EXPECT_EQ(prefetch.Delay(1), microseconds(10));
  EXPECT_TRUE(prefetch.HasRoom(1));
  EXPECT_EQ(prefetch.Leave(Id(2))->takes, microseconds(10));
  EXPECT_TRUE(prefetch.empty());
  EXPECT_EQ(prefetch.Delay(0), Nanos(0));
}

// The first was handed a slot by 9, of which nothing has been heard, and has handed it to the
// second.
TEST(PrefetchTest, ASlotGoesToWhoHasItInTheEnd) {
  Prefetch prefetch;
  prefetch.Add({.task = Id(1)});
  prefetch.Add({.task = Id(2)});
  EXPECT_TRUE(prefetch.Leave(Id(1)).has_value());
  prefetch.PassOn(Id(1), Id(2));
  EXPECT_EQ(prefetch.HeirOf(Id(1)), Id(2));
  EXPECT_EQ(prefetch.HeirOf(Id(1)), Id(1)) << "that was told once";
  EXPECT_EQ(prefetch.HeirOf(Id(5)), Id(5));
}

class PrefetchedTask : public ::testing::Test {
 protected:
  PrefetchedTask() {
    function.shape.amount[kCpu] = kOneSlot;
    task.function = &function;
    task.shape = &function.shape;
  }
  void Learn(Nanos cost, int times = 10) {
    for (int i = 0; i < times; ++i) costs.Learn(task.cost_key(), cost);
  }

  CostModel costs;
  Function function{.id = 1, .name = "f", .host = Host::kThread, .shape = {}};
  Task task;
};

TEST_F(PrefetchedTask, IsShortAsIsKnownAndNotSaid) {
  task.estimate = microseconds(1);
  EXPECT_FALSE(Prefetch::Takes(task, costs)) << "its client says so";
  Learn(microseconds(100));
  EXPECT_TRUE(Prefetch::Takes(task, costs));
  task.held_up = true;
  EXPECT_FALSE(Prefetch::Takes(task, costs)) << "it has waited for long enough";
  task.held_up = false;
  Learn(milliseconds(2), 200);
  EXPECT_FALSE(Prefetch::Takes(task, costs));
}

TEST_F(PrefetchedTask, IsNotOneOfMostlyShortOnesAmongVeryLongOnes) {
  for (int i = 0; i < 20; ++i) {
    Learn(microseconds(10), 9);
    Learn(milliseconds(3), 1);
  }
  ASSERT_LE(costs.Estimate(task.cost_key()), Prefetch::kLongest);
  EXPECT_FALSE(Prefetch::Takes(task, costs));
}

TEST_F(PrefetchedTask, HoldsOneSlotOfAThreadAndMayRunAgain) {
  Learn(microseconds(100));
  EXPECT_TRUE(Prefetch::HandsOn(task));
  task.level = Level::kAsync;
  EXPECT_FALSE(Prefetch::HandsOn(task)) << "the journal has to know when it begins";
  EXPECT_FALSE(Prefetch::Takes(task, costs));
  task.max_retries = 1;
  EXPECT_TRUE(Prefetch::Takes(task, costs));
  task.deaths = 1;
  EXPECT_FALSE(Prefetch::Takes(task, costs)) << "it runs in a worker";
  task.deaths = 0;
  function.host = Host::kWorker;
  EXPECT_FALSE(Prefetch::Takes(task, costs));
  function.host = Host::kThread;
  function.slot_limit = 3;
  EXPECT_FALSE(Prefetch::Takes(task, costs)) << "who has one of those slots is known when it ends";
  function.slot_limit = 0;
  function.shape.amount[kMemory] = 1;
  EXPECT_FALSE(Prefetch::Takes(task, costs)) << "leases are not alike";
}

}  // namespace
}  // namespace spillgate
