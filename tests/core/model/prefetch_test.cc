// Who gets which lease, whatever the order in which the news come.
#include "core/model/prefetch.h"

#include <gtest/gtest.h>

namespace spillgate {
namespace {

using std::chrono::microseconds;

TaskId Id(std::uint64_t seq) {
  return {1, seq};
}

TEST(PrefetchTest, StandsBehindLeasesForAsLongAsAHandOverTakes) {
  Prefetch prefetch;
  EXPECT_FALSE(prefetch.HasRoom()) << "there is nothing to wait for";
  prefetch.Lease();
  EXPECT_TRUE(prefetch.HasRoom());
  prefetch.Add({Id(1), microseconds(100)});
  EXPECT_FALSE(prefetch.HasRoom());
  EXPECT_EQ(prefetch.Delay(), microseconds(100));
  prefetch.Lease();
  EXPECT_TRUE(prefetch.HasRoom()) << "the other slot would stand still";
  EXPECT_EQ(prefetch.Delay(), microseconds(50));
}

TEST(PrefetchTest, OfTasksThatTakeNothingThereAreSoMany) {
  Prefetch prefetch;
  prefetch.Lease();
  std::uint64_t seq = 0;
  while (prefetch.HasRoom()) prefetch.Add({Id(++seq), microseconds(1)});
  EXPECT_EQ(seq, Prefetch::kMostEach);
}

TEST(PrefetchTest, TheFirstGetsTheLeaseThatComesHome) {
  Prefetch prefetch;
  prefetch.Lease();
  prefetch.Add({Id(1), microseconds(10)});
  prefetch.Add({Id(2), microseconds(10)});
  EXPECT_EQ(prefetch.HandOn()->task, Id(1));
  EXPECT_FALSE(prefetch.Leave(Id(1))) << "it has had one";
  EXPECT_EQ(prefetch.behind(), 1U);
  EXPECT_EQ(prefetch.Delay(), microseconds(10));
  EXPECT_EQ(prefetch.HandOn()->task, Id(2));
  EXPECT_EQ(prefetch.HandOn(), std::nullopt);
  EXPECT_FALSE(prefetch.HasRoom()) << "it is free, and so is the slot";
  EXPECT_EQ(prefetch.Delay(), Nanos(0));
}

TEST(PrefetchTest, AFreeSlotIsGrantedAndOneThatIsLentGoesOnToNobody) {
  Prefetch prefetch;
  prefetch.Lease();
  prefetch.Add({Id(1), microseconds(100)});
  prefetch.Withdraw();
  EXPECT_FALSE(prefetch.HasRoom()) << "there is no lease to wait for";
  EXPECT_EQ(prefetch.Grant().task, Id(1));
  EXPECT_TRUE(prefetch.empty());
  EXPECT_EQ(prefetch.behind(), 1U) << "it has been granted one";
  EXPECT_TRUE(prefetch.HasRoom()) << "behind that one";
  EXPECT_EQ(prefetch.HandOn(), std::nullopt);
  EXPECT_FALSE(prefetch.HasRoom());
}

// It runs on a lease of which the end is not known yet, and lends that out.
TEST(PrefetchTest, ALeaseThatWasLentBeforeItWasKnownIsNotHandedOnTwice) {
  Prefetch prefetch;
  prefetch.Lease();
  prefetch.Add({Id(1), microseconds(10)});
  prefetch.Add({Id(2), microseconds(10)});
  EXPECT_TRUE(prefetch.Leave(Id(1)));
  prefetch.LendUnheard();
  EXPECT_EQ(prefetch.HandOn(), std::nullopt);
  EXPECT_EQ(prefetch.Grant().task, Id(2));
  EXPECT_EQ(prefetch.HandOn(), std::nullopt);
  EXPECT_FALSE(prefetch.HasRoom());
}

// The task ran and ended on a lease of which the end is not known yet: that comes home by itself.
TEST(PrefetchTest, AnEndThatIsHeardOfFirstTakesNoLeaseAway) {
  Prefetch prefetch;
  prefetch.Lease();
  prefetch.Add({Id(1), microseconds(10)});
  EXPECT_TRUE(prefetch.Leave(Id(1)));
  EXPECT_EQ(prefetch.Delay(), Nanos(0));
  EXPECT_EQ(prefetch.HandOn(), std::nullopt) << "free";
  EXPECT_FALSE(prefetch.HasRoom());
}

TEST(PrefetchTest, TakesShortTasksOfOneSlotThatMayRunAgain) {
  Function function{.id = 1, .name = "f", .host = Host::kThread, .shape = {}};
  function.shape.amount[kCpu] = kOneSlot;
  Task task;
  task.function = &function;
  task.shape = &function.shape;
  const Nanos short_one = Prefetch::kLongest;
  EXPECT_TRUE(Prefetch::Takes(task, short_one));
  EXPECT_FALSE(Prefetch::Takes(task, short_one + Nanos(1)));
  task.level = Level::kAsync;
  EXPECT_FALSE(Prefetch::Takes(task, short_one)) << "the journal has to know when it begins";
  task.max_retries = 1;
  EXPECT_TRUE(Prefetch::Takes(task, short_one));
  EXPECT_TRUE(Prefetch::HandsOn(task));
  task.deaths = 1;
  EXPECT_FALSE(Prefetch::Takes(task, short_one)) << "it runs in a worker";
  task.deaths = 0;
  function.host = Host::kWorker;
  EXPECT_FALSE(Prefetch::Takes(task, short_one));
  function.host = Host::kThread;
  function.shape.amount[kMemory] = 1;
  EXPECT_FALSE(Prefetch::Takes(task, short_one)) << "leases are not alike";
}

}  // namespace
}  // namespace spillgate
