#include "server/functions/digest.h"

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "core/base/format.h"

namespace spillgate::functions {

// Each step hashes the state so far together with up to eight bytes and their number: 9 to a whole
// length, which comes first, so that "ab", "c" and "a", "bc" differ.
void Digest::Add(std::string_view bytes) {
  constexpr std::uint32_t kLength = 9;
  state_ = ChildId(state_, kLength, bytes.size());
  while (!bytes.empty()) {
    std::uint64_t word = 0;
    const std::size_t some = std::min(bytes.size(), sizeof(word));
    std::memcpy(&word, bytes.data(), some);
    state_ = ChildId(state_, static_cast<std::uint32_t>(some), word);
    bytes.remove_prefix(some);
  }
}

std::string Digest::Hex() const {
  return Format("{:016x}{:016x}", state_.session, state_.seq);
}

}  // namespace spillgate::functions
