#include "server/journal/log.h"

#include <pthread.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "core/base/format.h"
#include "core/base/log.h"

namespace spillgate::journal {
namespace {

constexpr std::uint64_t kLeastSegment = 64 << 10;
constexpr std::uint64_t kMostSegment = 4ULL << 30;  // sizes of records are 32 bits

Status Check(const LogOptions& options) {
  const bool sound = options.segment_bytes >= kLeastSegment &&
                     options.segment_bytes <= kMostSegment && options.segment_bytes % kPage == 0 &&
                     options.buffer_bytes > 0 && options.buffer_bytes <= options.segment_bytes &&
                     options.pace.group_records > 0;
  if (sound) return {};
  return Error{Code::kInvalid,
               Format("a journal with segments of {} bytes and a buffer of {} cannot work: a "
                      "segment has 64 KiB to 4 GiB in whole pages, and a buffer fits into one",
                      options.segment_bytes, options.buffer_bytes)};
}

void Tell(const std::string& dir, const Recovered& found) {
  if (found.missing > 0) {
    log::Warn("journal", Format("{} records of the journal in {} are missing, as was accepted",
                                found.missing, dir));
  }
  if (found.cut_records + found.broken_blocks > 0) {
    log::Warn("journal",
              Format("the journal in {} ends with record {}: behind it were {} records that had "
                     "not been synced and {} damaged blocks, which is how a power failure looks",
                     dir, found.position.last, found.cut_records, found.broken_blocks));
  }
}

}  // namespace

Pace PaceOf(const config::JournalConfig& config) {
  return {.sync_interval = config.sync_interval,
          .group_records = config.group_records,
          .linger = config.linger};
}

LogOptions OptionsOf(const config::JournalConfig& config, std::string dir) {
  const std::uint64_t segment = config.segment / kPage * kPage;
  return {.dir = std::move(dir),
          .segment_bytes = segment,
          .reserve_segments = config.reserve_segments,
          .buffer_bytes = std::min<std::uint64_t>(config.buffer, segment),
          .completion_bytes = config.buffer / 2,
          .pace = PaceOf(config)};
}

class Log::Key {};

Result<std::unique_ptr<Log>> Log::Open(const LogOptions& options, Files& files, const Clock& clock,
                                       const Deliver& deliver, OnDurable on_durable) {
  if (Status status = Check(options); !status.ok()) return status.error();
  if (Status status = files.MakeDir(options.dir); !status.ok()) return status.error();
  Result<std::unique_ptr<DirLock>> lock = files.Lock(options.dir + "/lock");
  if (!lock.ok()) return lock.error();
  Result<Recovered> recovered = Recover(
      files,
      {.dir = options.dir, .segment_bytes = options.segment_bytes, .salvage = options.salvage},
      deliver);
  if (!recovered.ok()) return recovered.error();
  Tell(options.dir, recovered.value());
  auto log = std::make_unique<Log>(Key(), options, files, clock, std::move(lock).value(),
                                   std::move(recovered).value(), std::move(on_durable));
  if (Status status = log->Begin(); !status.ok()) return status.error();
  return log;
}

Log::Log(const Key&, const LogOptions& options, Files& files, const Clock& clock,
         std::unique_ptr<DirLock> lock, Recovered recovered, OnDurable on_durable)
    : clock_(clock),
      lock_(std::move(lock)),
      recovered_(std::move(recovered)),
      most_bytes_(std::min(options.buffer_bytes, MostBody(options.segment_bytes))),
      intake_({.new_work = options.buffer_bytes,
               .completion = options.completion_bytes,
               .most_body = MostBody(options.segment_bytes)},
              recovered_.position.synced + 1),
      store_(files,
             {.dir = options.dir,
              .segment_bytes = options.segment_bytes,
              .reserve = options.reserve_segments},
             recovered_.spares, recovered_.next_file),
      writer_(clock, intake_, store_,
              {.dir = options.dir,
               .segment_bytes = options.segment_bytes,
               .new_work_bytes = options.buffer_bytes,
               .seed = options.seed},
              options.pace, recovered_.position, std::move(on_durable)) {}

Log::~Log() {
  if (thread_.joinable() && !Stop().ok()) log::Failure("journal", "it was not written to its end");
}

Status Log::Begin() {
  for (JournalBytes& batch : std::exchange(recovered_.tail, {})) {
    if (batch.body > MostBody(store_.segment_bytes())) {
      return Error{Code::kInvalid,
                   Format("the journal holds a record of {} bytes, more than a file of {} takes: "
                          "start with the journal.segment that it was written with",
                          batch.body, store_.segment_bytes())};
    }
    intake_.Charge(batch.body);
    static_cast<void>(intake_.Commit(batch));
  }
  writer_.Begin(recovered_.forgives);
  return {};
}

void Log::Start() {
  thread_ = std::thread([this] { ThreadMain(); });
}

Status Log::Stop() {
  stop_.store(true, std::memory_order_release);
  wake_.Notify();
  if (thread_.joinable()) thread_.join();
  return writer_.Finish();
}

void Log::ThreadMain() {
  pthread_setname_np(pthread_self(), "sg-journal");
  while (!stop_.load(std::memory_order_acquire)) {
    const Instant next = writer_.Step();
    const Instant now = clock_.Now();
    if (next <= now) continue;
    wake_.Prepare();
    if (writer_.MayWait() && !stop_.load(std::memory_order_acquire)) {
      wake_.Wait(next == kNever ? Nanos(-1) : next - now);
    }
    wake_.Done();
  }
}

void Log::SetPace(const Pace& pace) {
  writer_.SetPace(pace);
  wake_.Notify();
}

void Log::EndCompaction(Lsn mark, Lsn last) {
  writer_.DropThrough(mark, last);
  wake_.Notify();
}

Lsn Log::Commit(JournalBytes& bytes) {
  const Lsn first = intake_.Commit(bytes);
  wake_.Notify();
  return first;
}

}  // namespace spillgate::journal
