// The parts of the log that need no disk: checksum, blocks, the buffer, when to sync.
#include <gtest/gtest.h>

#include <array>
#include <set>
#include <string>

#include "core/embedded/no_journal.h"
#include "server/journal/crc32c.h"
#include "server/journal/format.h"
#include "server/journal/intake.h"
#include "server/journal/segment_store.h"
#include "server/journal/sync_rule.h"

namespace spillgate::journal {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

// The definition, bit by bit.
std::uint32_t SlowCrc(std::string_view text) {
  std::uint32_t crc = ~0U;
  for (const char c : text) {
    crc ^= static_cast<unsigned char>(c);
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0x82f63b78U : 0U);
  }
  return ~crc;
}

TEST(Crc32c, IsTheOneThatStandardsName) {
  EXPECT_EQ(Crc32c(0, AsBytes("123456789")), 0xe3069283U);
  std::string text;
  for (int size = 0; size < 100; ++size) {
    EXPECT_EQ(Crc32c(0, AsBytes(text)), SlowCrc(text)) << size;
    text.push_back(static_cast<char>(size * 37));
  }
  EXPECT_EQ(Crc32c(Crc32c(0, AsBytes("12345")), AsBytes("6789")), 0xe3069283U);
}

TEST(Format, ABlockIsOneOnlyInItsPlaceAndUseOfTheFile) {
  std::array<std::byte, 128> block{};
  block[64] = std::byte{3};  // one record of three bytes
  block[68] = std::byte{'a'};
  Seal(block, {.stamp = 99, .body = 7, .first = 5, .records = 1}, 4, 4096);
  const auto header = PeekBlock(block, 99);
  ASSERT_TRUE(header.has_value());
  EXPECT_EQ(header->first, 5U);
  EXPECT_TRUE(IsIntact(block, 4, 4096));
  EXPECT_FALSE(IsIntact(block, 5, 4096)) << "another generation";
  EXPECT_FALSE(IsIntact(block, 4, 4160)) << "another place";
  EXPECT_FALSE(PeekBlock(block, 98).has_value()) << "another stamp";
  for (std::size_t i = 0; i < block.size(); ++i) {
    block[i] ^= std::byte{16};
    EXPECT_FALSE(PeekBlock(block, 99) && IsIntact(block, 4, 4096)) << "byte " << i;
    block[i] ^= std::byte{16};
  }
}

TEST(Format, RecordsThatDoNotAddUpAreNotRead) {
  const BlockHeader two{.body = 10, .records = 2};
  std::array<std::byte, 10> body{std::byte{1}, {}, {}, {}, std::byte{'x'}, std::byte{1}};
  int seen = 0;
  const auto count = [&](ByteView) { ++seen; };
  EXPECT_TRUE(ForEachRecord(two, body, count));
  EXPECT_EQ(seen, 2);
  body[5] = std::byte{2};
  EXPECT_FALSE(ForEachRecord(two, body, count));
  body[5] = std::byte{0};
  EXPECT_FALSE(ForEachRecord(two, body, count));
  EXPECT_FALSE(ForEachRecord(two, ByteView(body).first(3), count));
}

TEST(SegmentStore, KnowsItsFilesByTheirNames) {
  EXPECT_EQ(SegmentName(7), "00000007.segment");
  EXPECT_EQ(NumberOf("00000007.segment"), std::optional<FileNumber>(7));
  for (const char* other : {"7.segment", "00000007.segment.new", "lock", "", "0000000x.segment",
                            "-0000007.segment", "99999999999.segment"}) {
    EXPECT_FALSE(NumberOf(other).has_value()) << other;
  }
  EXPECT_TRUE(IsUnfinished("00000007.segment.new"));
  EXPECT_FALSE(IsUnfinished("x.new"));
}

// An intake with the owner's side of it, as a Journal.
class Bench final : public Journal {
 public:
  Bench(std::size_t new_work, std::size_t completion)
      : intake({.new_work = new_work, .completion = completion, .most_body = 1 << 20}, 1) {}
  [[nodiscard]] bool Accepting() const override { return intake.accepting(); }
  [[nodiscard]] JournalState State() const override { return {}; }
  [[nodiscard]] bool WantsCompaction(std::uint64_t) const override { return false; }
  [[nodiscard]] Lsn BeginCompaction() override { return 0; }
  void EndCompaction(Lsn, Lsn) override {}
  [[nodiscard]] bool Reserve(std::size_t bytes, Purpose purpose) override {
    return intake.Reserve(bytes, purpose);
  }
  void Return(std::size_t bytes) override { intake.Return(bytes); }
  [[nodiscard]] Lsn Commit(JournalBytes& bytes) override { return intake.Commit(bytes); }
  [[nodiscard]] std::size_t MostBytes() const override { return most; }

  std::size_t most = 1 << 20;
  Intake intake;
};

std::vector<std::string> RecordsOf(const std::vector<Block>& blocks) {
  std::vector<std::string> records;
  for (const Block& block : blocks) {
    EXPECT_EQ(block.first, records.size() + 1);
    const ByteView body(block.data + sizeof(BlockHeader), block.body);
    EXPECT_TRUE(ForEachRecord({.records = block.records}, body,
                              [&](ByteView r) { records.emplace_back(AsText(r)); }));
  }
  return records;
}

TEST(Intake, KeepsTheOrderOfCommitsWhateverTheirSize) {
  Bench journal(8 << 20, 0);
  JournalBatch one(journal, Purpose::kNewWork);
  JournalBatch other(journal, Purpose::kNewWork);
  std::vector<std::string> expected;
  std::vector<Block> blocks;
  Lsn next = 1;
  for (int round = 0; round < 60; ++round) {
    JournalBatch& batch = round % 2 == 0 ? one : other;
    for (int i = 0; i < 1 + round % 7; ++i) {
      // Some are copied, some fill a chunk, some are too large for one.
      const std::size_t size = round % 9 == 0 ? 90'000 : static_cast<std::size_t>(round * 20);
      expected.emplace_back(size, static_cast<char>('a' + i));
      EXPECT_EQ(batch.Append(Level::kAsync, {AsBytes(expected.back())}),
                std::optional<unsigned>(i));
    }
    const Lsn first = batch.Commit();
    EXPECT_EQ(first, next);
    next = expected.size() + 1;
    if (round % 5 == 0) journal.intake.Take(blocks, Instant());
  }
  journal.intake.Take(blocks, Instant());
  EXPECT_EQ(RecordsOf(blocks), expected);
  EXPECT_EQ(journal.intake.Last(), expected.size());
  EXPECT_TRUE(journal.intake.Empty());
  std::size_t bytes = 0;
  for (const Block& block : blocks) bytes += block.body;
  EXPECT_EQ(journal.intake.reserved(), bytes);
  journal.intake.Release(blocks, blocks.size());
  EXPECT_EQ(journal.intake.reserved(), 0U);
}

TEST(Intake, MakesNoBlockThatASegmentCannotTake) {
  Intake intake({.new_work = 1 << 20, .most_body = 1000}, 1);
  std::vector<Block> blocks;
  for (int i = 0; i < 10; ++i) {
    JournalBytes bytes;
    bytes.memory = std::make_unique<std::byte[]>(1000);
    bytes.body = 400;
    bytes.records = 1;
    EXPECT_EQ(intake.Commit(bytes), i + 1U);
  }
  intake.Take(blocks, Instant());
  EXPECT_EQ(blocks.size(), 5U);
  for (const Block& block : blocks) EXPECT_EQ(block.body, 800U);
}

TEST(Intake, UsesItsMemoryAgain) {
  Bench journal(1 << 20, 0);
  JournalBatch batch(journal, Purpose::kNewWork);
  std::vector<Block> blocks;
  std::set<const Chunk*> chunks;
  const std::string record(1000, 'x');
  for (int round = 0; round < 2000; ++round) {
    for (int i = 0; i < 20; ++i) ASSERT_TRUE(batch.Append(Level::kAsync, {AsBytes(record)}));
    ASSERT_NE(batch.Commit(), 0U);
    journal.intake.Take(blocks, Instant());
    for (const Block& block : blocks) chunks.insert(block.chunk);
    if (blocks.size() > 20) journal.intake.Release(blocks, 10);
  }
  EXPECT_LE(chunks.size(), 6U);  // a MiB, a quarter of each chunk unused at worst
}

TEST(Intake, BoundsNewWorkAndKeepsRoomForCompletions) {
  Bench journal(100'000, 50'000);
  const std::string record(996, 'x');
  JournalBatch work(journal, Purpose::kNewWork);
  int taken = 0;
  while (work.Append(Level::kAsync, {AsBytes(record)})) ++taken;
  EXPECT_EQ(taken, 100);
  JournalBatch snapshot(journal, Purpose::kSnapshot);
  EXPECT_FALSE(snapshot.Append(Level::kAsync, {AsBytes(record)}));
  JournalBatch completions(journal, Purpose::kCompletion);
  taken = 0;
  while (completions.Append(Level::kAsync, {AsBytes(record)})) ++taken;
  EXPECT_EQ(taken, 50);
  // What is dropped gives its room back; what is committed does when it is released.
  completions.Drop();
  EXPECT_EQ(journal.intake.reserved(), 100'000U);
  ASSERT_EQ(work.Commit(), 1U);
  EXPECT_EQ(journal.intake.reserved(), 100'000U);
  std::vector<Block> blocks;
  journal.intake.Take(blocks, Instant());
  journal.intake.Release(blocks, blocks.size());
  EXPECT_EQ(journal.intake.reserved(), 0U);
}

TEST(Intake, RefusesOnlyNewWorkWhileTheLogDoesNotAccept) {
  Bench journal(100'000, 50'000);
  journal.intake.SetAccepting(false);
  for (const Purpose purpose : {Purpose::kNewWork, Purpose::kCompletion, Purpose::kSnapshot}) {
    JournalBatch batch(journal, purpose);
    EXPECT_EQ(batch.Append(Level::kAsync, {AsBytes("x")}).has_value(),
              purpose != Purpose::kNewWork);
  }
  EXPECT_EQ(journal.intake.reserved(), 0U);
}

TEST(JournalBatch, TakesNoMoreThanFitsIntoASegment) {
  Bench journal(8 << 20, 0);
  journal.most = 10'000;
  JournalBatch batch(journal, Purpose::kNewWork);
  EXPECT_FALSE(batch.Append(Level::kAsync, {AsBytes(std::string(9'997, 'x'))}));
  EXPECT_TRUE(batch.Append(Level::kAsync, {AsBytes(std::string(5'996, 'x'))}));
  EXPECT_FALSE(batch.Append(Level::kAsync, {AsBytes(std::string(4'000, 'x'))}));
  EXPECT_EQ(batch.Commit(), 1U);
  EXPECT_TRUE(batch.Append(Level::kAsync, {AsBytes(std::string(4'000, 'x'))}));
  EXPECT_EQ(batch.Commit(), 2U);
  EXPECT_EQ(batch.Commit(), 0U) << "there is nothing in it";
}

TEST(NoJournal, RefusesEverythingAndSaysHowToGetOne) {
  NoJournal journal;
  EXPECT_FALSE(journal.Accepting());
  EXPECT_NE(journal.State().why_not.find("journal.level_max"), std::string::npos);
  JournalBatch batch(journal, Purpose::kCompletion);
  EXPECT_FALSE(batch.Append(Level::kAsync, {AsBytes("x")}));
  EXPECT_EQ(batch.Commit(), 0U);
}

TEST(SyncRule, WaitsForMoreOnlyWhenMoreIsLikely) {
  const Pace pace{
      .sync_interval = milliseconds(10), .group_records = 64, .linger = microseconds(200)};
  const Instant start = Instant() + milliseconds(100);
  struct Case {
    const char* what;
    std::uint32_t commits_before;
    std::vector<std::pair<std::uint32_t, bool>> commits;  // records, sync; 50 us apart
    Nanos due;
  };
  const Case cases[] = {
      {"nobody waits", 0, {{1, false}, {1, false}}, milliseconds(10)},
      {"alone", 0, {{1, true}}, Nanos(0)},
      {"alone again", 1, {{1, true}}, Nanos(0)},
      {"company before", 2, {{1, true}}, microseconds(200)},
      {"company now", 0, {{1, true}, {1, true}}, microseconds(200)},
      {"the wait is that of who waits", 2, {{1, false}, {1, true}}, microseconds(250)},
      {"enough", 2, {{60, true}, {4, false}}, Nanos(0)},
      {"earlier ones do not count", 2, {{60, false}, {4, true}}, microseconds(250)},
  };
  for (const Case& c : cases) {
    SyncRule rule;
    rule.Wrote(start - milliseconds(50), 1, c.commits_before, true);
    rule.Synced();
    EXPECT_EQ(rule.Due(pace), kNever);
    Instant at = start;
    for (const auto& [records, sync] : c.commits) {
      rule.Wrote(at, records, 1, sync);
      at += microseconds(50);
    }
    EXPECT_EQ(rule.Due(pace), start + c.due) << c.what;
  }
}

TEST(SyncRule, AFailureIsMadeUpForAtOnce) {
  const Pace pace{.sync_interval = milliseconds(10), .group_records = 64};
  SyncRule rule;
  rule.Wrote(Instant() + milliseconds(1), 1, 1, false);
  rule.Restart();
  rule.AtOnce();
  rule.Wrote(Instant() + milliseconds(1), 1, 1, false);
  EXPECT_EQ(rule.Due(pace), Instant::min());
  rule.Synced();
  EXPECT_EQ(rule.Due(pace), kNever);
}

}  // namespace
}  // namespace spillgate::journal
