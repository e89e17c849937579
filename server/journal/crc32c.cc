#include "server/journal/crc32c.h"

#include <immintrin.h>

#include <cstring>

namespace spillgate::journal {

std::uint32_t Crc32c(std::uint32_t crc, ByteView bytes) {
  const std::byte* at = bytes.data();
  std::size_t left = bytes.size();
  std::uint64_t state = ~crc;
  for (; left >= sizeof(std::uint64_t); left -= sizeof(std::uint64_t)) {
    std::uint64_t word = 0;
    std::memcpy(&word, at, sizeof(word));
    state = _mm_crc32_u64(state, word);
    at += sizeof(word);
  }
  auto narrow = static_cast<std::uint32_t>(state);
  for (; left > 0; --left) narrow = _mm_crc32_u8(narrow, std::to_integer<std::uint8_t>(*at++));
  return ~narrow;
}

}  // namespace spillgate::journal
