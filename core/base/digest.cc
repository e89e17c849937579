#include "core/base/digest.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>

#include "core/base/format.h"
#include "core/base/hash_bytes.h"

namespace spillgate {
namespace {

TaskId Step(TaskId state, std::uint64_t size, std::uint64_t word) {
  const std::array<std::uint64_t, 4> words{state.session, state.seq, size, word};
  const Hash128 hash = HashWords(words);
  return {hash.high | kChildBit, hash.low};  // the bit stays: the results of old replays hold it
}

}  // namespace

// Each step hashes the state so far together with up to eight bytes and their number: 9 to a whole
// length, which comes first, so that "ab", "c" and "a", "bc" differ.
void Digest::Add(std::string_view bytes) {
  constexpr std::uint64_t kLength = 9;
  state_ = Step(state_, kLength, bytes.size());
  while (!bytes.empty()) {
    std::uint64_t word = 0;
    const std::size_t some = std::min(bytes.size(), sizeof(word));
    std::memcpy(&word, bytes.data(), some);
    state_ = Step(state_, some, word);
    bytes.remove_prefix(some);
  }
}

std::string Digest::Hex() const {
  return Format("{:016x}{:016x}", state_.session, state_.seq);
}

std::string Digest::Stretch(std::size_t size) const {
  std::string bytes = Hex();
  std::size_t at = bytes.size();
  if (size <= at) return bytes;
  bytes.resize(size);
  for (std::uint64_t word = 0; at < size; ++word) {
    const std::uint64_t filler = Mix(state_.session + word) ^ state_.seq;
    const std::size_t some = std::min(size - at, sizeof(filler));
    std::memcpy(bytes.data() + at, &filler, some);
    at += some;
  }
  return bytes;
}

}  // namespace spillgate
