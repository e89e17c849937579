// SyncRule: when what was written is to be synced. Records that nobody waits for may reach an age
// of `sync_interval`. When somebody waits, one sync should serve many: it waits for more, but only
// `linger`, only until the group is `group_records` strong, and only if more than one batch came
// since the last sync or in the group before: a client alone is not made to wait for company.
#pragma once

#include <algorithm>
#include <cstdint>

#include "core/base/clock.h"

namespace spillgate::journal {

// May change while the node runs.
struct Pace {
  Nanos sync_interval{0};           // the age that a written record may reach without a sync
  std::uint32_t group_records = 0;  // that end the wait for more before a sync
  Nanos linger{0};                  // the longest such wait
};

class SyncRule {
 public:
  // A block was written: `commits` batches with so many records, taken then.
  void Wrote(Instant taken, std::uint32_t records, std::uint32_t commits, bool sync) {
    oldest_ = std::min(oldest_, taken);
    if (sync) waiting_since_ = std::min(waiting_since_, taken);
    if (waiting_since_ == kNever) return;
    records_ += records;
    commits_ += commits;
  }
  // What was written must be on disk before anything else happens.
  void AtOnce() { oldest_ = Instant::min(); }
  void Synced() { *this = SyncRule(commits_); }
  // What was written counts as not written.
  void Restart() { *this = SyncRule(last_commits_); }

  // kNever: nothing is to be synced.
  [[nodiscard]] Instant Due(const Pace& pace) const {
    if (oldest_ == Instant::min()) return oldest_;
    const Instant by_age = After(oldest_, pace.sync_interval);
    if (waiting_since_ == kNever) return by_age;
    const bool alone = commits_ <= 1 && last_commits_ <= 1;
    if (alone || records_ >= pace.group_records) return waiting_since_;
    return std::min(by_age, After(waiting_since_, pace.linger));
  }

  SyncRule() = default;

 private:
  explicit SyncRule(std::uint32_t last_commits) : last_commits_(last_commits) {}

  Instant oldest_ = kNever;
  Instant waiting_since_ = kNever;
  std::uint32_t records_ = 0;  // since somebody waits
  std::uint32_t commits_ = 0;
  std::uint32_t last_commits_ = 0;  // in the group before
};

}  // namespace spillgate::journal
