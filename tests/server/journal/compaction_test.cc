// Snapshots that replace what is old: what may go, when, and that a crash at any moment of it
// leaves a log that says the same.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/format.h"
#include "tests/server/journal/world.h"

namespace spillgate::journal {
namespace {

using std::chrono::milliseconds;

// Several segments of keys that come and go, then a snapshot in slices, between further work.
// Answers whether it got to the end before the disk was dead.
bool Script(World& world) {
  for (int i = 0; i < 60; ++i) {
    for (int batch = 0; batch < 6; ++batch) world.Work();
    world.StepFor(milliseconds(2));
  }
  for (int i = 0; i < 12; ++i) {
    world.Compact(5);
    world.Work();
    world.StepFor(milliseconds(5));
  }
  world.StepFor(milliseconds(30));
  if (world.files.dead() && !world.died) world.died = world.clock.Now();
  return !world.files.dead();
}

std::uint64_t FilesInUse(const World& world) {
  return (world.log->Stats().log_bytes + world.options.segment_bytes - 1) /
         world.options.segment_bytes;
}

void CrashAtEveryStep(bool power) {
  std::uint64_t total = 0;
  {
    World whole(3);
    ASSERT_TRUE(whole.Start().ok());
    const std::uint64_t before = whole.files.changes();
    ASSERT_TRUE(Script(whole));
    total = whole.files.changes() - before;
    whole.Crash();
    ASSERT_TRUE(whole.Start().ok());
    ASSERT_GT(whole.first_delivered, 1U) << "nothing was dropped";
  }
  int shortened = 0;
  for (std::uint64_t step = 1; step <= total && !testing::Test::HasFailure(); ++step) {
    SCOPED_TRACE(testing::Message() << "dead after " << step << " of " << total);
    World world(3);
    ASSERT_TRUE(world.Start().ok());
    world.files.DieAfter(step);
    // The time of death is that of the announcement before it, at the earliest.
    world.died = Instant();
    Script(world);
    if (power) {
      world.PowerLoss();
    } else {
      world.Crash();
    }
    const Status started = world.Start();
    ASSERT_TRUE(started.ok()) << started.error().message;
    if (world.first_delivered > 1) ++shortened;
    // And it goes on from there.
    world.Work();
    world.StepFor(milliseconds(20));
    world.PowerLoss();
    const Status again = world.Start();
    ASSERT_TRUE(again.ok()) << again.error().message;
  }
  EXPECT_GT(shortened, 0);
}

TEST(Compaction, ACrashAtAnyStepLosesNothing) {
  CrashAtEveryStep(false);
}

TEST(Compaction, NorDoesAPowerLossAtAnyStep) {
  CrashAtEveryStep(true);
}

class CompactionTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(world.Start().ok()); }
  // About so many files full of keys that are dead again.
  void Fill(int files) {
    const std::string value(1000, 'x');
    for (int i = 0; i < files * 66; ++i) {
      world.Append(Level::kAsync, Format("put old{} {}", i, value));
      world.Append(Level::kAsync, Format("del old{}", i));
      if (i % 8 == 7) world.StepFor(milliseconds(1));
    }
    world.StepFor(milliseconds(20));
  }
  World world{5};
};

TEST_F(CompactionTest, IsWantedWhenAsMuchIsDeadAsLives) {
  EXPECT_FALSE(world.log->WantsCompaction(0));
  Fill(2);
  const std::uint64_t used = world.log->Stats().log_bytes;
  EXPECT_TRUE(world.log->WantsCompaction(0));
  EXPECT_TRUE(world.log->WantsCompaction(used / 2));
  EXPECT_FALSE(world.log->WantsCompaction(used / 2 + 1));
}

TEST_F(CompactionTest, DropsNothingBeforeTheSnapshotIsSynced) {
  Fill(3);
  const std::uint64_t before = FilesInUse(world);
  const Lsn mark = world.log->BeginCompaction();
  const Lsn last = world.Append(Level::kAsync, Purpose::kSnapshot, "put live 1");
  world.log->EndCompaction(mark, last);
  EXPECT_FALSE(world.log->WantsCompaction(0)) << "one is under way";
  world.Step();
  ASSERT_LT(world.durable.synced, last);
  EXPECT_EQ(FilesInUse(world), before);
  world.StepFor(milliseconds(12));
  ASSERT_EQ(world.durable.synced, last);
  EXPECT_EQ(FilesInUse(world), 1U);
}

TEST_F(CompactionTest, OldRecordsInFilesThatAreUsedAgainNeverComeBack) {
  for (int round = 0; round < 8; ++round) {
    Fill(2);
    const Lsn mark = world.log->BeginCompaction();
    const Lsn last = world.Append(Level::kAsync, Purpose::kSnapshot, "put live 1");
    world.log->EndCompaction(mark, last);
    world.StepFor(milliseconds(30));
    // Into the next file, a little.
    const std::uint64_t files = world.log->Stats().log_bytes / world.options.segment_bytes;
    while (world.log->Stats().log_bytes / world.options.segment_bytes == files) {
      world.Append(Level::kSync, std::string(500, 'y'));
      world.Step();
    }
    world.PowerLoss();
    // World compares each record with what was appended under its number.
    const Status started = world.Start();
    ASSERT_TRUE(started.ok()) << started.error().message;
    ASSERT_GT(world.first_delivered + 300, last);
    ASSERT_GE(world.last_delivered, last);
  }
  // They are there to come back: files of the same few names, full of old records.
  EXPECT_LE(world.files.Names().size(), 9U);
  std::size_t with_old = 0;
  for (const std::string& path : world.files.Names()) {
    const std::string_view text = AsText(ByteView(world.files.Contents(path)));
    if (text.find("put old") != std::string_view::npos) ++with_old;
  }
  EXPECT_GT(with_old, 2U);
}

TEST_F(CompactionTest, TheLogStaysSmallWhateverIsAppended) {
  std::uint64_t most = 0;
  for (int round = 0; round < 400; ++round) {
    for (int i = 0; i < 10; ++i) world.Work();
    world.StepFor(milliseconds(5));
    if (world.log->WantsCompaction(8 << 10)) {
      const Lsn mark = world.log->BeginCompaction();
      world.log->EndCompaction(mark, world.Append(Level::kAsync, Purpose::kSnapshot, "put z z"));
    }
    most = std::max(most, FilesInUse(world) + world.log->Stats().spare_files);
  }
  EXPECT_GT(world.log->Stats().bytes, 20 * world.options.segment_bytes);
  EXPECT_LE(most, 9U);
}

}  // namespace
}  // namespace spillgate::journal
