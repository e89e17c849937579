#include "server/journal/segment_scan.h"

#include <algorithm>
#include <cstring>

namespace spillgate::journal {
namespace {

constexpr std::size_t kWindow = 1 << 20;

}  // namespace

Result<ByteView> SegmentReader::Fetch(std::uint64_t offset, std::size_t size) {
  const std::uint64_t end = start_ + window_.size();
  if (offset < start_ || offset + size > end) {
    const std::uint64_t ahead = std::min<std::uint64_t>(kWindow, end_ - offset);
    if (Status status = Fill(offset, std::max<std::size_t>(size, ahead)); !status.ok()) {
      return status.error();
    }
  }
  const ByteView rest = ByteView(window_).subspan(offset - start_);
  return rest.first(std::min(size, rest.size()));
}

Status SegmentReader::Fill(std::uint64_t offset, std::size_t size) {
  start_ = offset;
  window_.resize(size);
  Result<std::size_t> got = ReadAll(file_, offset, window_);
  if (!got.ok() && !skip_unreadable_) {
    window_.clear();
    return got.error();
  }
  if (got.ok()) {
    window_.resize(got.value());
    return {};
  }
  std::fill(window_.begin(), window_.end(), std::byte{0});
  for (std::size_t page = 0; page < size; page += kPage) {
    const std::span<std::byte> part =
        std::span(window_).subspan(page, std::min(kPage, size - page));
    got = ReadAll(file_, offset + page, part);
    if (!got.ok()) std::fill(part.begin(), part.end(), std::byte{0});
  }
  return {};
}

Result<std::optional<SegmentReader::Found>> SegmentReader::ReadBlock(const SegmentHeader& segment,
                                                                     std::uint64_t offset) {
  const Result<ByteView> head = Fetch(offset, sizeof(BlockHeader));
  if (!head.ok()) return head.error();
  const std::optional<BlockHeader> header = PeekBlock(head.value(), segment.stamp);
  if (!header) return std::optional<Found>();
  const std::uint64_t size = BlockBytes(header->body);
  if (size > segment.bytes - offset) return std::optional<Found>();
  const Result<ByteView> block = Fetch(offset, size);
  if (!block.ok()) return block.error();
  if (block.value().size() < size || !IsIntact(block.value(), segment.generation, offset)) {
    return std::optional<Found>();
  }
  return std::optional(Found{*header, block.value().subspan(sizeof(BlockHeader), header->body)});
}

Result<std::uint64_t> SegmentReader::FindBlock(const SegmentHeader& segment, std::uint64_t from) {
  while (from + sizeof(BlockHeader) <= segment.bytes) {
    const Result<ByteView> bytes =
        Fetch(from, std::min<std::uint64_t>(kWindow, segment.bytes - from));
    if (!bytes.ok()) return bytes.error();
    const std::size_t whole = bytes.value().size() / kBlockAlign * kBlockAlign;
    if (whole == 0) break;
    for (std::size_t i = 0; i < whole; i += kBlockAlign) {
      std::uint64_t stamp = 0;
      std::memcpy(&stamp, bytes.value().data() + i, sizeof(stamp));
      if (stamp == segment.stamp) return from + i;
    }
    from += whole;
  }
  return segment.bytes;
}

Status ScanSegment(SegmentReader& reader, ScannedSegment& segment) {
  const SegmentHeader& header = segment.header;
  segment.synced = header.synced;
  segment.first_generation = header.first_generation;
  segment.first_lsn = header.first_lsn;
  segment.runs = {{.begin = kPage, .end = kPage, .first = header.base, .next = header.base}};
  std::uint64_t offset = kPage;
  bool follows = true;  // the block at `offset` is right behind the last run
  while (offset + sizeof(BlockHeader) <= header.bytes) {
    const auto block = reader.ReadBlock(header, offset);
    if (!block.ok()) return block.error();
    if (!block.value()) {
      const auto at = reader.FindBlock(header, offset);
      if (!at.ok()) return at.error();
      follows = false;
      if (at.value() > offset) {
        offset = at.value();
      } else {
        segment.broken += 1;
        offset += kBlockAlign;
      }
      continue;
    }
    const BlockHeader& found = block.value()->header;
    segment.synced = std::max(segment.synced, found.synced);
    segment.first_generation = std::max(segment.first_generation, found.first_generation);
    segment.first_lsn = std::max(segment.first_lsn, found.first_lsn);
    if (!follows || segment.runs.back().next != found.first) {
      segment.runs.push_back({.begin = offset, .first = found.first, .next = found.first});
    }
    follows = true;
    offset += BlockBytes(found.body);
    segment.runs.back().end = offset;
    segment.runs.back().next += found.records;
    const bool whole = segment.runs.size() == 1;
    if (whole && (found.flags & BlockHeader::kClosed) != 0) break;
  }
  return {};
}

}  // namespace spillgate::journal
