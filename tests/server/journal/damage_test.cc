// Damage to what is on disk: the log refuses to start, or is an exact prefix with all that is known
// to have been synced; salvage goes on without what is missing.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>

#include "core/base/format.h"
#include "tests/server/journal/world.h"

namespace spillgate::journal {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;

constexpr std::size_t kBitsShift = 5;

struct Found {
  Status status;
  std::vector<std::pair<Lsn, std::string>> records;
  Lsn missing = 0;
};

Found Read(FaultyFiles& files, bool salvage = false) {
  Found found;
  const auto recovered =
      Recover(files, {.dir = "/j", .segment_bytes = SmallLog().segment_bytes, .salvage = salvage},
              [&](Lsn lsn, ByteView record) {
                found.records.emplace_back(lsn, AsText(record));
                return Status();
              });
  if (!recovered.ok()) {
    found.status = recovered.error();
  } else {
    found.missing = recovered.value().missing;
  }
  return found;
}

// The file that holds this text.
std::string PathOf(FaultyFiles& files, std::string_view text) {
  for (const std::string& path : files.Names()) {
    if (AsText(ByteView(files.Contents(path))).find(text) != std::string_view::npos) return path;
  }
  ADD_FAILURE() << "no file holds \"" << text << "\"";
  return files.Names().front();
}

void Damage(FaultyFiles& files, std::string_view text) {
  std::vector<std::byte>& bytes = files.Contents(PathOf(files, text));
  const std::size_t at = AsText(ByteView(bytes)).find(text);
  if (at < bytes.size()) bytes[at] ^= std::byte{1};
  files.Load(files.Save());  // the disk has it, too
}

// Two segments with records of several sizes, the first one left by a process that was killed.
void Write(World& world, bool stop) {
  for (int life = 0; life < 2; ++life) {
    ASSERT_TRUE(world.Start().ok());
    for (int i = 0; i < 25; ++i) {
      world.Append(
          i % 5 == 0 ? Level::kSync : Level::kAsync,
          Format("record {} of life {} {}", i, life, std::string(std::size_t(i) * 3, 'x')));
      if (i % 3 == 0) world.StepFor(milliseconds(3));
    }
    world.StepFor(milliseconds(20));
    ASSERT_TRUE(life == 0 || !stop || world.log->Stop().ok());
    world.Crash();
  }
}

class DamageTest : public testing::TestWithParam<bool> {
 protected:
  void SetUp() override {
    Write(world, GetParam());
    image = world.files.Save();
    const Found found = Read(world.files);
    ASSERT_TRUE(found.status.ok());
    ASSERT_EQ(found.records.size(), world.history.size());
    for (auto& [path, bytes] : image) {
      if (path.ends_with(".segment") && Uses(bytes) > kPage) used.emplace_back(path, Uses(bytes));
    }
    ASSERT_EQ(used.size(), 2U);
  }

  static std::size_t Uses(const std::vector<std::byte>& bytes) {
    std::size_t end = bytes.size();
    while (end > 0 && bytes[end - 1] == std::byte{0}) --end;
    return end;
  }

  // Refuses and says what to do, or has at least what was synced, exactly as it was. A log that was
  // stopped knows that all of it was.
  void Check(std::string_view what) {
    const Found found = Read(world.files);
    if (!found.status.ok()) {
      ++refused;
      ASSERT_THAT(found.status.error().message, HasSubstr("/j")) << what;
      return;
    }
    Lsn next = 1;
    for (const auto& [lsn, record] : found.records) {
      ASSERT_EQ(lsn, next++) << what;
      ASSERT_EQ(record, world.history.at(lsn)) << what;
    }
    const bool whole = found.records.size() == world.history.size();
    ASSERT_TRUE(whole || !GetParam()) << what << " lost what was synced";
    ASSERT_GE(found.records.size(), world.history.size() - 8) << what;
    ++(whole ? kept_whole : cut);
  }

  World world{1};
  FaultyFiles::Image image;
  std::vector<std::pair<std::string, std::size_t>> used;
  int refused = 0;
  int kept_whole = 0;
  int cut = 0;
};

TEST_P(DamageTest, AFlippedBitIsRefusedOrLeavesAnExactPrefix) {
  for (const auto& [path, end] : used) {
    std::vector<std::byte>& bytes = world.files.Contents(path);
    for (std::size_t at = 0; at < end + 512 && !HasFailure(); ++at) {
      if (at >= 256 && at < kPage - 256) continue;  // nothing is ever read there
      const std::byte bit{static_cast<unsigned char>(1U << ((at * kBitsShift) % 8))};
      bytes[at] ^= bit;
      Check(Format("byte {} of {}", at, path));
      bytes[at] ^= bit;
    }
  }
  EXPECT_GT(refused, 1000);
  EXPECT_GT(kept_whole, 100);
  EXPECT_EQ(cut > 0, !GetParam());
}

TEST_P(DamageTest, ATruncatedFileIsRefusedOrLeavesAnExactPrefix) {
  for (const auto& [path, end] : used) {
    for (std::size_t size = 0; size < end + 512 && !HasFailure(); ++size) {
      if (size >= 256 && size < kPage - 256) continue;
      std::vector<std::byte>& bytes = world.files.Contents(path);
      std::vector<std::byte> whole = bytes;
      bytes.resize(size);
      Check(Format("{} with {} bytes", path, size));
      bytes = std::move(whole);
    }
  }
  EXPECT_GT(refused, 1000);
}

TEST_P(DamageTest, AMissingFileIsRefused) {
  ASSERT_TRUE(world.files.Remove(PathOf(world.files, "record 9 of life 0")).ok());
  const Found found = Read(world.files);
  ASSERT_FALSE(found.status.ok());
  EXPECT_EQ(found.status.error().code, Code::kCorrupt);
  EXPECT_THAT(found.status.error().message, HasSubstr("--salvage"));
}

INSTANTIATE_TEST_SUITE_P(StoppedOrKilled, DamageTest, testing::Bool());

class Salvage : public testing::Test {
 protected:
  void SetUp() override {
    Write(world, true);
    path = PathOf(world.files, kRecord);
    Damage(world.files, kRecord);
  }
  static constexpr std::string_view kRecord = "record 9 of life 0";
  World world{1};
  std::string path;
};

TEST_F(Salvage, GoesOnWithoutWhatIsMissingAndRemembersThat) {
  const Found refused = Read(world.files);
  ASSERT_FALSE(refused.status.ok());
  EXPECT_EQ(refused.status.error().code, Code::kCorrupt);
  EXPECT_THAT(refused.status.error().message, HasSubstr(path));
  EXPECT_THAT(refused.status.error().message, HasSubstr("from byte "));
  EXPECT_THAT(refused.status.error().message, HasSubstr("start with --salvage"));

  std::size_t delivered = 0;
  world.options.salvage = true;
  const Deliver count = [&](Lsn lsn, ByteView record) {
    EXPECT_EQ(AsText(record), world.history.at(lsn));
    ++delivered;
    return Status();
  };
  Durable durable;
  const auto keep = [&](const Durable& now) { durable = now; };
  auto salvaged = Log::Open(world.options, world.files, world.clock, count, keep);
  ASSERT_TRUE(salvaged.ok()) << salvaged.error().message;
  EXPECT_EQ(salvaged.value()->recovered().missing + delivered, world.history.size());
  EXPECT_GT(salvaged.value()->recovered().missing, 0U);

  // The next start is an ordinary one, and what was appended since is there.
  world.log = std::move(salvaged).value();
  const Lsn lsn = world.Append(Level::kSync, "after");
  EXPECT_EQ(lsn, 51U);
  world.Step();
  EXPECT_EQ(durable.synced, lsn);
  world.PowerLoss();
  const Found found = Read(world.files);
  ASSERT_TRUE(found.status.ok()) << found.status.error().message;
  EXPECT_EQ(found.records.size(), delivered + 1);
  EXPECT_EQ(found.records.back(), std::pair(lsn, std::string("after")));
}

TEST_F(Salvage, NewDamageIsRefusedAgain) {
  world.options.salvage = true;
  const Deliver ignore = [](Lsn, ByteView) { return Status(); };
  auto salvaged = Log::Open(world.options, world.files, world.clock, ignore, {});
  ASSERT_TRUE(salvaged.ok());
  world.log = std::move(salvaged).value();
  for (int i = 0; i < 3; ++i) {
    world.Append(Level::kSync, Format("later {}", i));
    world.Step();
  }
  ASSERT_TRUE(world.log->Stop().ok());
  world.Crash();
  ASSERT_TRUE(Read(world.files).status.ok());
  Damage(world.files, "later 1");
  const Found found = Read(world.files);
  ASSERT_FALSE(found.status.ok());
  EXPECT_THAT(found.status.error().message, HasSubstr("records 52 to 52 are missing"));
}

TEST_F(Salvage, SetsAFileWithADamagedHeaderAside) {
  world.files.Contents(path)[20] ^= std::byte{4};
  const Found refused = Read(world.files);
  ASSERT_FALSE(refused.status.ok());
  EXPECT_THAT(refused.status.error().message, HasSubstr("header of " + path));
  const Found salvaged = Read(world.files, true);
  ASSERT_TRUE(salvaged.status.ok()) << salvaged.status.error().message;
  EXPECT_FALSE(salvaged.records.empty());
  EXPECT_THAT(world.files.Names(), testing::Contains(path + ".damaged"));
}

// Whoever knows an earlier stamp, as anybody might who has seen an old file, still cannot write a
// record that is taken for a block, and so make the node refuse to start.
TEST(Recovery, WhatAClientWroteIsNeverTakenForABlock) {
  World world(1);
  ASSERT_TRUE(world.Start().ok());
  world.Append(Level::kSync, "first");
  world.Step();
  SegmentHeader earlier;
  const std::string first = PathOf(world.files, "first");
  ASSERT_EQ(ReadHeader(world.files.Contents(first), earlier), HeaderState::kGood);
  ASSERT_TRUE(world.log->Stop().ok());
  world.Crash();
  ASSERT_TRUE(world.Start().ok());

  constexpr std::size_t kRecordAt = kPage + sizeof(BlockHeader) + JournalBytes::kPerRecord;
  constexpr std::size_t kForgedAt = kPage + 2 * sizeof(BlockHeader);
  std::string record(kForgedAt - kRecordAt, 'x');
  std::array<std::byte, sizeof(BlockHeader)> forged{};
  Seal(forged, {.stamp = earlier.stamp, .first = 1000, .synced = 999}, earlier.generation + 1,
       kForgedAt);
  record += AsText(forged);
  world.Append(Level::kAsync, record);
  world.Step();
  const std::string second = PathOf(world.files, AsText(forged));
  ASSERT_EQ(AsText(ByteView(world.files.Contents(second))).find(AsText(forged)), kForgedAt);
  world.Crash();
  Damage(world.files, record);
  const Found found = Read(world.files);
  ASSERT_TRUE(found.status.ok()) << found.status.error().message;
  EXPECT_EQ(found.records.size(), 1U);
}

TEST(Recovery, AnUnreadableDiskIsNotTakenForTheEndOfTheLog) {
  World world(1);
  Write(world, true);
  world.files.Fail(Op::kRead, 3, Code::kUnavailable, 1000);
  const Found found = Read(world.files);
  ASSERT_FALSE(found.status.ok());
  EXPECT_THAT(found.status.error().message, HasSubstr("injected"));
}

TEST(Recovery, AFileOfANewerVersionIsRefusedBySayingSo) {
  World world(1);
  Write(world, true);
  SegmentHeader header;
  std::vector<std::byte>& bytes = world.files.Contents(PathOf(world.files, "record 9"));
  ASSERT_EQ(ReadHeader(bytes, header), HeaderState::kGood);
  bytes[offsetof(SegmentHeader, version)] = std::byte{2};
  const Found found = Read(world.files);
  ASSERT_FALSE(found.status.ok());
  EXPECT_THAT(found.status.error().message, HasSubstr("a newer version wrote it (2; this one"));
}

TEST(Recovery, AnErrorOfTheOwnerEndsIt) {
  World world(1);
  Write(world, true);
  int delivered = 0;
  const auto recovered =
      Recover(world.files, {.dir = "/j", .segment_bytes = SmallLog().segment_bytes},
              [&](Lsn lsn, ByteView) -> Status {
                ++delivered;
                if (lsn == 5) return Error{Code::kCorrupt, "record 5 makes no sense"};
                return {};
              });
  ASSERT_FALSE(recovered.ok());
  EXPECT_EQ(recovered.error().message, "record 5 makes no sense");
  EXPECT_EQ(delivered, 5);
}

}  // namespace
}  // namespace spillgate::journal
