#include "server/journal/writer.h"

#include <algorithm>
#include <utility>

#include "core/base/check.h"
#include "core/base/format.h"
#include "core/base/ids.h"
#include "core/base/log.h"

namespace spillgate::journal {
namespace {

constexpr Nanos kFirstBackoff = std::chrono::milliseconds(10);
constexpr Nanos kMostBackoff = std::chrono::seconds(1);

}  // namespace

Writer::Writer(const Clock& clock, Intake& intake, SegmentStore& store, Options options, Pace pace,
               Position position, std::function<void(const Durable&)> on_durable)
    : clock_(clock),
      intake_(intake),
      store_(store),
      options_(std::move(options)),
      on_durable_(std::move(on_durable)),
      pace_(pace),
      chain_(std::move(position.chain)),
      first_generation_(position.first_generation),
      first_lsn_(position.first_lsn),
      next_generation_(position.next_generation),
      since_(position.next_generation),
      cut_(position.last),
      forgiven_(position.forgiven),
      synced_(position.synced),
      new_pace_(pace) {}

void Writer::Begin(bool forgives) {
  const Instant now = clock_.Now();
  last_activity_ = now;
  durable_ = announced_ = {.written = cut_, .synced = synced_};
  intake_.Take(blocks_, now);
  Status status = WriteTaken();
  if (status.ok() && segment_ == nullptr && forgives) status = Open();
  if (status.ok() && segment_ != nullptr) status = Sync();
  if (!status.ok()) Fail(now, status.error());
  Prepare(now);  // so that a full disk is known before the first record comes
  PublishState();
  Announce();
}

Instant Writer::Step() {
  const Instant now = clock_.Now();
  ReadOrders();
  if (failing_ && now < retry_at_) return retry_at_;
  const std::size_t before = blocks_.size();
  intake_.Take(blocks_, now);
  if (blocks_.size() > before) last_activity_ = now;

  const bool had_segment = segment_ != nullptr;
  Status done = Advance(now);
  if (!done.ok() && (had_segment || segment_ != nullptr)) {
    Abandon(done.error());
    done = Advance(now);
  }
  if (!done.ok()) {
    Fail(now, done.error());
  } else if (failing_) {
    failing_ = false;
    backoff_ = Nanos(0);
    log::Info("journal", "writing works again; what was pending is on disk");
  }
  Announce();
  if (!failing_) Prepare(now);
  PublishState();
  return NextStep(now);
}

Status Writer::Advance(Instant now) {
  if (Status status = WriteTaken(); !status.ok()) return status;
  // Records keep their room until they are synced, so a buffer that fills is a reason by itself.
  const bool crowded = intake_.reserved() > options_.new_work_bytes / 2;
  if (in_segment_ > 0 && (crowded || now >= rule_.Due(pace_))) {
    if (Status status = Sync(); !status.ok()) return status;
  }
  if (drop_after_ != 0 && synced_ >= drop_after_) {
    if (Status status = DropOld(); !status.ok()) return status;
  }
  return NoteDue(now) ? SyncNote() : Status();
}

Status Writer::WriteTaken() {
  while (in_segment_ < blocks_.size()) {
    Block& block = blocks_[in_segment_];
    if (segment_ != nullptr && !segment_->Fits(block.body)) {
      if (Status status = Roll(); !status.ok()) return status;
      continue;  // what was synced is gone from the front
    }
    if (segment_ == nullptr) {
      if (Status status = Open(); !status.ok()) return status;
    }
    if (Status status = segment_->Write(block, CurrentMarks()); !status.ok()) return status;
    noted_ = synced_;
    ++in_segment_;
    rule_.Wrote(block.taken, block.records, block.commits, block.sync);
    const std::uint64_t bytes = BlockBytes(block.body);
    records_.fetch_add(block.records, std::memory_order_relaxed);
    bytes_.fetch_add(bytes, std::memory_order_relaxed);
    written_blocks_.fetch_add(1, std::memory_order_relaxed);
  }
  return {};
}

Status Writer::Open() {
  SG_CHECK(in_segment_ == 0);
  prepare_at_ = Instant();
  Status status;
  for (int attempt = 0; attempt < 2; ++attempt) {
    Result<OpenSpare> spare = store_.Take();
    if (!spare.ok()) return spare.error();
    const Spare file = spare.value().spare;
    SegmentHeader header{.generation = next_generation_++,
                         .bytes = options_.segment_bytes,
                         .base = blocks_.empty() ? synced_ + 1 : blocks_.front().first,
                         .since = since_,
                         .cut = cut_,
                         .forgiven = forgiven_,
                         .first_generation = first_generation_,
                         .first_lsn = first_lsn_,
                         .synced = synced_};
    header.stamp = Mix(options_.seed ^ Mix(header.generation));
    if (header.first_generation == 0) header.first_generation = header.generation;
    Result<std::unique_ptr<Segment>> begun = Segment::Begin(std::move(spare).value(), header);
    if (begun.ok()) {
      segment_ = std::move(begun).value();
      first_generation_ = header.first_generation;
      held_ = false;
      noted_ = synced_;
      chain_.push_back({.file = file, .generation = header.generation, .base = header.base});
      return {};
    }
    store_.Discard(file.number);
    status = begun.error();
  }
  return status;
}

// The next segment is begun only when all of this one is on disk: a hole between two of them is
// damage and never the trace of a lost write.
Status Writer::Roll() {
  const Lsn next = in_segment_ == 0 ? synced_ + 1 : blocks_[in_segment_ - 1].next();
  if (Status status = segment_->Close(next, CurrentMarks()); !status.ok()) return status;
  if (Status status = Sync(); !status.ok()) return status;
  segment_.reset();
  return {};
}

Status Writer::Sync() {
  if (Status status = segment_->Sync(); !status.ok()) return status;
  syncs_.fetch_add(1, std::memory_order_relaxed);
  if (in_segment_ > 0) synced_ = blocks_[in_segment_ - 1].next() - 1;
  intake_.Release(blocks_, std::exchange(in_segment_, 0));
  rule_.Synced();
  return {};
}

// An empty block that says how far the log is synced and where it begins. Everything committed has
// been written when this is called.
Status Writer::SyncNote() {
  if (segment_ != nullptr && !segment_->FitsNote()) {
    if (Status status = Roll(); !status.ok()) return status;
  }
  if (segment_ == nullptr) {  // its header says the same
    if (Status status = Open(); !status.ok()) return status;
    return Sync();
  }
  const Lsn next = blocks_.empty() ? synced_ + 1 : blocks_.back().next();
  if (Status status = segment_->WriteNote(next, CurrentMarks()); !status.ok()) return status;
  const Lsn noted = synced_;
  if (Status status = Sync(); !status.ok()) return status;
  noted_ = noted;
  return {};
}

bool Writer::NoteDue(Instant now) const {
  return segment_ != nullptr && blocks_.empty() && noted_ < synced_ &&
         now >= last_activity_ + kNoteAfter;
}

// Old segments are given back only when a block that says so is on disk, or the next start would
// look for them.
Status Writer::DropOld() {
  std::size_t keep = 0;
  for (std::size_t i = 0; i < chain_.size(); ++i) {
    if (chain_[i].base <= drop_mark_ + 1) keep = i;
  }
  if (keep > 0) {
    first_generation_ = chain_[keep].generation;
    first_lsn_ = std::max(first_lsn_, chain_[keep].base);
    if (Status status = SyncNote(); !status.ok()) return status;
    for (std::size_t i = 0; i < keep; ++i) {
      if (chain_[i].failed) {
        store_.Discard(chain_[i].file.number);
      } else {
        store_.GiveBack(chain_[i].file);
      }
    }
    chain_.erase(chain_.begin(), chain_.begin() + static_cast<std::ptrdiff_t>(keep));
    prepare_at_ = Instant();
  }
  drop_after_ = 0;
  dropping_.store(false, std::memory_order_relaxed);
  return {};
}

void Writer::Abandon(const Error& why) {
  failures_.fetch_add(1, std::memory_order_relaxed);
  in_segment_ = 0;
  rule_.Restart();
  rule_.AtOnce();
  if (segment_ == nullptr) return;
  log::Warn("journal",
            Format("{}; what was not synced is written again to another file", why.message));
  segment_.reset();
  chain_.back().failed = true;
  // A file of which nothing was synced or announced is not part of the log.
  const ChainLink failed = chain_.back();
  if (failed.base <= synced_ || held_) return;
  store_.Discard(failed.file.number);
  chain_.pop_back();
  if (first_generation_ == failed.generation) {
    first_generation_ = chain_.empty() ? 0 : chain_.front().generation;
  }
}

void Writer::Fail(Instant now, const Error& why) {
  failures_.fetch_add(1, std::memory_order_relaxed);
  if (segment_ != nullptr) Abandon(why);
  if (!failing_ || failure_ != why.message) log::Failure("journal", why.message);
  failing_ = true;
  failure_ = why.message;
  backoff_ = std::clamp(2 * backoff_, kFirstBackoff, kMostBackoff);
  retry_at_ = After(now, backoff_);
  durable_.unknown = intake_.Last();
}

Status Writer::Finish() {
  intake_.Take(blocks_, clock_.Now());
  rule_.AtOnce();
  Status status = Advance(clock_.Now());
  if (!status.ok()) {
    Abandon(status.error());
    status = Advance(clock_.Now());
  }
  if (status.ok() && segment_ != nullptr && noted_ < synced_) {
    status = segment_->Close(synced_ + 1, CurrentMarks());
    if (status.ok()) status = segment_->Sync();
    segment_.reset();
  }
  Announce();
  return status;
}

}  // namespace spillgate::journal
