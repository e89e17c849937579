#include "server/functions/arguments.h"

#include <algorithm>
#include <charconv>

#include "core/base/format.h"

namespace spillgate::functions {
namespace {

constexpr std::int64_t kMostMicros = std::int64_t{1} << 50;  // 35 years: sums of it do not overflow

}  // namespace

std::optional<std::int64_t> ParseNumber(std::string_view text) {
  std::int64_t value = 0;
  const char* end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, value);
  const bool whole = parsed.ec == std::errc() && parsed.ptr == end;
  return whole ? std::optional(value) : std::nullopt;
}

std::optional<std::int64_t> Number(sdk::Context& context, std::uint32_t index,
                                   std::string_view name, std::int64_t absent, std::int64_t least) {
  if (index >= context.arg_count()) return absent;
  const std::string_view text = context.Arg(index);
  const std::optional<std::int64_t> value = ParseNumber(text);
  if (value.has_value() && *value >= least) return value;
  constexpr std::size_t kShown = 32;
  context.Fail(Format("argument {} ({}) is \"{}\"; it has to be a decimal number from {} on", index,
                      name, text.substr(0, kShown), least));
  return std::nullopt;
}

std::optional<sdk::Duration> Micros(sdk::Context& context, std::uint32_t index,
                                    std::string_view name, std::int64_t absent) {
  const std::optional<std::int64_t> value = Number(context, index, name, absent);
  if (!value.has_value()) return std::nullopt;
  return std::chrono::microseconds(std::min(*value, kMostMicros));
}

}  // namespace spillgate::functions
