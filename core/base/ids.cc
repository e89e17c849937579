#include "core/base/ids.h"

#include <array>
#include <charconv>

#include "core/base/format.h"
#include "core/base/hash_bytes.h"

namespace spillgate {

TaskId ChildId(TaskId parent, std::uint32_t stream, std::uint64_t index, std::uint64_t digest) {
  const std::array<std::uint64_t, 5> words{parent.session, parent.seq, stream, index, digest};
  const Hash128 hash = HashWords(words);
  return TaskId{hash.high | kChildBit, hash.low};
}

void SetIdHashKey(std::uint64_t times, std::uint64_t plus) {
  id_hash_key = {.times = times | 1, .plus = plus};
}

std::string ToString(TaskId id) {
  return id.is_child() ? Format("{:016x}-{:016x}", id.session, id.seq)
                       : Format("{:016x}-{}", id.session, id.seq);
}

std::optional<TaskId> ParseTaskId(std::string_view text) {
  constexpr std::size_t kHex = 16;
  if (text.size() < kHex + 2 || text[kHex] != '-') return std::nullopt;
  TaskId id;
  const char* begin = text.data();
  const char* end = begin + text.size();
  const auto session = std::from_chars(begin, begin + kHex, id.session, 16);
  const auto seq = std::from_chars(begin + kHex + 1, end, id.seq, id.is_child() ? 16 : 10);
  const bool whole = session.ec == std::errc() && session.ptr == begin + kHex &&
                     seq.ec == std::errc() && seq.ptr == end;
  return whole ? std::optional(id) : std::nullopt;
}

}  // namespace spillgate
