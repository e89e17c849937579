// Durations and sizes as people write them: "5ms", "1.5s", "64MiB". Pure functions. What Format
// prints, Parse reads back to the same value.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "config/bytes.h"
#include "core/base/clock.h"

namespace spillgate::config {

// A number, with at most three decimals, and one of ns us ms s min h; "0" needs no unit. Nothing if
// it is not that, is negative, or is no whole number of nanoseconds.
[[nodiscard]] std::optional<Nanos> ParseDuration(std::string_view text);

// Likewise with B KiB MiB GiB TiB, or kB MB GB TB for powers of a thousand.
[[nodiscard]] std::optional<Bytes> ParseBytes(std::string_view text);

// In the largest unit that divides it: "10min", "64KiB".
[[nodiscard]] std::string FormatDuration(Nanos duration);
[[nodiscard]] std::string FormatBytes(Bytes bytes);

// A number with at most three decimals as thousandths: 0.5 is 500. Nothing if it has more, or does
// not fit.
[[nodiscard]] std::optional<std::int64_t> ThousandthsOf(double number);
[[nodiscard]] std::string FormatThousandths(std::int64_t thousandths);  // "0.5", "2"

}  // namespace spillgate::config
