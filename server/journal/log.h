// Log: the node's journal on disk. Open finds what an earlier process left and delivers it, Start
// begins the journal's thread, Stop ends it with everything on disk. Between them stages append as
// core/ports/journal.h says, and `on_durable` is called on the journal's thread, or by Open and
// Stop on theirs. Without Start a test drives it with Step on its own thread. `files` and `clock`
// must outlive it.
//
// What is promised, if Durable said so: `synced` records outlive everything but the disk itself;
// `written` ones outlive the process, and when the power fails, those are lost at most that were
// announced in the last `sync_interval` and a step, for nothing is announced while a sync runs.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "config/config.h"
#include "core/base/clock.h"
#include "core/base/result.h"
#include "core/base/wake.h"
#include "core/ports/journal.h"
#include "server/journal/files.h"
#include "server/journal/recovery.h"
#include "server/journal/writer.h"

namespace spillgate::journal {

struct LogOptions {
  std::string dir;
  std::uint64_t segment_bytes = 0;
  std::uint32_t reserve_segments = 0;
  std::uint64_t buffer_bytes = 0;      // not yet synced; a record is at most this large
  std::uint64_t completion_bytes = 0;  // beyond those, for completions
  Pace pace;
  bool salvage = false;    // go on without what is damaged
  std::uint64_t seed = 0;  // another one at each start
};

[[nodiscard]] Pace PaceOf(const config::JournalConfig& config);
[[nodiscard]] LogOptions OptionsOf(const config::JournalConfig& config, std::string dir);

class Log final : public Journal {
 public:
  using OnDurable = std::function<void(const Durable&)>;

  [[nodiscard]] static Result<std::unique_ptr<Log>> Open(const LogOptions& options, Files& files,
                                                         const Clock& clock, const Deliver& deliver,
                                                         OnDurable on_durable);
  class Key;  // only Open has one
  Log(const Key&, const LogOptions& options, Files& files, const Clock& clock,
      std::unique_ptr<DirLock> lock, Recovered recovered, OnDurable on_durable);
  ~Log() override;

  void Start();
  // Writes and syncs what was committed and ends the thread; an error says that it could not, and
  // how far it came was announced. A disk that hangs makes it wait.
  [[nodiscard]] Status Stop();
  Instant Step() { return writer_.Step(); }

  void SetPace(const Pace& pace);
  [[nodiscard]] WriterStats Stats() const { return writer_.Stats(); }
  [[nodiscard]] std::size_t buffered_bytes() const { return intake_.reserved(); }
  [[nodiscard]] const Recovered& recovered() const { return recovered_; }

  [[nodiscard]] bool Accepting() const override { return intake_.accepting(); }
  [[nodiscard]] JournalState State() const override { return writer_.State(); }
  [[nodiscard]] bool WantsCompaction(std::uint64_t live_bytes) const override {
    return writer_.WantsCompaction(live_bytes);
  }
  [[nodiscard]] Lsn BeginCompaction() override { return intake_.Last(); }
  void EndCompaction(Lsn mark, Lsn last) override;

  [[nodiscard]] bool Reserve(std::size_t bytes, Purpose purpose) override {
    return intake_.Reserve(bytes, purpose);
  }
  void Return(std::size_t bytes) override { intake_.Return(bytes); }
  [[nodiscard]] Lsn Commit(JournalBytes& bytes) override;
  [[nodiscard]] std::size_t MostBytes() const override { return most_bytes_; }

 private:
  [[nodiscard]] Status Begin();
  void ThreadMain();

  const Clock& clock_;
  const std::unique_ptr<DirLock> lock_;
  Recovered recovered_;
  const std::size_t most_bytes_;
  Intake intake_;
  SegmentStore store_;
  Writer writer_;
  Wake wake_;
  std::thread thread_;
  std::atomic<bool> stop_{false};
};

}  // namespace spillgate::journal
