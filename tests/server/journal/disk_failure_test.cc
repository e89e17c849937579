// A disk that fails while the log runs: EIO of writes and syncs, for once and for long, and a full
// one. Nothing false is ever announced, and nothing that was committed is forgotten.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/format.h"
#include "tests/server/journal/world.h"

namespace spillgate::journal {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HasSubstr;

class DiskFailure : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(world.Start().ok());
    world.StepFor(milliseconds(50));  // spare files are there
  }
  void RestartAfterPowerLoss() {
    world.PowerLoss();
    const Status started = world.Start();
    ASSERT_TRUE(started.ok()) << started.error().message;
  }
  World world{7};
};

TEST_F(DiskFailure, RecordsWhoseSyncFailsAreWrittenToAnotherFileAndThenAnnounced) {
  const Lsn first = world.Append(Level::kSync, "one");
  world.Step();
  ASSERT_EQ(world.durable.synced, first);
  world.files.Fail(Op::kSync, 1, Code::kUnavailable);
  const Lsn second = world.Append(Level::kSync, "two");
  world.Step();
  EXPECT_EQ(world.durable.synced, second);
  EXPECT_EQ(world.durable.unknown, 0U);
  EXPECT_EQ(world.log->Stats().failures, 1U);
  EXPECT_TRUE(world.log->Accepting());
  RestartAfterPowerLoss();
  EXPECT_EQ(world.last_delivered, second);
}

TEST_F(DiskFailure, SoAreRecordsWhoseWriteFailsHalfWay) {
  for (int round = 0; round < 20; ++round) {
    world.files.Fail(Op::kWrite, 1, Code::kUnavailable);
    const Lsn lsn = world.Append(Level::kSync, std::string(3000, 'x'));
    world.Step();
    ASSERT_EQ(world.durable.synced, lsn);
  }
  RestartAfterPowerLoss();
  EXPECT_EQ(world.last_delivered, 20U);
}

TEST_F(DiskFailure, AnAnnouncedRecordSurvivesTheProcessThoughItsDiskFailedSince) {
  const Lsn lsn = world.Append(Level::kAsync, "written");
  world.Step();
  ASSERT_EQ(world.durable, (Durable{.written = lsn}));
  world.files.Fail(Op::kSync, 1, Code::kUnavailable, ~0ULL);
  world.StepFor(milliseconds(200));
  EXPECT_FALSE(world.log->Accepting());
  world.Crash();
  ASSERT_TRUE(world.Start().ok());
  EXPECT_EQ(world.last_delivered, lsn);
}

TEST_F(DiskFailure, WhileItLastsNewWorkIsRefusedAndThePendingIsUnknown) {
  const Lsn known = world.Append(Level::kSync, "known");
  world.Step();
  world.files.Fail(Op::kSync, 1, Code::kUnavailable, ~0ULL);
  const Lsn pending = world.Append(Level::kSync, "pending");
  world.Step();
  EXPECT_EQ(world.durable, (Durable{.written = known, .synced = known, .unknown = pending}));
  EXPECT_FALSE(world.log->Accepting());
  EXPECT_THAT(world.log->State().why_not, HasSubstr("/j cannot be written: "));
  EXPECT_EQ(world.Append(Level::kAsync, "new work"), 0U);
  const Lsn completion = world.Append(Level::kAsync, Purpose::kCompletion, "completion");
  EXPECT_EQ(completion, pending + 1);
  // Tried again all the time, and no file is left behind by that.
  world.StepFor(seconds(5));
  EXPECT_EQ(world.durable.synced, known);
  EXPECT_EQ(world.durable.unknown, completion);
  EXPECT_LE(world.files.Names().size(), 6U);

  world.files.StopFailing();
  world.StepFor(seconds(2));
  EXPECT_EQ(world.durable.synced, completion);
  EXPECT_TRUE(world.log->Accepting());
  EXPECT_EQ(world.log->State().why_not, "");
  EXPECT_GT(world.Append(Level::kAsync, "new work"), completion);
  world.StepFor(milliseconds(20));
  RestartAfterPowerLoss();
  EXPECT_EQ(world.last_delivered, completion + 1);
}

TEST_F(DiskFailure, ACompletionFindsNoRoomOnlyWhenItsOwnIsFull) {
  world.files.Fail(Op::kWrite, 1, Code::kUnavailable, ~0ULL);
  const std::string record(1000, 'x');
  while (world.Append(Level::kAsync, record) != 0) {
  }
  EXPECT_GT(world.log->buffered_bytes(), world.options.buffer_bytes - 1100);
  world.Step();
  std::uint64_t completions = 0;
  while (world.Append(Level::kAsync, Purpose::kCompletion, record) != 0) ++completions;
  EXPECT_GE(completions, world.options.completion_bytes / 1004);
  world.files.StopFailing();
  world.StepFor(seconds(2));
  EXPECT_EQ(world.log->buffered_bytes(), 0U);
  EXPECT_NE(world.Append(Level::kAsync, Purpose::kCompletion, record), 0U);
}

TEST_F(DiskFailure, ALogThatNeverGotADiskAccepsNothingButFails) {
  World fresh(8);
  fresh.files.Fail(Op::kCreate, 1, Code::kDenied, ~0ULL);
  ASSERT_TRUE(fresh.Start().ok());
  fresh.StepFor(milliseconds(10));
  EXPECT_FALSE(fresh.log->Accepting());
  EXPECT_THAT(fresh.log->State().why_not, HasSubstr("injected"));
  EXPECT_EQ(fresh.Append(Level::kSync, "x"), 0U);
}

TEST_F(DiskFailure, StopSaysThatItCouldNotWrite) {
  world.files.Fail(Op::kWrite, 1, Code::kUnavailable, ~0ULL);
  world.Append(Level::kAsync, "x");
  const Status stopped = world.log->Stop();
  ASSERT_FALSE(stopped.ok());
  EXPECT_EQ(world.durable.written, 0U);
}

class FullDisk : public testing::Test {
 protected:
  static constexpr int kFiles = 6;

  void SetUp() override {
    world.files.SetCapacity(kFiles * world.options.segment_bytes);
    ASSERT_TRUE(world.Start().ok());
    world.StepFor(milliseconds(50));
  }
  // Until it is refused; answers how many were taken.
  int FillWithNewWork() {
    int taken = 0;
    for (int refused = 0; refused < 50;) {
      if (world.Append(Level::kAsync, record) == 0) {
        ++refused;
      } else {
        ++taken;
        refused = 0;
      }
      world.StepFor(milliseconds(1));
    }
    return taken;
  }

  World world{9};
  const std::string record = "put k " + std::string(2000, 'x');
};

TEST_F(FullDisk, RefusesNewWorkAndRecordsCompletionsInItsReserve) {
  const int taken = FillWithNewWork();
  // All but the reserve and what a full buffer needs in the last file.
  EXPECT_GT(taken, (kFiles - 4) * 31);
  EXPECT_FALSE(world.log->Accepting());
  EXPECT_THAT(world.log->State().why_not, HasSubstr("disk full"));
  EXPECT_THAT(world.log->State().why_not, HasSubstr("in 2 reserved files"));
  // As many completions as the reserve holds, all announced as synced.
  Lsn last = 0;
  for (int i = 0; i < 60; ++i) {
    last = world.Append(Level::kSync, Purpose::kCompletion, record);
    ASSERT_NE(last, 0U);
    world.StepFor(milliseconds(1));
    ASSERT_EQ(world.durable.synced, last);
    ASSERT_FALSE(world.log->Accepting()) << "the reserve is not for new work, however empty";
  }
  world.PowerLoss();
  ASSERT_TRUE(world.Start().ok());
  EXPECT_EQ(world.last_delivered, last);
}

TEST_F(FullDisk, TakesNewWorkAgainWhenThereIsSpace) {
  FillWithNewWork();
  world.files.SetCapacity((kFiles + 2) * world.options.segment_bytes);
  world.StepFor(seconds(2));
  EXPECT_TRUE(world.log->Accepting());
  EXPECT_NE(world.Append(Level::kAsync, record), 0U);
}

TEST_F(FullDisk, ASnapshotMakesSpaceOnIt) {
  FillWithNewWork();
  EXPECT_TRUE(world.log->WantsCompaction(10'000));
  EXPECT_FALSE(world.log->WantsCompaction(10 * world.options.segment_bytes)) << "it cannot fit";
  const Lsn mark = world.log->BeginCompaction();
  const Lsn last = world.Append(Level::kAsync, Purpose::kSnapshot, record);
  ASSERT_NE(last, 0U);
  world.log->EndCompaction(mark, last);
  world.StepFor(milliseconds(50));
  EXPECT_TRUE(world.log->Accepting());
  EXPECT_NE(world.Append(Level::kAsync, record), 0U);
  world.StepFor(milliseconds(50));
  world.PowerLoss();
  ASSERT_TRUE(world.Start().ok());
  EXPECT_GT(world.first_delivered, 1U);
}

TEST_F(FullDisk, WhenEvenTheReserveIsUsedUpNothingIsAnnouncedThatIsNotThere) {
  FillWithNewWork();
  for (int i = 0; i < 200; ++i) {
    world.Append(Level::kSync, Purpose::kCompletion, record);
    world.StepFor(milliseconds(1));
  }
  EXPECT_FALSE(world.log->Accepting());
  EXPECT_GT(world.log->buffered_bytes(), 0U);
  const Lsn synced = world.durable.synced;
  EXPECT_GT(world.durable.unknown, synced);
  // Room comes back: all of it is written.
  world.files.SetCapacity(20 * world.options.segment_bytes);
  world.StepFor(seconds(3));
  EXPECT_TRUE(world.log->Accepting());
  EXPECT_EQ(world.durable.synced, world.history.rbegin()->first);
  world.PowerLoss();
  ASSERT_TRUE(world.Start().ok());
  EXPECT_EQ(world.last_delivered, world.history.rbegin()->first);
}

}  // namespace
}  // namespace spillgate::journal
