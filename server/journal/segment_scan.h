// Reading a segment back: block by block, and past what is damaged, to tell a log that ends from
// one with a hole. On one thread, before the node runs.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "server/journal/files.h"
#include "server/journal/format.h"
#include "server/journal/segment_store.h"

namespace spillgate::journal {

// A window that moves over a file.
class SegmentReader {
 public:
  // Of the first `end` bytes. `skip_unreadable`: pages that the disk cannot read count as zeros.
  SegmentReader(File& file, std::uint64_t end, bool skip_unreadable)
      : file_(file), end_(end), skip_unreadable_(skip_unreadable) {}

  // These bytes, which are before the end; fewer where the file ends. Good until the next call.
  [[nodiscard]] Result<ByteView> Fetch(std::uint64_t offset, std::size_t size);

  struct Found {
    BlockHeader header;
    ByteView body;
  };
  // The block that begins there; nothing if none does, or it is damaged.
  [[nodiscard]] Result<std::optional<Found>> ReadBlock(const SegmentHeader& segment,
                                                       std::uint64_t offset);
  // The next place from there on where a block may begin; the segment's end if there is none.
  [[nodiscard]] Result<std::uint64_t> FindBlock(const SegmentHeader& segment, std::uint64_t from);

 private:
  [[nodiscard]] Status Fill(std::uint64_t offset, std::size_t size);

  File& file_;
  const std::uint64_t end_;
  const bool skip_unreadable_;
  std::uint64_t start_ = 0;
  std::vector<std::byte> window_;
};

// Blocks that follow each other without a gap, with the records from `first` up to `next`.
struct Run {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  Lsn first = 0;
  Lsn next = 0;
};

struct ScannedSegment {
  FileNumber number = 0;
  SegmentHeader header;
  std::vector<Run> runs;               // the first one begins with the segment and may be empty
  Lsn synced = 0;                      // the highest that any of it says
  std::uint64_t first_generation = 0;  // as well
  Lsn first_lsn = 0;                   // as well
  std::uint64_t broken = 0;            // places that look like blocks and are damaged
};

[[nodiscard]] Status ScanSegment(SegmentReader& reader, ScannedSegment& segment);

}  // namespace spillgate::journal
