#include "core/base/hash_bytes.h"

#include <xxhash.h>

namespace spillgate {

std::uint64_t HashBytes(ByteView bytes, std::uint64_t seed) {
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed);
}

Hash128 HashWords(std::span<const std::uint64_t> words) {
  const XXH128_hash_t hash = XXH3_128bits(words.data(), words.size_bytes());
  return {hash.high64, hash.low64};
}

}  // namespace spillgate
