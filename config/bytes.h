// Bytes: a size or a bound in bytes, as a type of its own so that it is never taken for a count of
// things. A plain value, read as a number wherever sizes are compared.
#pragma once

#include <compare>
#include <cstdint>

namespace spillgate::config {

struct Bytes {
  std::uint64_t count = 0;

  constexpr operator std::uint64_t() const {
    return count;
  }  // NOLINT: reading it as a size is the point
  friend constexpr auto operator<=>(const Bytes&, const Bytes&) = default;
};

[[nodiscard]] constexpr Bytes KiB(std::uint64_t n) {
  return {n << 10};
}
[[nodiscard]] constexpr Bytes MiB(std::uint64_t n) {
  return {n << 20};
}
[[nodiscard]] constexpr Bytes GiB(std::uint64_t n) {
  return {n << 30};
}

}  // namespace spillgate::config
