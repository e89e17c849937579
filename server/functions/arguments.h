// How the built-ins read their arguments: numbers as decimal text, with a default for those that
// are absent. What is no number becomes the failure of the task, and nothing is returned. For the
// built-ins only.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "client/sdk/spillgate/function.h"

namespace spillgate::functions {

// The whole of `text` as a number; nothing if it is none or does not fit.
[[nodiscard]] std::optional<std::int64_t> ParseNumber(std::string_view text);

// Argument `index`, from `least` on; `absent` if there is no such argument. Nothing: the task has
// failed.
[[nodiscard]] std::optional<std::int64_t> Number(sdk::Context& context, std::uint32_t index,
                                                 std::string_view name, std::int64_t absent,
                                                 std::int64_t least = 0);

// The same as microseconds.
[[nodiscard]] std::optional<sdk::Duration> Micros(sdk::Context& context, std::uint32_t index,
                                                  std::string_view name, std::int64_t absent);

}  // namespace spillgate::functions
