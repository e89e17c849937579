// What the writer tells others and what it is told, and when it wants to run again.
#include <algorithm>

#include "core/base/format.h"
#include "server/journal/writer.h"

namespace spillgate::journal {

void Writer::ReadOrders() {
  MutexLock lock(mutex_);
  pace_ = new_pace_;
  if (new_after_ == 0) return;
  drop_mark_ = std::max(drop_mark_, new_mark_);
  drop_after_ = std::max(drop_after_, new_after_);
  new_mark_ = new_after_ = 0;
}

bool Writer::MayWait() {
  if (failing_) return true;
  if (!intake_.Empty()) return false;
  MutexLock lock(mutex_);
  return new_after_ == 0;
}

void Writer::SetPace(const Pace& pace) {
  MutexLock lock(mutex_);
  new_pace_ = pace;
}

void Writer::DropThrough(Lsn mark, Lsn once_synced) {
  if (mark == 0 || once_synced == 0) return;
  MutexLock lock(mutex_);
  dropping_.store(true, std::memory_order_relaxed);
  new_mark_ = std::max(new_mark_, mark);
  new_after_ = std::max(new_after_, once_synced);
}

JournalState Writer::State() const {
  MutexLock lock(mutex_);
  return state_;
}

WriterStats Writer::Stats() const {
  constexpr auto kRelaxed = std::memory_order_relaxed;
  return {.records = records_.load(kRelaxed),
          .bytes = bytes_.load(kRelaxed),
          .blocks = written_blocks_.load(kRelaxed),
          .syncs = syncs_.load(kRelaxed),
          .failures = failures_.load(kRelaxed),
          .log_bytes = log_bytes_.load(kRelaxed),
          .spare_files = spare_files_.load(kRelaxed)};
}

// A snapshot costs what lives; it is worth that when at least as much is dead, which bounds the log
// at about twice what lives. On a full disk every file counts, but the snapshot has to fit.
bool Writer::WantsCompaction(std::uint64_t live_bytes) const {
  if (dropping_.load(std::memory_order_relaxed)) return false;
  const std::uint64_t used = log_bytes_.load(std::memory_order_relaxed);
  const std::uint64_t room = room_left_.load(std::memory_order_relaxed);
  if (room == kUnbounded) return used >= 2 * std::max(live_bytes, options_.segment_bytes);
  return used >= live_bytes + 2 * options_.segment_bytes && room >= live_bytes + live_bytes / 8;
}

void Writer::Prepare(Instant now) {
  // A file that is missing is made at once: only so is it known in time that the disk is full.
  // Files are filled when it is quiet, else a fifth of the time: the log's own writes come first.
  const bool may_fill = now >= std::min(last_activity_ + kQuiet, fill_at_);
  if (now < prepare_at_ || !(store_.NeedsFile() || may_fill)) return;
  prepare_at_ = store_.Prepare(now);
  const Instant end = clock_.Now();
  fill_at_ = end + 4 * (end - now);
}

Instant Writer::NextStep(Instant now) const {
  if (failing_) return retry_at_;
  Instant next = in_segment_ > 0 ? rule_.Due(pace_) : kNever;
  if (prepare_at_ != kNever) {
    const Instant quiet = store_.NeedsFile() ? now : std::min(last_activity_ + kQuiet, fill_at_);
    next = std::min(next, std::max(prepare_at_, quiet));
  }
  if (segment_ != nullptr && blocks_.empty() && noted_ < synced_) {
    next = std::min(next, last_activity_ + kNoteAfter);
  }
  return std::max(next, now);
}

void Writer::PublishState() {
  const std::uint64_t room = segment_ == nullptr ? 0 : segment_->room();
  const std::uint64_t whole = chain_.size() - (segment_ == nullptr ? 0 : 1);
  const std::uint64_t offset = segment_ == nullptr ? 0 : segment_->offset();
  log_bytes_.store(whole * options_.segment_bytes + offset, std::memory_order_relaxed);
  spare_files_.store(store_.spares(), std::memory_order_relaxed);
  const bool full = !store_.why().empty();
  room_left_.store(full ? store_.spares() * options_.segment_bytes + room : kUnbounded,
                   std::memory_order_relaxed);

  JournalState state;
  if (failing_) {
    state = {false, Format("the journal in {} cannot be written: {}; it is tried again, but what "
                           "was pending is lost if the node ends before: look at that disk",
                           options_.dir, failure_)};
  } else if (store_.IntoReserve() || (store_.OnReserve() && room < options_.new_work_bytes)) {
    state = {false, Format("the journal in {} has no file for new work: {}; free {} MiB on that "
                           "disk. Completions are recorded in {} reserved files",
                           options_.dir, store_.why(), (options_.segment_bytes >> 20) + 1,
                           store_.spares())};
  }
  intake_.SetAccepting(state.accepting);
  MutexLock lock(mutex_);
  if (state_.accepting != state.accepting || state_.why_not != state.why_not) {
    state_ = std::move(state);
  }
}

void Writer::Announce() {
  Durable now = durable_;
  now.synced = synced_;
  const Lsn written = in_segment_ > 0 ? blocks_[in_segment_ - 1].next() - 1 : synced_;
  now.written = std::max(durable_.written, written);
  if (now == announced_) return;
  held_ = held_ || now.written > announced_.written;
  durable_ = announced_ = now;
  if (on_durable_) on_durable_(now);
}

}  // namespace spillgate::journal
