// How the schema's own sources read FlatBuffers: a verifier with bounds, and checked views of
// vectors of structs. The schemas are flat, so verifying any body takes a number of steps that the
// number of its fields bounds. Not for inclusion elsewhere.
#pragma once

#include <flatbuffers/flatbuffers.h>

#include <cstdint>
#include <optional>
#include <span>
#include <type_traits>

#include "core/base/buffer.h"

namespace spillgate::wire {

inline constexpr flatbuffers::uoffset_t kMaxDepth = 8;
inline constexpr flatbuffers::uoffset_t kMaxTables = 64;

// The root table of a body, or null if the body is not a whole and well-formed one.
template <class T>
[[nodiscard]] const T* VerifiedRoot(ByteView body) {
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(body.data());
  flatbuffers::Verifier verifier(bytes, body.size(), kMaxDepth, kMaxTables);
  return verifier.VerifyBuffer<T>(nullptr) ? flatbuffers::GetRoot<T>(bytes) : nullptr;
}

// A verified vector of FlatBuffers structs as a span of ours, which must have the same layout.
// Nothing if it is not aligned: the verifier looks at a vector's length only, whose alignment is
// less.
template <class Ours, class Flat>
[[nodiscard]] std::optional<std::span<const Ours>> AsSpan(
    const flatbuffers::Vector<const Flat*>* vector) {
  static_assert(sizeof(Ours) == sizeof(Flat) && alignof(Ours) <= 8);
  static_assert(std::is_trivially_copyable_v<Ours>);
  if (vector == nullptr) return std::span<const Ours>();
  const std::uint8_t* items = vector->Data();
  if (reinterpret_cast<std::uintptr_t>(items) % alignof(Ours) != 0) return std::nullopt;
  return std::span(reinterpret_cast<const Ours*>(items), vector->size());
}

}  // namespace spillgate::wire
