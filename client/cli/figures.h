// Numbers as people read them in a table: three digits that matter, and a unit. Pure functions.
#pragma once

#include <cstdint>
#include <string>

namespace spillgate::cli {

[[nodiscard]] std::string FormatMicros(double micros);  // "4.2us", "131ms", "2.5s", "3h 5min"
[[nodiscard]] std::string FormatAmount(double number);  // "0.3", "8212", "1.21M"
[[nodiscard]] std::string FormatSize(double bytes);     // "512B", "1.5KiB", "256MiB"
[[nodiscard]] std::string FormatShare(double share);    // 0.313 is "31%"

}  // namespace spillgate::cli
