// What the journal costs: appending in batches, as a stage does it, without and with the journal's
// thread behind it; one record until it is synced; reading a log back. "each" is per record.
#include <benchmark/benchmark.h>
#include <stdlib.h>

#include <array>
#include <filesystem>
#include <string>
#include <vector>

#include "server/journal/log.h"
#include "server/journal/posix_files.h"
#include "tests/server/journal/announcements.h"

namespace spillgate::journal {
namespace {

const std::array<std::byte, 512> kRecord{};

void CountRecords(benchmark::State& state, std::int64_t per_iteration) {
  state.counters["each"] =
      benchmark::Counter(static_cast<double>(state.iterations() * per_iteration),
                         benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

// A folder in the working folder, whose disk is the one to measure; removed at the end.
class Folder {
 public:
  Folder() {
    std::string name = (std::filesystem::current_path() / "journal-bench-XXXXXX").string();
    path_ = mkdtemp(name.data());
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

class Node {
 public:
  Node() {
    auto opened = Log::Open(
        OptionsOf(config::JournalConfig(), folder_.path()), files_, clock_,
        [](Lsn, ByteView) { return Status(); }, [this](const Durable& now) { announced.Add(now); });
    log = std::move(opened).value();
  }
  // Everything appended goes, so that the disk holds no more than a few files.
  void Compact() {
    if (!log->WantsCompaction(0)) return;
    const Lsn last = log->BeginCompaction();
    log->EndCompaction(last, last);
  }

 private:
  Folder folder_;
  PosixFiles files_;
  SteadyClock clock_;

 public:
  Announcements announced;
  std::unique_ptr<Log> log;
};

bool AppendAll(JournalBatch& batch, std::int64_t records, std::size_t size, Level level) {
  const ByteView record = ByteView(kRecord).first(size - 16);
  const ByteView head = ByteView(kRecord).first(16);
  for (std::int64_t i = 0; i < records; ++i) {
    if (!batch.Append(level, {head, record})) return false;
  }
  return true;
}

// The appender's share alone: what is committed is released at once, as if it were synced.
void BM_Append(benchmark::State& state) {
  class Released final : public Journal {
   public:
    [[nodiscard]] bool Accepting() const override { return true; }
    [[nodiscard]] JournalState State() const override { return {}; }
    [[nodiscard]] bool WantsCompaction(std::uint64_t) const override { return false; }
    [[nodiscard]] Lsn BeginCompaction() override { return 0; }
    void EndCompaction(Lsn, Lsn) override {}
    [[nodiscard]] bool Reserve(std::size_t bytes, Purpose purpose) override {
      return intake.Reserve(bytes, purpose);
    }
    void Return(std::size_t bytes) override { intake.Return(bytes); }
    [[nodiscard]] Lsn Commit(JournalBytes& bytes) override { return intake.Commit(bytes); }
    [[nodiscard]] std::size_t MostBytes() const override { return 1 << 20; }
    Intake intake{{.new_work = 32 << 20, .completion = 16 << 20, .most_body = 64 << 20}, 1};
  } journal;
  JournalBatch batch(journal, Purpose::kNewWork);
  std::vector<Block> blocks;
  std::uint64_t commits = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(
        AppendAll(batch, state.range(0), static_cast<std::size_t>(state.range(1)), Level::kAsync));
    benchmark::DoNotOptimize(batch.Commit());
    if (++commits % 64 == 0) {
      journal.intake.Take(blocks, Instant());
      journal.intake.Release(blocks, blocks.size());
    }
  }
  CountRecords(state, state.range(0));
}
BENCHMARK(BM_Append)->ArgsProduct({{1, 16, 64, 256}, {100, 200}});

// With the journal's thread, never more than 64 batches ahead of it.
void BM_Throughput(benchmark::State& state, Level level) {
  Node node;
  node.log->Start();
  JournalBatch batch(*node.log, Purpose::kNewWork);
  std::array<Lsn, 64> window{};
  std::size_t at = 0;
  for (auto _ : state) {
    if (!node.announced.WaitFor(window[at], level) ||
        !AppendAll(batch, state.range(0), 150, level)) {
      state.SkipWithError("no room, or not durable");
      break;
    }
    const std::uint32_t records = batch.size();
    window[at] = batch.Commit() + records - 1;
    at = (at + 1) % window.size();
    node.Compact();
  }
  CountRecords(state, state.range(0));
  const WriterStats stats = node.log->Stats();
  state.counters["per_write"] =
      static_cast<double>(stats.records) / static_cast<double>(stats.blocks);
  state.counters["syncs"] = static_cast<double>(stats.syncs);
  static_cast<void>(node.log->Stop().ok());
}
BENCHMARK_CAPTURE(BM_Throughput, async, Level::kAsync)->Arg(64)->UseRealTime();
BENCHMARK_CAPTURE(BM_Throughput, sync, Level::kSync)->Arg(64)->UseRealTime();

void BM_OneUntilDurable(benchmark::State& state, Level level) {
  Node node;
  node.log->Start();
  JournalBatch batch(*node.log, Purpose::kNewWork);
  for (auto _ : state) {
    if (!AppendAll(batch, 1, 150, level) || !node.announced.WaitFor(batch.Commit(), level)) {
      state.SkipWithError("no room, or not durable");
    }
  }
  static_cast<void>(node.log->Stop().ok());
}
BENCHMARK_CAPTURE(BM_OneUntilDurable, async, Level::kAsync)->UseRealTime();
BENCHMARK_CAPTURE(BM_OneUntilDurable, sync, Level::kSync)->UseRealTime();

void BM_Recovery(benchmark::State& state) {
  Folder folder;
  PosixFiles files;
  SteadyClock clock;
  const LogOptions options = OptionsOf(config::JournalConfig(), folder.path());
  {
    auto opened = Log::Open(options, files, clock, [](Lsn, ByteView) { return Status(); }, {});
    JournalBatch batch(*opened.value(), Purpose::kNewWork);
    for (std::int64_t done = 0; done < state.range(0); done += 64) {
      while (!AppendAll(batch, 64, 150, Level::kAsync)) opened.value()->Step();
      batch.Commit();
      if (done % 4096 == 0) opened.value()->Step();
    }
    static_cast<void>(opened.value()->Stop().ok());
  }
  for (auto _ : state) {
    std::uint64_t bytes = 0;
    const auto recovered =
        Recover(files, {.dir = options.dir, .segment_bytes = options.segment_bytes},
                [&](Lsn, ByteView record) {
                  bytes += record.size();
                  return Status();
                });
    if (!recovered.ok() || bytes == 0) state.SkipWithError("not recovered");
    benchmark::DoNotOptimize(bytes);
  }
  CountRecords(state, state.range(0));
}
BENCHMARK(BM_Recovery)->Arg(1'000'000)->Unit(benchmark::kMillisecond)->UseRealTime();

}  // namespace
}  // namespace spillgate::journal
