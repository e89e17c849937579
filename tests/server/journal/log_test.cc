// The log as its owner sees it, on a clock that a test moves: when records are written, synced and
// announced, and how it starts and stops.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/format.h"
#include "tests/server/journal/world.h"

namespace spillgate::journal {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

class LogTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(world.Start().ok()); }
  World world{2};
};

TEST_F(LogTest, AWrittenRecordIsSyncedWithinTheInterval) {
  const Lsn first = world.Append(Level::kAsync, "one");
  world.Step();
  EXPECT_EQ(world.durable, (Durable{.written = first}));
  EXPECT_EQ(world.log->Stats().syncs, 0U);
  world.StepFor(milliseconds(5));
  const Lsn second = world.Append(Level::kAsync, "two");
  world.StepFor(milliseconds(4));
  EXPECT_EQ(world.durable, (Durable{.written = second}));
  world.StepFor(milliseconds(1));
  EXPECT_EQ(world.durable, (Durable{.written = second, .synced = second}));
  EXPECT_EQ(world.log->Stats().syncs, 1U);
}

TEST_F(LogTest, TheStepSaysWhenItIsDue) {
  world.Append(Level::kAsync, "zero");
  world.StepFor(milliseconds(400));  // until there is nothing to be done to its files
  world.Append(Level::kAsync, "one");
  world.Step();
  EXPECT_EQ(world.next_step, world.clock.Now() + milliseconds(10));
  world.clock.Advance(milliseconds(10));
  world.Step();
  EXPECT_EQ(world.durable.synced, 2U);
  // Then only a note of it is left to write, and after that nothing.
  EXPECT_GT(world.next_step, world.clock.Now() + milliseconds(900));
  world.StepFor(seconds(1));
  EXPECT_EQ(world.next_step, kNever);
}

TEST_F(LogTest, OneSyncServesThoseWhoWaitTogether) {
  const Lsn alone = world.Append(Level::kSync, "alone");
  world.Step();
  EXPECT_EQ(world.durable.synced, alone);
  world.StepFor(milliseconds(400));
  world.Append(Level::kSync, "first of many");
  const Lsn second = world.Append(Level::kSync, "second");
  world.Step();
  EXPECT_EQ(world.durable, (Durable{.written = second, .synced = alone}));
  EXPECT_EQ(world.next_step, world.clock.Now() + microseconds(200));
  world.clock.Advance(microseconds(150));
  const Lsn third = world.Append(Level::kSync, "third");
  world.Step();
  EXPECT_EQ(world.durable.synced, alone);
  world.clock.Advance(microseconds(50));
  world.Step();
  EXPECT_EQ(world.durable.synced, third);
  EXPECT_EQ(world.log->Stats().syncs, 2U);
}

TEST_F(LogTest, AFullGroupIsNotMadeToWait) {
  for (std::uint32_t i = 0; i < world.options.pace.group_records; ++i) {
    world.Append(Level::kSync, "x");
  }
  world.Step();
  EXPECT_EQ(world.durable.synced, world.options.pace.group_records);
}

TEST_F(LogTest, ABufferThatFillsIsAReasonToSync) {
  for (int i = 0; i < 400; ++i) {
    ASSERT_NE(world.Append(Level::kAsync, std::string(2000, 'x')), 0U);
    world.Step();
  }
  EXPECT_LE(world.log->buffered_bytes(), world.options.buffer_bytes / 2 + 2004);
}

TEST_F(LogTest, ThePaceCanBeChangedWhileItRuns) {
  world.options.pace.sync_interval = milliseconds(3);
  world.log->SetPace(world.options.pace);
  world.Append(Level::kAsync, "one");
  world.Step();
  world.StepFor(milliseconds(3));
  EXPECT_EQ(world.durable.synced, 1U);
}

TEST_F(LogTest, ABatchHasItsRecordsInARow) {
  JournalBatch batch(*world.log, Purpose::kNewWork);
  for (std::uint32_t i = 0; i < 10; ++i) {
    const std::string record = Format("record {}", i);
    ASSERT_EQ(batch.Append(Level::kAsync, {AsBytes("the "), {}, AsBytes(record)}), i);
    world.history[1 + i] = "the " + record;
  }
  EXPECT_EQ(batch.size(), 10U);
  EXPECT_EQ(batch.Commit(), 1U);
  EXPECT_EQ(batch.size(), 0U);
  world.Step();
  EXPECT_EQ(world.log->Stats().blocks, 1U);
  world.Crash();
  ASSERT_TRUE(world.Start().ok());
  EXPECT_EQ(world.last_delivered, 10U);
}

TEST_F(LogTest, AnEmptyRecordIsARecord) {
  const Lsn lsn = world.Append(Level::kSync, "");
  world.Step();
  world.PowerLoss();
  ASSERT_TRUE(world.Start().ok());
  EXPECT_EQ(world.last_delivered, lsn);
}

TEST_F(LogTest, AStoppedLogNeedsNoNewFileToGoOn) {
  world.Append(Level::kAsync, "one");
  ASSERT_TRUE(world.log->Stop().ok());
  EXPECT_EQ(world.durable.synced, 1U);
  for (int i = 0; i < 10; ++i) {
    world.PowerLoss();
    ASSERT_TRUE(world.Start().ok());
    EXPECT_EQ(world.last_delivered, 1U);
    EXPECT_EQ(world.log->Stats().blocks, 0U);
    ASSERT_TRUE(world.log->Stop().ok());
  }
}

TEST_F(LogTest, AQuietLogKnowsThatAllOfItIsSynced) {
  const Lsn lsn = world.Append(Level::kSync, "one");
  world.Step();
  world.StepFor(seconds(2));
  world.PowerLoss();
  // Without the note the last record would be written again, as one that may not be on disk.
  ASSERT_TRUE(world.Start().ok());
  EXPECT_EQ(world.last_delivered, lsn);
  EXPECT_EQ(world.log->Stats().blocks, 0U);
}

TEST_F(LogTest, KilledOverAndOverItLosesNothingAndStaysBounded) {
  for (int i = 0; i < 30; ++i) {
    const Lsn lsn = world.Append(Level::kAsync, Format("put k{} v", i));
    world.Step();
    ASSERT_EQ(world.durable.written, lsn);
    if (world.log->WantsCompaction(2000)) {
      world.Compact(1000);
      world.StepFor(milliseconds(30));
    }
    world.Crash();
    ASSERT_TRUE(world.Start().ok());
  }
  EXPECT_LE(world.files.Names().size(), 9U);
}

TEST_F(LogTest, ALogGoesOnWithFilesOfAnotherSize) {
  for (int i = 0; i < 100; ++i) {
    world.Append(Level::kSync, std::string(2000, 'x'));
    world.Step();
  }
  ASSERT_TRUE(world.log->Stop().ok());
  world.Crash();
  world.options.segment_bytes = 128 << 10;
  ASSERT_TRUE(world.Start().ok());
  EXPECT_EQ(world.last_delivered, 100U);
  const Lsn lsn = world.Append(Level::kSync, std::string(2000, 'y'));
  world.Step();
  world.PowerLoss();
  ASSERT_TRUE(world.Start().ok());
  EXPECT_EQ(world.last_delivered, lsn);
}

TEST_F(LogTest, ARecordThatNoFileTakesAnyMoreIsSaidSo) {
  World large(3);
  large.options.segment_bytes = 1 << 20;
  large.options.buffer_bytes = 512 << 10;
  ASSERT_TRUE(large.Start().ok());
  ASSERT_NE(large.Append(Level::kAsync, std::string(200'000, 'x')), 0U);
  large.Step();
  large.Crash();
  large.options = SmallLog();
  const Status started = large.Start();
  ASSERT_FALSE(started.ok());
  EXPECT_THAT(started.error().message, testing::HasSubstr("journal.segment"));
}

TEST(LogOptions, ThatCannotWorkAreRefused) {
  FaultyFiles files(1);
  ManualClock clock;
  const Deliver ignore = [](Lsn, ByteView) { return Status(); };
  LogOptions good = SmallLog();
  ASSERT_TRUE(Log::Open(good, files, clock, ignore, {}).ok());
  LogOptions bad = good;
  bad.segment_bytes = 64 << 9;
  EXPECT_FALSE(Log::Open(bad, files, clock, ignore, {}).ok());
  bad = good;
  bad.segment_bytes += 1;
  EXPECT_FALSE(Log::Open(bad, files, clock, ignore, {}).ok());
  bad = good;
  bad.buffer_bytes = 2 * bad.segment_bytes;
  EXPECT_FALSE(Log::Open(bad, files, clock, ignore, {}).ok());
}

TEST(LogOptions, OfTheDefaultConfigWork) {
  const LogOptions options = OptionsOf(config::JournalConfig(), "/j");
  EXPECT_EQ(options.segment_bytes, 64U << 20);
  EXPECT_EQ(options.buffer_bytes, 32U << 20);
  EXPECT_EQ(options.pace.group_records, 256U);
}

}  // namespace
}  // namespace spillgate::journal
