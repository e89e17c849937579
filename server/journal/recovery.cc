#include "server/journal/recovery.h"

#include <algorithm>
#include <cstring>
#include <tuple>
#include <utility>

#include "core/base/format.h"
#include "core/base/log.h"
#include "server/journal/segment_scan.h"

namespace spillgate::journal {
namespace {

// Records [from, to) of a run, to be delivered.
struct Piece {
  std::size_t segment = 0;
  Run run;
  Lsn from = 0;
  Lsn to = 0;
};

struct Candidate {
  std::size_t segment = 0;
  Run run;  // without what was cut off at an earlier start
};

// Records that may not be on disk: kept to be written again.
class Tail {
 public:
  void Add(ByteView record) {
    constexpr std::size_t kBatch = 64 << 10;
    const std::size_t size = JournalBytes::kPerRecord + record.size();
    if (batches_.empty() ||
        JournalBytes::kFront + batches_.back().body + size > batches_.back().capacity) {
      JournalBytes& fresh = batches_.emplace_back();
      fresh.capacity = std::max<std::size_t>(kBatch, BlockBytes(size));
      fresh.memory = std::make_unique_for_overwrite<std::byte[]>(fresh.capacity);
      fresh.sync = true;
    }
    JournalBytes& batch = batches_.back();
    std::byte* to = batch.memory.get() + JournalBytes::kFront + batch.body;
    const auto length = static_cast<std::uint32_t>(record.size());
    std::memcpy(to, &length, sizeof(length));
    if (length > 0) std::memcpy(to + sizeof(length), record.data(), length);
    batch.body += size;
    batch.records += 1;
  }
  [[nodiscard]] std::vector<JournalBytes> Take() { return std::move(batches_); }

 private:
  std::vector<JournalBytes> batches_;
};

class Recovery {
 public:
  Recovery(Files& files, const RecoveryOptions& options, const Deliver& deliver)
      : files_(files), options_(options), deliver_(deliver) {}

  [[nodiscard]] Result<Recovered> Find() {
    if (Status status = ReadFolder(); !status.ok()) return status.error();
    if (Status status = ScanAll(); !status.ok()) return status.error();
    DropUnneeded();
    if (Status status = Assemble(); !status.ok()) return status.error();
    if (Status status = DeliverAll(); !status.ok()) return status.error();
    Conclude();
    return std::move(found_);
  }

 private:
  [[nodiscard]] Status ReadFolder();
  [[nodiscard]] Status ReadHeaderOf(FileNumber number);
  [[nodiscard]] Status SetAside(FileNumber number);
  [[nodiscard]] Status ScanAll();
  void DropUnneeded();
  void MakeSpare(const ScannedSegment& segment);
  [[nodiscard]] std::vector<Candidate> Candidates() const;
  [[nodiscard]] Status Assemble();
  void Forgive(Lsn to);
  [[nodiscard]] Status Skip(Lsn to);
  void CutOff(std::span<const Candidate> rest);
  [[nodiscard]] Status DeliverAll();
  [[nodiscard]] Status DeliverPiece(const Piece& piece);
  void Conclude();
  [[nodiscard]] std::string PathOf(FileNumber number) const {
    return Format("{}/{}", options_.dir, SegmentName(number));
  }

  Files& files_;
  const RecoveryOptions& options_;
  const Deliver& deliver_;
  std::vector<ScannedSegment> segments_;  // by generation
  std::uint64_t first_generation_ = 0;
  Lsn first_lsn_ = 1;
  Lsn synced_ = 0;
  Lsn forgiven_ = 0;
  std::vector<Piece> pieces_;
  Lsn next_ = 1;  // the first record that is not in `pieces_`
  Tail tail_;
  Recovered found_;
};

Status Recovery::ReadFolder() {
  const Result<std::vector<std::string>> names = files_.List(options_.dir);
  if (!names.ok()) return names.error();
  for (const std::string& name : names.value()) {
    if (IsUnfinished(name)) {
      const Status removed = files_.Remove(Format("{}/{}", options_.dir, name));
      if (!removed.ok()) return removed;
    } else if (const auto number = NumberOf(name)) {
      found_.next_file = std::max(found_.next_file, *number + 1);
      if (Status status = ReadHeaderOf(*number); !status.ok()) return status;
    }
  }
  std::sort(segments_.begin(), segments_.end(),
            [](const auto& a, const auto& b) { return a.header.generation < b.header.generation; });
  for (const ScannedSegment& segment : segments_) {
    first_generation_ = std::max(first_generation_, segment.header.first_generation);
    forgiven_ = std::max(forgiven_, segment.header.forgiven);
    found_.position.next_generation = segment.header.generation + 1;
  }
  return {};
}

Status Recovery::ReadHeaderOf(FileNumber number) {
  const std::string path = PathOf(number);
  Result<std::unique_ptr<File>> file = files_.Open(path);
  if (!file.ok()) return file.error();
  SegmentReader reader(*file.value(), kPage, options_.salvage);
  const Result<ByteView> page = reader.Fetch(0, kPage);
  if (!page.ok()) return page.error();
  ScannedSegment segment{.number = number};
  switch (ReadHeader(page.value(), segment.header)) {
    case HeaderState::kGood: break;
    case HeaderState::kNewer:
      return Error{Code::kCorrupt,
                   Format("{} says that a newer version wrote it ({}; this one knows {}): start "
                          "that version",
                          path, segment.header.version, kVersion)};
    case HeaderState::kDamaged:
      if (options_.salvage) return SetAside(number);
      return Error{Code::kCorrupt,
                   Format("the header of {} is damaged, so it is unknown what was in it: restore "
                          "the folder from a copy, or start with --salvage to go on without it",
                          path)};
  }
  // Files get their name when they have their size, so this is no trace of a power failure.
  std::byte last{};
  const Result<std::size_t> end =
      ReadAll(*file.value(), segment.header.bytes - 1, std::span(&last, 1));
  if (!end.ok() && !options_.salvage) return end.error();
  if (!options_.salvage && end.value() == 0) {
    return Error{Code::kCorrupt,
                 Format("{} is shorter than the {} bytes that it was made with: restore the folder "
                        "from a copy, or start with --salvage to go on with what is left of it",
                        path, segment.header.bytes)};
  }
  if (segment.header.generation > 0) {
    segments_.push_back(std::move(segment));
  } else {
    MakeSpare(segment);
  }
  return {};
}

Status Recovery::SetAside(FileNumber number) {
  const std::string path = PathOf(number);
  log::Warn("journal",
            Format("the header of {} is damaged: it is set aside as {}.damaged", path, path));
  if (Status status = files_.Rename(path, path + ".damaged"); !status.ok()) return status;
  return files_.SyncDir(options_.dir);
}

Status Recovery::ScanAll() {
  for (ScannedSegment& segment : segments_) {
    if (segment.header.generation < first_generation_) continue;
    Result<std::unique_ptr<File>> file = files_.Open(PathOf(segment.number));
    if (!file.ok()) return file.error();
    SegmentReader reader(*file.value(), segment.header.bytes, options_.salvage);
    if (Status status = ScanSegment(reader, segment); !status.ok()) return status;
    synced_ = std::max(synced_, segment.synced);
    first_generation_ = std::max(first_generation_, segment.first_generation);
    first_lsn_ = std::max(first_lsn_, segment.first_lsn);
  }
  return {};
}

void Recovery::DropUnneeded() {
  const auto first_needed = std::find_if(
      segments_.begin(), segments_.end(),
      [this](const auto& segment) { return segment.header.generation >= first_generation_; });
  for (auto it = segments_.begin(); it != first_needed; ++it) MakeSpare(*it);
  segments_.erase(segments_.begin(), first_needed);
}

void Recovery::MakeSpare(const ScannedSegment& segment) {
  if (segment.header.bytes == options_.segment_bytes) {
    found_.spares.push_back({.number = segment.number, .filled = segment.header.filled != 0});
    return;
  }
  // Another size was configured then. If it cannot be removed, the next start tries again.
  const Status removed = files_.Remove(PathOf(segment.number));
  if (!removed.ok()) log::Warn("journal", removed.error().message);
}

// All runs, by their first record, without what some earlier start has cut off.
std::vector<Candidate> Recovery::Candidates() const {
  std::vector<Candidate> candidates;
  for (std::size_t i = 0; i < segments_.size(); ++i) {
    Lsn limit = kNoCut;
    for (const ScannedSegment& later : segments_) {
      const bool cuts = later.header.since > segments_[i].header.generation;
      if (cuts) limit = std::min(limit, later.header.cut);
    }
    for (Run run : segments_[i].runs) {
      if (limit != kNoCut) run.next = std::min(run.next, limit + 1);
      if (run.first < run.next) candidates.push_back({i, run});
    }
  }
  // Runs of one segment are apart, so of two that begin alike the older segment's comes first.
  std::sort(candidates.begin(), candidates.end(), [](const auto& a, const auto& b) {
    return std::tie(a.run.first, a.segment) < std::tie(b.run.first, b.segment);
  });
  return candidates;
}

Status Recovery::Assemble() {
  if (segments_.empty() && synced_ == 0) return {};
  next_ = first_lsn_;
  const std::vector<Candidate> candidates = Candidates();
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    const Run& run = candidates[i].run;
    if (run.next <= next_) continue;
    Forgive(run.first);
    if (run.first > next_) {
      if (next_ > synced_) {
        CutOff(std::span(candidates).subspan(i));
        return {};
      }
      if (Status status = Skip(run.first); !status.ok()) return status;
    }
    pieces_.push_back({candidates[i].segment, run, next_, run.next});
    next_ = run.next;
  }
  Forgive(forgiven_ + 1);
  return next_ <= synced_ ? Skip(synced_ + 1) : Status();
}

// Passes the missing records before `to` that an operator has given up already.
void Recovery::Forgive(Lsn to) {
  const Lsn end = std::min(to, forgiven_ + 1);
  if (next_ >= end) return;
  found_.missing += end - next_;
  next_ = end;
}

// The records before `to` are missing, and some of them were synced.
Status Recovery::Skip(Lsn to) {
  if (!options_.salvage) {
    const bool none = pieces_.empty();
    const std::string where =
        none ? options_.dir : PathOf(segments_[pieces_.back().segment].number);
    return Error{
        Code::kCorrupt,
        Format("the journal is damaged: {} cannot be read from byte {} on, so records {} to {} are "
               "missing, of which {} and before were on disk. Restore the folder from a copy, or "
               "start with --salvage to go on without them",
               where, none ? kPage : pieces_.back().run.end, next_, to - 1, synced_)};
  }
  found_.missing += to - next_;
  found_.forgives = true;
  next_ = to;
  return {};
}

void Recovery::CutOff(std::span<const Candidate> rest) {
  Lsn seen = next_;
  for (const Candidate& candidate : rest) {
    const Lsn from = std::max(seen, candidate.run.first);
    if (candidate.run.next <= from) continue;
    found_.cut_records += candidate.run.next - from;
    seen = candidate.run.next;
  }
}

Status Recovery::DeliverAll() {
  for (const Piece& piece : pieces_) {
    if (Status status = DeliverPiece(piece); !status.ok()) return status;
  }
  return {};
}

Status Recovery::DeliverPiece(const Piece& piece) {
  const ScannedSegment& segment = segments_[piece.segment];
  const std::string path = PathOf(segment.number);
  Result<std::unique_ptr<File>> file = files_.Open(path);
  if (!file.ok()) return file.error();
  SegmentReader reader(*file.value(), segment.header.bytes, options_.salvage);
  for (std::uint64_t offset = piece.run.begin; offset < piece.run.end;) {
    const auto block = reader.ReadBlock(segment.header, offset);
    if (!block.ok()) return block.error();
    Status status;
    Lsn lsn = block.value() ? block.value()->header.first : 0;
    const bool sound =
        block.value() &&
        ForEachRecord(block.value()->header, block.value()->body, [&](ByteView record) {
          const Lsn here = lsn++;
          if (here < piece.from || here >= piece.to || !status.ok()) return;
          status = deliver_(here, record);
          found_.records += 1;
          if (here > synced_) tail_.Add(record);
        });
    if (!status.ok()) return status;
    if (!sound) {
      return Error{Code::kCorrupt,
                   Format("{} reads differently a second time, at byte {}: look at that disk", path,
                          offset)};
    }
    offset += BlockBytes(block.value()->header.body);
  }
  return {};
}

void Recovery::Conclude() {
  Position& position = found_.position;
  position.first_generation = segments_.empty() ? 0 : first_generation_;
  position.first_lsn = first_lsn_;
  position.last = next_ - 1;
  position.synced = std::min(synced_, position.last);
  position.forgiven = found_.forgives ? position.last : forgiven_;
  for (const ScannedSegment& segment : segments_) {
    found_.broken_blocks += segment.broken;
    position.chain.push_back(
        {.file = {.number = segment.number, .filled = segment.header.filled != 0},
         .generation = segment.header.generation,
         .base = segment.header.base,
         .failed = segment.header.bytes != options_.segment_bytes});
  }
  found_.tail = tail_.Take();
}

}  // namespace

Result<Recovered> Recover(Files& files, const RecoveryOptions& options, const Deliver& deliver) {
  return Recovery(files, options, deliver).Find();
}

}  // namespace spillgate::journal
