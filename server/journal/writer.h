// Writer: what the journal's thread does, as steps without a thread of their own, so that a test
// drives them by a clock that it moves. A step takes what was committed, writes it, syncs when that
// is due, announces how far the log is, and spends what time is left on spare files.
//
// What is not synced lies in the current segment only, and in memory. So when the disk fails, all
// of it is written again to a fresh file, and a file that failed once is never asked to sync again.
// If that fails too the log stops accepting, says that the fate of what is pending is unknown, and
// tries again with growing pauses. Nothing is ever announced that is not so.
//
// The constructor, Begin, Step and Finish are for one thread; the rest for any.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/base/clock.h"
#include "core/base/mutex.h"
#include "server/journal/intake.h"
#include "server/journal/segment.h"
#include "server/journal/segment_store.h"
#include "server/journal/sync_rule.h"

namespace spillgate::journal {

// A segment of the log, the oldest first; the last one is being written.
struct ChainLink {
  Spare file;
  std::uint64_t generation = 0;
  Lsn base = 0;
  bool failed = false;  // not to be used again
};

// Where a log goes on.
struct Position {
  std::vector<ChainLink> chain;
  std::uint64_t first_generation = 0;  // of the chain; 0: there is no log yet
  Lsn first_lsn = 1;                   // that is needed
  std::uint64_t next_generation = 1;
  Lsn last = 0;      // record that was found
  Lsn synced = 0;    // of them, known to be on disk
  Lsn forgiven = 0;  // SegmentHeader::forgiven
};

struct WriterStats {
  std::uint64_t records = 0;   // written
  std::uint64_t bytes = 0;     // of blocks written
  std::uint64_t blocks = 0;    // one write each
  std::uint64_t syncs = 0;     // of the log's own
  std::uint64_t failures = 0;  // after which records were written again, or could not be
  std::uint64_t log_bytes = 0;
  std::uint64_t spare_files = 0;
};

class Writer {
 public:
  struct Options {
    std::string dir;  // for messages
    std::uint64_t segment_bytes = 0;
    std::uint64_t new_work_bytes = 0;  // that may be waiting to be written
    std::uint64_t seed = 0;            // of the stamps
  };

  Writer(const Clock& clock, Intake& intake, SegmentStore& store, Options options, Pace pace,
         Position position, std::function<void(const Durable&)> on_durable);

  // Before the first step: writes and syncs what recovery committed again, the end of an earlier
  // log that may not be on disk. A segment is begun even without that if it has something to
  // forgive. If the disk fails, the log begins as one that does not accept.
  void Begin(bool forgives);
  Instant Step();  // answers when the next one is due if nothing is committed before
  // Nothing was committed or ordered that the next step would do at once.
  [[nodiscard]] bool MayWait() EXCLUDES(mutex_);
  // Everything committed is written and synced, or it is said why not.
  [[nodiscard]] Status Finish();

  void SetPace(const Pace& pace) EXCLUDES(mutex_);
  [[nodiscard]] JournalState State() const EXCLUDES(mutex_);
  [[nodiscard]] WriterStats Stats() const;
  [[nodiscard]] bool WantsCompaction(std::uint64_t live_bytes) const;
  void DropThrough(Lsn mark, Lsn once_synced) EXCLUDES(mutex_);

 private:
  static constexpr std::uint64_t kUnbounded = ~0ULL;
  static constexpr Nanos kQuiet = std::chrono::milliseconds(2);  // then spare files are worked on
  static constexpr Nanos kNoteAfter = std::chrono::seconds(1);   // of quiet

  [[nodiscard]] Status Advance(Instant now);
  [[nodiscard]] Status WriteTaken();
  [[nodiscard]] Status Open();
  [[nodiscard]] Status Roll();
  [[nodiscard]] Status Sync();
  [[nodiscard]] Status SyncNote();
  [[nodiscard]] Status DropOld();
  void Abandon(const Error& why);
  void Fail(Instant now, const Error& why);

  [[nodiscard]] Marks CurrentMarks() const { return {synced_, first_generation_, first_lsn_}; }
  [[nodiscard]] bool NoteDue(Instant now) const;
  void Prepare(Instant now);
  [[nodiscard]] Instant NextStep(Instant now) const;
  void ReadOrders() EXCLUDES(mutex_);
  void PublishState() EXCLUDES(mutex_);
  void Announce();

  const Clock& clock_;
  Intake& intake_;
  SegmentStore& store_;
  const Options options_;
  const std::function<void(const Durable&)> on_durable_;
  Pace pace_;

  std::vector<ChainLink> chain_;
  std::unique_ptr<Segment> segment_;  // of the last link; null: the next write opens one
  std::vector<Block> blocks_;         // not synced, in order
  std::size_t in_segment_ = 0;        // the first so many of them are written to it
  std::uint64_t first_generation_;
  Lsn first_lsn_;
  std::uint64_t next_generation_;
  const std::uint64_t since_;  // the first generation of this process
  const Lsn cut_;              // the last record found at its start
  const Lsn forgiven_;
  Lsn synced_;
  Lsn noted_ = 0;      // the highest synced_ that a block on disk tells of
  bool held_ = false;  // the current segment has records that were announced
  Durable durable_;    // never goes back
  Durable announced_;

  SyncRule rule_;

  bool failing_ = false;
  std::string failure_;
  Nanos backoff_{0};
  Instant retry_at_{};
  Instant last_activity_{};
  Instant prepare_at_{};
  Instant fill_at_{};  // though it is not quiet

  Lsn drop_mark_ = 0;   // records up to here go,
  Lsn drop_after_ = 0;  // when this one is synced; 0: none do

  mutable Mutex mutex_;
  Pace new_pace_ GUARDED_BY(mutex_);
  Lsn new_mark_ GUARDED_BY(mutex_) = 0;
  Lsn new_after_ GUARDED_BY(mutex_) = 0;
  JournalState state_ GUARDED_BY(mutex_);

  std::atomic<bool> dropping_{false};  // from DropThrough until it is done
  std::atomic<std::uint64_t> records_{0};
  std::atomic<std::uint64_t> bytes_{0};
  std::atomic<std::uint64_t> written_blocks_{0};
  std::atomic<std::uint64_t> syncs_{0};
  std::atomic<std::uint64_t> failures_{0};
  std::atomic<std::uint64_t> log_bytes_{0};
  std::atomic<std::uint64_t> spare_files_{0};
  std::atomic<std::uint64_t> room_left_{kUnbounded};  // unless files cannot be made
};

}  // namespace spillgate::journal
