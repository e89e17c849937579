#include "client/cli/figures.h"

#include <algorithm>
#include <cmath>
#include <span>
#include <string_view>

#include "core/base/format.h"

namespace spillgate::cli {
namespace {

struct Unit {
  std::string_view name;
  double size;
};

constexpr Unit kTimes[] = {{"us", 1}, {"ms", 1e3}, {"s", 1e6}};
constexpr Unit kSizes[] = {
    {"B", 1}, {"KiB", 1024.0}, {"MiB", 0x1p20}, {"GiB", 0x1p30}, {"TiB", 0x1p40}};
constexpr Unit kAmounts[] = {{"k", 1e3}, {"M", 1e6}, {"G", 1e9}, {"T", 1e12}};

// "4.2", "42", "420": as many digits as say something. Whole numbers have no point.
std::string Digits(double number) {
  const double rounded = std::round(number * 10) / 10;
  if (rounded >= 10 || rounded == std::floor(rounded)) return Format("{:.0f}", number);
  return Format("{:.1f}", rounded);
}

// In the largest unit of which it is at least one, once it is rounded: 999.6 us are 1 ms.
std::string InUnits(double number, std::span<const Unit> units) {
  const Unit* unit = &units.front();
  for (const Unit& larger : units) {
    if (number >= larger.size * 0.9995) unit = &larger;
  }
  return Digits(number / unit->size) + std::string(unit->name);
}

}  // namespace

std::string FormatMicros(double micros) {
  constexpr double kMinute = 60e6;
  if (!(micros > 0)) return "0";
  if (micros < 2 * kMinute) return InUnits(micros, kTimes);
  const auto minutes = static_cast<std::int64_t>(micros / kMinute);
  if (minutes < 60) {
    return Format("{}min {}s", minutes, static_cast<std::int64_t>(micros / 1e6) % 60);
  }
  const std::int64_t hours = minutes / 60;
  if (hours < 24) return Format("{}h {}min", hours, minutes % 60);
  return Format("{}d {}h", hours / 24, hours % 24);
}

std::string FormatAmount(double number) {
  constexpr double kPlain = 100'000;
  if (!(std::abs(number) < 1e18)) return "-";  // not a number, or none that anybody reads
  if (number < 0) return Format("-{}", FormatAmount(-number));
  if (number < kPlain) return Digits(number);
  const Unit* unit = &kAmounts[0];
  for (const Unit& larger : kAmounts) {
    if (number >= larger.size * 0.9995) unit = &larger;
  }
  const double in_units = number / unit->size;
  return Format("{:.{}f}{}", in_units, in_units < 9.995 ? 2 : in_units < 99.95 ? 1 : 0, unit->name);
}

std::string FormatSize(double bytes) {
  return bytes > 0 ? InUnits(bytes, kSizes) : "0B";
}

std::string FormatShare(double share) {
  return Format("{:.0f}%", std::max(0.0, share) * 100);
}

}  // namespace spillgate::cli
