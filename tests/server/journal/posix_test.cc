// The log with its own thread on a real file system, in a folder of its own that is removed again.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <thread>

#include "core/base/format.h"
#include "server/journal/log.h"
#include "server/journal/posix_files.h"
#include "tests/server/journal/announcements.h"

namespace spillgate::journal {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;

class PosixTest : public testing::Test {
 protected:
  PosixTest() {
    std::string name = (std::filesystem::temp_directory_path() / "sg-journal-XXXXXX").string();
    dir = mkdtemp(name.data());
    options = {.dir = dir + "/state/journal",
               .segment_bytes = 1 << 20,
               .reserve_segments = 1,
               .buffer_bytes = 512 << 10,
               .completion_bytes = 256 << 10,
               .pace = {.sync_interval = milliseconds(10),
                        .group_records = 256,
                        .linger = std::chrono::microseconds(200)},
               .seed = 5};
  }
  ~PosixTest() override { std::filesystem::remove_all(dir); }

  Result<std::unique_ptr<Log>> Open(const Deliver& deliver) {
    return Log::Open(options, files, clock, deliver,
                     [this](const Durable& now) { announced.Add(now); });
  }

  std::string dir;
  LogOptions options;
  PosixFiles files;
  SteadyClock clock;
  Announcements announced;
};

const Deliver kIgnore = [](Lsn, ByteView) { return Status(); };

TEST_F(PosixTest, ThreadsThatAppendAtOnceFindAllOfItAgainInTheirOrder) {
  constexpr std::uint32_t kThreads = 3;
  constexpr std::uint32_t kBatches = 300;
  constexpr std::uint32_t kRecords = 20;
  {
    auto opened = Open(kIgnore);
    ASSERT_TRUE(opened.ok()) << opened.error().message;
    Log& log = *opened.value();
    log.Start();
    std::vector<std::thread> threads;
    for (std::uint32_t thread = 0; thread < kThreads; ++thread) {
      threads.emplace_back([&, thread] {
        JournalBatch batch(log, thread == 0 ? Purpose::kCompletion : Purpose::kNewWork);
        const Level level = thread == 2 ? Level::kSync : Level::kAsync;
        for (std::uint32_t i = 0; i < kBatches * kRecords; ++i) {
          const std::uint32_t record[] = {thread, i};
          const std::string padding(i % 300, 'x');
          while (!batch.Append(level, {std::as_bytes(std::span(record)), AsBytes(padding)})) {
            batch.Commit();
            std::this_thread::yield();
          }
          if (i % kRecords != kRecords - 1) continue;
          const std::uint32_t records = batch.size();
          const Lsn last = batch.Commit() + records - 1;
          const bool waits = i % (10 * kRecords) == kRecords - 1;
          EXPECT_TRUE(!waits || announced.WaitFor(last, level));
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_TRUE(log.Stop().ok());
    EXPECT_EQ(announced.last().synced, kThreads * kBatches * kRecords);
  }
  std::vector<std::uint32_t> next(kThreads);
  auto opened = Open([&](Lsn, ByteView bytes) {
    std::uint32_t record[2] = {};
    std::memcpy(record, bytes.data(), sizeof(record));
    EXPECT_LT(record[0], kThreads);
    EXPECT_EQ(record[1], next[record[0]]++);
    EXPECT_EQ(bytes.size(), sizeof(record) + record[1] % 300);
    return Status();
  });
  ASSERT_TRUE(opened.ok()) << opened.error().message;
  EXPECT_THAT(next, testing::Each(kBatches * kRecords));
}

TEST_F(PosixTest, AProcessThatIsKilledLosesNothingWritten) {
  const pid_t child = fork();
  if (child == 0) {
    auto opened = Open(kIgnore);
    if (!opened.ok()) _exit(1);
    opened.value()->Start();
    JournalBatch batch(*opened.value(), Purpose::kNewWork);
    for (std::uint32_t i = 0; i < 1000; ++i) {
      if (!batch.Append(Level::kAsync, {std::as_bytes(std::span(&i, 1))})) _exit(2);
    }
    if (!announced.WaitFor(batch.Commit() + 999, Level::kAsync)) _exit(3);
    kill(getpid(), SIGKILL);
  }
  int how = 0;
  ASSERT_EQ(waitpid(child, &how, 0), child);
  ASSERT_TRUE(WIFSIGNALED(how)) << WEXITSTATUS(how);
  std::uint32_t seen = 0;
  auto opened = Open([&](Lsn lsn, ByteView record) {
    EXPECT_EQ(std::memcmp(record.data(), &seen, sizeof(seen)), 0);
    EXPECT_EQ(lsn, ++seen);
    return Status();
  });
  ASSERT_TRUE(opened.ok()) << opened.error().message;
  EXPECT_EQ(seen, 1000U);
}

TEST_F(PosixTest, OneProcessAtATimeHasTheFolder) {
  auto first = Open(kIgnore);
  ASSERT_TRUE(first.ok()) << first.error().message;
  const auto second = Open(kIgnore);
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.error().code, Code::kUnavailable);
  EXPECT_THAT(second.error().message, HasSubstr(Format("is held by process {}:", getpid())));
  first.value().reset();
  EXPECT_TRUE(Open(kIgnore).ok());
}

TEST_F(PosixTest, SpareFilesAreMadeAndFilledWhileNobodyAppends) {
  auto opened = Open(kIgnore);
  ASSERT_TRUE(opened.ok());
  // Two of a MiB: made, then written in slices of a quarter.
  for (int step = 0; step < 12; ++step) {
    std::this_thread::yield();
    const Instant due = opened.value()->Step();
    while (due != kNever && clock.Now() < due) std::this_thread::yield();
  }
  EXPECT_EQ(opened.value()->Stats().spare_files, 2U);
  opened.value().reset();
  auto again = Open(kIgnore);
  ASSERT_TRUE(again.ok());
  ASSERT_EQ(again.value()->recovered().spares.size(), 2U);
  for (const Spare& spare : again.value()->recovered().spares) EXPECT_TRUE(spare.filled);
}

TEST_F(PosixTest, ErrorsNameThePathAndTheCause) {
  const auto missing = files.Open(dir + "/nothing");
  ASSERT_FALSE(missing.ok());
  EXPECT_EQ(missing.error().code, Code::kNotFound);
  EXPECT_EQ(missing.error().message,
            Format("cannot open {}/nothing: No such file or directory", dir));
  std::ofstream(dir + "/file") << "x";
  EXPECT_FALSE(files.MakeDir(dir + "/file/below").ok());
  EXPECT_FALSE(files.List(dir + "/file").ok());
  options.dir = dir + "/file";
  const auto opened = Open(kIgnore);
  ASSERT_FALSE(opened.ok());
  EXPECT_THAT(opened.error().message, HasSubstr(dir + "/file/lock"));
}

TEST_F(PosixTest, AFullFileSystemIsExhausted) {
  // Every system has one device that is always full.
  auto full = files.Open("/dev/full");
  ASSERT_TRUE(full.ok()) << full.error().message;
  const auto written = full.value()->Write(0, AsBytes("x"));
  ASSERT_FALSE(written.ok());
  EXPECT_EQ(written.error().code, Code::kExhausted);
}

}  // namespace
}  // namespace spillgate::journal
