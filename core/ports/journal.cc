#include "core/ports/journal.h"

#include <algorithm>
#include <cstring>

namespace spillgate {

std::optional<std::uint32_t> JournalBatch::Append(Level level, std::span<const ByteView> parts) {
  std::size_t size = 0;
  for (const ByteView part : parts) size += part.size();
  if (!HasRoom(JournalBytes::kPerRecord + size)) return std::nullopt;

  const std::size_t body = bytes_.body + JournalBytes::kPerRecord + size;
  if (JournalBytes::kFront + body > bytes_.capacity) Grow(body);
  std::byte* to = bytes_.memory.get() + JournalBytes::kFront + bytes_.body;
  const auto length = static_cast<std::uint32_t>(size);
  std::memcpy(to, &length, sizeof(length));
  to += JournalBytes::kPerRecord;
  for (const ByteView part : parts) {
    if (part.empty()) continue;
    std::memcpy(to, part.data(), part.size());
    to += part.size();
  }
  bytes_.body = body;
  bytes_.sync = bytes_.sync || level == Level::kSync;
  return bytes_.records++;
}

Lsn JournalBatch::Commit() {
  if (bytes_.records == 0) return 0;
  if (room_ > 0) journal_.Return(std::exchange(room_, 0));
  const Lsn first = journal_.Commit(bytes_);
  if (bytes_.memory == nullptr) bytes_.capacity = 0;
  bytes_.body = 0;
  bytes_.records = 0;
  bytes_.sync = false;
  return first;
}

void JournalBatch::Drop() {
  if (bytes_.body + room_ > 0) journal_.Return(bytes_.body + std::exchange(room_, 0));
  bytes_.body = 0;
  bytes_.records = 0;
  bytes_.sync = false;
}

bool JournalBatch::HasRoom(std::size_t size) {
  if (size > journal_.MostBytes() - bytes_.body) return false;
  if (size > room_) {
    std::size_t more = std::max(size - room_, kLease);
    if (!journal_.Reserve(more, purpose_)) {
      more = size - room_;
      if (!journal_.Reserve(more, purpose_)) return false;
    }
    room_ += more;
  }
  room_ -= size;
  return true;
}

void JournalBatch::Grow(std::size_t body) {
  std::size_t capacity = std::max(bytes_.capacity, kInitial);
  while (capacity < JournalBytes::kFront + body) capacity *= 2;
  auto memory = std::make_unique_for_overwrite<std::byte[]>(capacity);
  if (bytes_.body > 0) {
    std::memcpy(memory.get(), bytes_.memory.get(), JournalBytes::kFront + bytes_.body);
  }
  bytes_.memory = std::move(memory);
  bytes_.capacity = capacity;
}

}  // namespace spillgate
