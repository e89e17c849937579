// Format("{} of {}", a, b): fmt, named here once (this compiler has no std::format).
#pragma once

#include <fmt/format.h>

namespace spillgate {

using fmt::format_string;

template <class... Args>
[[nodiscard]] std::string Format(fmt::format_string<Args...> pattern, Args&&... args) {
  return fmt::format(pattern, std::forward<Args>(args)...);
}

}  // namespace spillgate
