// XXH3 of bytes and of words: fast, and the same on every machine. Not for security. Pure.
#pragma once

#include <cstdint>
#include <span>

#include "core/base/buffer.h"

namespace spillgate {

struct Hash128 {
  std::uint64_t high = 0;
  std::uint64_t low = 0;
};

// The length counts: no bytes and a zero byte differ.
[[nodiscard]] std::uint64_t HashBytes(ByteView bytes, std::uint64_t seed);
[[nodiscard]] Hash128 HashWords(std::span<const std::uint64_t> words);

}  // namespace spillgate
