// Nonces: arguments that only the task of their number can give back. A function that echoes its
// argument is checked by them: not just that an answer came, but that it is the answer. One thread.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <vector>

#include "core/base/buffer.h"
#include "core/base/ids.h"

namespace spillgate::bench {

class Nonces {
 public:
  static constexpr std::size_t kLeastSize = 8;

  // Of `size` bytes, kLeastSize at least.
  Nonces(std::uint64_t seed, std::size_t size)
      : seed_(seed), bytes_(std::max(size, kLeastSize), std::byte{0x5a}) {}

  // Good until the next call.
  [[nodiscard]] ByteView Of(std::uint64_t number) {
    const std::uint64_t mixed = Mix(seed_ + number);
    std::memcpy(bytes_.data(), &mixed, sizeof(mixed));
    return bytes_;
  }
  [[nodiscard]] bool Matches(std::uint64_t number, ByteView value) {
    const ByteView expected = Of(number);
    return value.size() == expected.size() &&
           std::memcmp(value.data(), expected.data(), expected.size()) == 0;
  }

 private:
  const std::uint64_t seed_;
  std::vector<std::byte> bytes_;
};

}  // namespace spillgate::bench
