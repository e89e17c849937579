// Segment: the file that the log is being written to. The journal's thread only. After a failure of
// any call nothing more may be asked of it: what it has not synced must be written elsewhere.
#pragma once

#include <memory>

#include "server/journal/format.h"
#include "server/journal/intake.h"
#include "server/journal/segment_store.h"

namespace spillgate::journal {

// What every block says about the whole log.
struct Marks {
  Lsn synced = 0;
  std::uint64_t first_generation = 0;
  Lsn first_lsn = 1;
};

class Segment {
 public:
  // Begins the use of a file that `header` describes.
  [[nodiscard]] static Result<std::unique_ptr<Segment>> Begin(OpenSpare spare,
                                                              SegmentHeader header);
  Segment(std::unique_ptr<File> file, const SegmentHeader& header)
      : file_(std::move(file)), header_(header) {}

  // Blocks leave room for a note and for the last block.
  [[nodiscard]] bool Fits(std::uint64_t body) const {
    return offset_ + BlockBytes(body) + 2 * sizeof(BlockHeader) <= header_.bytes;
  }
  [[nodiscard]] bool FitsNote() const { return offset_ + 2 * sizeof(BlockHeader) <= header_.bytes; }
  [[nodiscard]] Status Write(Block& block, const Marks& marks);
  [[nodiscard]] Status WriteNote(Lsn next, const Marks& marks) {
    return WriteEmpty(next, marks, 0);
  }
  [[nodiscard]] Status Close(Lsn next, const Marks& marks) {
    return WriteEmpty(next, marks, BlockHeader::kClosed);
  }
  [[nodiscard]] Status Sync() { return file_->Sync(); }

  [[nodiscard]] std::uint64_t offset() const { return offset_; }
  [[nodiscard]] std::uint64_t room() const { return header_.bytes - offset_; }
  [[nodiscard]] Lsn base() const { return header_.base; }

 private:
  [[nodiscard]] Status WriteEmpty(Lsn next, const Marks& marks, std::uint32_t flags);
  [[nodiscard]] Status Put(std::span<std::byte> bytes, const BlockHeader& header);

  std::unique_ptr<File> file_;
  const SegmentHeader header_;
  std::uint64_t offset_ = kPage;
};

}  // namespace spillgate::journal
