// How durable a submission is once it is acknowledged. Values are part of the protocol.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace spillgate {

enum class Level : std::uint8_t {
  kNone = 0,   // in memory: lost with the process
  kAsync = 1,  // survives the death of the process; at most 20 ms are lost with the machine's power
  kSync = 2,   // on disk before it is acknowledged
};

inline constexpr std::array<std::string_view, 3> kLevelNames{"none", "async", "sync"};

[[nodiscard]] constexpr std::string_view ToString(Level level) {
  return kLevelNames.at(static_cast<std::size_t>(level));
}

}  // namespace spillgate
