// Figures that the node gives as JSON, read without trust: an older or newer node may leave any of
// them out. Pure.
#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

#include "client/lib/failure.h"
#include "core/base/json.h"

namespace spillgate::cli {

// An object; anything else becomes a failure that says so.
[[nodiscard]] client::Result<Json> ParseFigures(const std::string& text);

// The value at a path of keys; nothing if it is not there or of another type.
using Path = std::initializer_list<std::string_view>;
[[nodiscard]] std::optional<double> NumberAt(const Json& json, Path path);
[[nodiscard]] std::string TextAt(const Json& json, Path path);  // or ""
[[nodiscard]] bool IsTrueAt(const Json& json, Path path);
[[nodiscard]] const Json* Find(const Json& json, Path path);  // or null

}  // namespace spillgate::cli
