// The journal on disk. A segment is a file of fixed size: a page with its header, then blocks, each
// a header and the records of one write, all at multiples of 64 bytes. Files are used again and
// again: each use has a generation, higher than all before, and a random stamp. A block carries the
// stamp, and its checksum is seeded with generation and position, so that nothing of an earlier use
// and nothing that a client wrote into a record is ever taken for a block.
//
// Numbers are little-endian. A header lies in one sector and is therefore old or new, never half.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>

#include "core/base/buffer.h"
#include "core/ports/journal.h"

namespace spillgate::journal {

inline constexpr std::uint64_t kSegmentMagic = 0x6e726a6c6c697053ULL;  // "Spilljrn"
inline constexpr std::uint32_t kVersion = 1;
inline constexpr std::size_t kPage = 4096;  // of which the header is the beginning; blocks follow
inline constexpr std::size_t kBlockAlign = 64;
inline constexpr Lsn kNoCut = ~0ULL;

struct SegmentHeader {
  std::uint64_t magic = kSegmentMagic;
  std::uint32_t version = kVersion;
  std::uint32_t crc = 0;         // of what follows
  std::uint64_t generation = 0;  // 0: unused
  std::uint64_t stamp = 0;
  std::uint64_t bytes = 0;  // size of the file
  Lsn base = 0;             // every record from here on is in this segment or a later one
  // Written by every segment since the process started with generation `since`: what earlier
  // generations hold past `cut` was not found at that start and must never be.
  std::uint64_t since = 0;
  Lsn cut = kNoCut;
  Lsn forgiven = 0;                    // an operator accepted that records up to here are missing
  std::uint64_t first_generation = 0;  // earlier ones are not needed any more,
  Lsn first_lsn = 1;                   // nor are records before this one
  Lsn synced = 0;                      // known to be on disk when this was written
  std::uint32_t filled = 0;            // the whole file has been written once
  std::uint32_t unused = 0;
};
static_assert(sizeof(SegmentHeader) == 104);

struct BlockHeader {
  static constexpr std::uint32_t kClosed = 1;  // nothing follows in this segment

  std::uint64_t stamp = 0;
  std::uint32_t crc = 0;   // of what follows, header and body
  std::uint32_t body = 0;  // bytes of records; then zeros up to kBlockAlign
  Lsn first = 0;           // of its records; the next one's if it has none
  std::uint32_t records = 0;
  std::uint32_t flags = 0;
  Lsn synced = 0;                      // as in SegmentHeader
  std::uint64_t first_generation = 0;  // as well
  Lsn first_lsn = 0;                   // as well
  std::uint64_t unused = 0;
};
static_assert(sizeof(BlockHeader) == kBlockAlign && sizeof(BlockHeader) == JournalBytes::kFront);

// Bytes that a block with such a body takes in the file.
[[nodiscard]] constexpr std::uint64_t BlockBytes(std::uint64_t body) {
  return sizeof(BlockHeader) + (body + kBlockAlign - 1) / kBlockAlign * kBlockAlign;
}

// The largest body for a segment of this size; room for two blocks without records is kept.
[[nodiscard]] constexpr std::uint64_t MostBody(std::uint64_t segment_bytes) {
  return segment_bytes - kPage - 3 * sizeof(BlockHeader);
}

// Fills in magic, version and checksum.
void Seal(SegmentHeader& header);
enum class HeaderState { kGood, kDamaged, kNewer };
[[nodiscard]] HeaderState ReadHeader(ByteView page, SegmentHeader& header);

// Writes the header into the first bytes of `block`, which are its BlockBytes in memory with the
// body in place, and clears what pads the body.
void Seal(std::span<std::byte> block, BlockHeader header, std::uint64_t generation,
          std::uint64_t offset);

// The header of the block that `bytes` begin with, as far as that can be told without its body.
[[nodiscard]] std::optional<BlockHeader> PeekBlock(ByteView bytes, std::uint64_t stamp);
// Whether these BlockBytes are what was written there.
[[nodiscard]] bool IsIntact(ByteView block, std::uint64_t generation, std::uint64_t offset);

// Calls `each(record)` for the records in the body of an intact block; false if they do not add up.
template <class F>
[[nodiscard]] bool ForEachRecord(const BlockHeader& header, ByteView body, F&& each) {
  for (std::uint32_t i = 0; i < header.records; ++i) {
    std::uint32_t size = 0;
    if (body.size() < sizeof(size)) return false;
    std::memcpy(&size, body.data(), sizeof(size));
    body = body.subspan(sizeof(size));
    if (body.size() < size) return false;
    each(body.first(size));
    body = body.subspan(size);
  }
  return body.empty();
}

}  // namespace spillgate::journal
