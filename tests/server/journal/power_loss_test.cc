// The promise of the levels, by random work on a disk that loses its power at random: R7.
#include <gtest/gtest.h>

#include "tests/server/journal/world.h"

namespace spillgate::journal {
namespace {

using std::chrono::microseconds;

struct Plan {
  bool power = true;      // is lost; else only the process dies
  bool failures = false;  // of syncs and writes as well, now and then
  bool compact = false;
};

// Work until the disk is dead and a little longer, as a process that has not noticed does.
void RunUntilDead(World& world, const Plan& plan) {
  std::mt19937_64& random = world.random;
  world.files.DieAfter(1 + random() % 300);
  int after = 3;
  while (after > 0) {
    if (world.files.dead()) {
      if (!world.died) world.died = world.clock.Now();
      --after;
    }
    for (std::uint64_t batches = random() % 4; batches > 0; --batches) world.Work();
    if (plan.compact && random() % 4 == 0) world.Compact(1 + random() % 20);
    if (plan.failures && random() % 40 == 0) {
      world.files.Fail(random() % 2 == 0 ? Op::kSync : Op::kWrite, 1 + random() % 3,
                       Code::kUnavailable);
    }
    world.clock.Advance(microseconds(random() % 2000));
    world.Step();
  }
}

void Live(std::uint64_t seed, const Plan& plan, World& world) {
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  world.files.ShortWrites(seed % 3 == 0);
  for (int life = 0; life < 6; ++life) {
    const Status started = world.Start();
    ASSERT_TRUE(started.ok()) << started.error().message;
    RunUntilDead(world, plan);
    if (plan.power) {
      world.PowerLoss();
    } else {
      world.Crash();
    }
    if (testing::Test::HasFailure()) return;
  }
}

constexpr std::uint64_t kSeeds = 300;

TEST(PowerLoss, LosesNothingSyncedAndOfTheWrittenOnlyTheYoungest) {
  std::uint64_t lost = 0;
  for (std::uint64_t seed = 1; seed <= kSeeds && !HasFailure(); ++seed) {
    World world(seed);
    Live(seed, {}, world);
    lost += world.lost_async;
  }
  EXPECT_GT(lost, kSeeds) << "the disk loses too little for this to be a test";
}

TEST(PowerLoss, TakesNothingWhileSnapshotsReplaceWhatIsOld) {
  std::uint64_t shortened = 0;
  for (std::uint64_t seed = 1; seed <= kSeeds && !HasFailure(); ++seed) {
    World world(seed);
    Live(seed, {.compact = true}, world);
    if (world.first_delivered > 1) ++shortened;
  }
  EXPECT_GT(shortened, kSeeds / 4) << "hardly any log was ever compacted";
}

TEST(PowerLoss, TakesNothingThatAFailingDiskHadToWriteTwice) {
  for (std::uint64_t seed = 1; seed <= kSeeds && !HasFailure(); ++seed) {
    World world(seed);
    Live(seed, {.failures = true, .compact = true}, world);
  }
}

TEST(Crash, LosesNothingWritten) {
  for (std::uint64_t seed = 1; seed <= kSeeds && !HasFailure(); ++seed) {
    World world(seed);
    Live(seed, {.power = false, .failures = seed % 2 == 0, .compact = true}, world);
  }
}

}  // namespace
}  // namespace spillgate::journal
