// "Did you mean": the known word nearest to a mistyped one. Pure.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace spillgate::config {

// Letters to insert, drop, replace, or swap with their neighbour to make `a` of `b`. Both at most
// 64 letters; longer words count as nowhere near.
[[nodiscard]] std::size_t EditDistance(std::string_view a, std::string_view b);

// The nearest candidate, the first of equals; empty when none is within a third of the word's
// length.
[[nodiscard]] std::string Nearest(std::string_view word, std::span<const std::string> candidates);

}  // namespace spillgate::config
