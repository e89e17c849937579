// Partial buffer sharing: a lower class may fill only part of a bound, so that when it is full the
// more important work still finds room. The shares are those of the "AB" rule in the comparison of
// controllers that this project began with: all, 9/10, 8/10, 1/2.
#pragma once

#include <algorithm>
#include <array>

#include "core/flow/admission.h"

namespace spillgate::flow {

inline std::int64_t ClassTenths(std::uint8_t cls) {
  constexpr std::array<std::int64_t, kMaxClasses> kTenths{10, 9, 8, 5};
  return kTenths[std::min<std::size_t>(cls, kMaxClasses - 1)];
}

// Places that the class may still take; below zero if it has more than its part.
inline std::int64_t ClassRoom(std::uint8_t cls, const Load& load) {
  // At least one place, or a class could never get in where the capacity is tiny; of none, none.
  const std::int64_t most =
      std::max(std::min<std::int64_t>(1, load.capacity), load.capacity * ClassTenths(cls) / 10);
  return most - load.queued - load.held;
}

// Bytes that it may still bring.
inline std::int64_t ClassBytesRoom(std::uint8_t cls, const Load& load) {
  return load.capacity_bytes * ClassTenths(cls) / 10 - load.bytes;
}

// The same where no more than `bound` places may be taken.
inline Load Within(Load load, std::int64_t bound) {
  load.capacity = std::min(load.capacity, bound);
  return load;
}

// Of the group that is asked for: as many as there are places for, and bytes.
inline std::int64_t PlacesFor(const Ask& ask, const Load& load) {
  const std::int64_t places = std::clamp<std::int64_t>(ClassRoom(ask.cls, load), 0, ask.count);
  const std::int64_t bytes = ClassBytesRoom(ask.cls, load);
  const auto asked = static_cast<std::int64_t>(ask.bytes);
  if (asked <= bytes) return places;
  const std::int64_t each = (asked + ask.count - 1) / std::max(1U, ask.count);
  return each > 0 ? std::min(places, std::max<std::int64_t>(0, bytes) / each) : 0;
}

}  // namespace spillgate::flow
