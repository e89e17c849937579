#include "server/journal/segment.h"

#include <array>

namespace spillgate::journal {

Result<std::unique_ptr<Segment>> Segment::Begin(OpenSpare spare, SegmentHeader header) {
  header.filled = spare.spare.filled ? 1 : 0;
  Seal(header);
  const Status status = WriteAll(*spare.file, 0, std::as_bytes(std::span(&header, 1)));
  if (!status.ok()) return status.error();
  return std::make_unique<Segment>(std::move(spare.file), header);
}

Status Segment::Write(Block& block, const Marks& marks) {
  const BlockHeader header{.stamp = header_.stamp,
                           .body = block.body,
                           .first = block.first,
                           .records = block.records,
                           .synced = marks.synced,
                           .first_generation = marks.first_generation,
                           .first_lsn = marks.first_lsn};
  return Put(std::span(block.data, BlockBytes(block.body)), header);
}

Status Segment::WriteEmpty(Lsn next, const Marks& marks, std::uint32_t flags) {
  std::array<std::byte, sizeof(BlockHeader)> bytes{};
  const BlockHeader header{.stamp = header_.stamp,
                           .first = next,
                           .flags = flags,
                           .synced = marks.synced,
                           .first_generation = marks.first_generation,
                           .first_lsn = marks.first_lsn};
  return Put(bytes, header);
}

Status Segment::Put(std::span<std::byte> bytes, const BlockHeader& header) {
  Seal(bytes, header, header_.generation, offset_);
  Status status = WriteAll(*file_, offset_, bytes);
  offset_ += bytes.size();
  return status;
}

}  // namespace spillgate::journal
