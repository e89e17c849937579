#include "config/units.h"

#include <charconv>
#include <cmath>
#include <limits>
#include <span>

#include "core/base/format.h"

namespace spillgate::config {
namespace {

struct Unit {
  std::string_view name;
  std::uint64_t size;
};

// Largest first, because Format takes the first that divides.
constexpr Unit kDurations[] = {
    {"h", 3'600'000'000'000}, {"min", 60'000'000'000}, {"s", 1'000'000'000},
    {"ms", 1'000'000},        {"us", 1'000},           {"ns", 1}};
constexpr Unit kSizes[] = {
    {"TiB", 1ULL << 40}, {"GiB", 1ULL << 30}, {"MiB", 1ULL << 20}, {"KiB", 1ULL << 10}, {"B", 1}};
constexpr Unit kDecimalSizes[] = {
    {"TB", 1'000'000'000'000}, {"GB", 1'000'000'000}, {"MB", 1'000'000}, {"kB", 1'000}};

constexpr std::uint64_t kMost = std::numeric_limits<std::int64_t>::max();

std::optional<std::uint64_t> SizeOf(std::string_view unit, std::span<const Unit> units) {
  for (const Unit& known : units) {
    if (known.name == unit) return known.size;
  }
  return std::nullopt;
}

// "12.345" split at its point; the fraction counts thousandths.
struct Decimal {
  std::uint64_t whole = 0;
  std::uint64_t thousandths = 0;
  std::string_view rest;
};

std::optional<Decimal> TakeDecimal(std::string_view text) {
  Decimal result;
  const char* end = text.data() + text.size();
  auto [after, error] = std::from_chars(text.data(), end, result.whole);
  if (error != std::errc()) return std::nullopt;
  if (after != end && *after == '.') {
    std::uint64_t worth = 100;
    const char* digit = after + 1;
    for (; digit != end && *digit >= '0' && *digit <= '9'; ++digit, worth /= 10) {
      if (worth == 0) return std::nullopt;
      result.thousandths += worth * static_cast<std::uint64_t>(*digit - '0');
    }
    if (digit == after + 1) return std::nullopt;
    after = digit;
  }
  result.rest = std::string_view(after, static_cast<std::size_t>(end - after));
  return result;
}

std::optional<std::uint64_t> Parse(std::string_view text, std::span<const Unit> units,
                                   std::span<const Unit> further) {
  if (text == "0") return 0;
  const std::optional<Decimal> number = TakeDecimal(text);
  if (!number) return std::nullopt;
  std::string_view name = number->rest;
  if (name.starts_with(' ')) name.remove_prefix(1);
  std::optional<std::uint64_t> unit = SizeOf(name, units);
  if (!unit) unit = SizeOf(name, further);
  if (!unit || number->whole > kMost / *unit) return std::nullopt;
  const std::uint64_t fraction = number->thousandths * *unit;  // at most 999 TiB or 999 h: fits
  if (fraction % 1000 != 0) return std::nullopt;
  const std::uint64_t total = number->whole * *unit + fraction / 1000;
  return total > kMost ? std::nullopt : std::optional(total);
}

std::string Print(std::uint64_t value, std::span<const Unit> units, std::string_view zero) {
  if (value == 0) return std::string(zero);
  for (const Unit& unit : units) {
    if (value % unit.size == 0) return Format("{}{}", value / unit.size, unit.name);
  }
  return {};  // not reached: the last unit is 1
}

}  // namespace

std::optional<Nanos> ParseDuration(std::string_view text) {
  const std::optional<std::uint64_t> value = Parse(text, kDurations, {});
  return value ? std::optional(Nanos(static_cast<std::int64_t>(*value))) : std::nullopt;
}

std::optional<Bytes> ParseBytes(std::string_view text) {
  const std::optional<std::uint64_t> value = Parse(text, kSizes, kDecimalSizes);
  return value ? std::optional(Bytes{*value}) : std::nullopt;
}

std::string FormatDuration(Nanos duration) {
  return Print(static_cast<std::uint64_t>(duration.count()), kDurations, "0s");
}

std::string FormatBytes(Bytes bytes) {
  return Print(bytes.count, kSizes, "0B");
}

std::optional<std::int64_t> ThousandthsOf(double number) {
  const double scaled = number * 1000;
  if (!(std::abs(scaled) < 9e15))
    return std::nullopt;  // also refuses nan; beyond it doubles skip integers
  const double whole = std::round(scaled);
  // 0.001 * 1000 is not 1 in binary; what a person wrote with three decimals is far closer than
  // this.
  if (std::abs(scaled - whole) > 1e-6 * std::max(1.0, std::abs(whole) * 1e-6)) return std::nullopt;
  return static_cast<std::int64_t>(whole);
}

std::string FormatThousandths(std::int64_t thousandths) {
  if (thousandths % 1000 == 0) return Format("{}", thousandths / 1000);
  const std::string_view sign = thousandths < 0 ? "-" : "";
  const std::int64_t size = thousandths < 0 ? -thousandths : thousandths;
  std::string text = Format("{}{}.{:03}", sign, size / 1000, size % 1000);
  while (text.back() == '0') text.pop_back();
  return text;
}

}  // namespace spillgate::config
