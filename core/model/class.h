// The four classes of work, most important first. A lower class keeps a minimum share but is shed
// first.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace spillgate {

enum class TaskClass : std::uint8_t { kCritical = 0, kHigh = 1, kNormal = 2, kSheddable = 3 };

inline constexpr std::size_t kClasses = 4;
inline constexpr std::array<std::string_view, kClasses> kClassNames{"critical", "high", "normal",
                                                                    "sheddable"};

[[nodiscard]] constexpr std::size_t Index(TaskClass cls) {
  return static_cast<std::size_t>(cls);
}

}  // namespace spillgate
