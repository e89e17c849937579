#include "server/journal/format.h"

#include <bit>
#include <cstring>

#include "server/journal/crc32c.h"

namespace spillgate::journal {
namespace {

static_assert(std::endian::native == std::endian::little);

constexpr std::size_t kSegmentChecked = offsetof(SegmentHeader, crc) + sizeof(std::uint32_t);
constexpr std::size_t kBlockChecked = offsetof(BlockHeader, crc) + sizeof(std::uint32_t);

std::uint32_t CrcOf(const SegmentHeader& header) {
  return Crc32c(kVersion, std::as_bytes(std::span(&header, 1)).subspan(kSegmentChecked));
}

std::uint32_t CrcOf(ByteView block, std::uint64_t generation, std::uint64_t offset) {
  const std::uint64_t seed[] = {generation, offset};
  return Crc32c(Crc32c(0, std::as_bytes(std::span(seed))), block.subspan(kBlockChecked));
}

}  // namespace

void Seal(SegmentHeader& header) {
  header.magic = kSegmentMagic;
  header.version = kVersion;
  header.crc = CrcOf(header);
}

HeaderState ReadHeader(ByteView page, SegmentHeader& header) {
  if (page.size() < sizeof(header)) return HeaderState::kDamaged;
  std::memcpy(&header, page.data(), sizeof(header));
  if (header.magic != kSegmentMagic) return HeaderState::kDamaged;
  if (header.version > kVersion) return HeaderState::kNewer;
  if (header.version != kVersion || header.crc != CrcOf(header)) return HeaderState::kDamaged;
  return HeaderState::kGood;
}

void Seal(std::span<std::byte> block, BlockHeader header, std::uint64_t generation,
          std::uint64_t offset) {
  const std::size_t used = sizeof(header) + header.body;
  std::memset(block.data() + used, 0, block.size() - used);
  std::memcpy(block.data(), &header, sizeof(header));
  header.crc = CrcOf(block, generation, offset);
  std::memcpy(block.data() + offsetof(BlockHeader, crc), &header.crc, sizeof(header.crc));
}

std::optional<BlockHeader> PeekBlock(ByteView bytes, std::uint64_t stamp) {
  BlockHeader header;
  if (bytes.size() < sizeof(header)) return std::nullopt;
  std::memcpy(&header, bytes.data(), sizeof(header));
  const bool sensible = header.stamp == stamp && header.first > 0 &&
                        (header.records == 0) == (header.body == 0) &&
                        header.body >= header.records * std::uint64_t{JournalBytes::kPerRecord};
  return sensible ? std::optional(header) : std::nullopt;
}

bool IsIntact(ByteView block, std::uint64_t generation, std::uint64_t offset) {
  std::uint32_t crc = 0;
  std::memcpy(&crc, block.data() + offsetof(BlockHeader, crc), sizeof(crc));
  return crc == CrcOf(block, generation, offset);
}

}  // namespace spillgate::journal
