// Rows of benchmarks as the command prints them: an object a line, or a table. Pure.
#pragma once

#include <span>
#include <string>

#include "client/bench/row.h"
#include "core/base/json.h"

namespace spillgate::cli {

// What does not apply is absent; but of `overload` there is what every run is judged by.
[[nodiscard]] Json ToJson(const bench::Row& row);
[[nodiscard]] std::string ToText(std::span<const bench::Row> rows);

}  // namespace spillgate::cli
