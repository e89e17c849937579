// Setting: the value of any one knob, so that reading, printing and comparing are written once and
// not once per field; and the codec between a Setting and the typed field of Config that holds it.
// Pure values.
#pragma once

#include <concepts>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <type_traits>
#include <variant>
#include <vector>

#include "config/bytes.h"
#include "config/config.h"
#include "core/base/clock.h"

namespace spillgate::config {

struct Auto {
  friend bool operator==(const Auto&, const Auto&) = default;
};

using Ids = std::vector<std::uint32_t>;

// int64 stands for counts, bytes, nanoseconds, thousandths and the index of a choice: the knob's
// kind says which.
using Setting =
    std::variant<Auto, bool, std::int64_t, double, std::string, Ids, Amounts, NodeResources>;

template <class T>
struct IsOptional : std::false_type {};
template <class T>
struct IsOptional<std::optional<T>> : std::true_type {};

template <class T>
[[nodiscard]] Setting Encode(const T& field) {
  if constexpr (IsOptional<T>::value) {
    return field ? Encode(*field) : Setting(Auto{});
  } else if constexpr (std::same_as<T, Bytes>) {
    return static_cast<std::int64_t>(field.count);
  } else if constexpr (std::same_as<T, Nanos>) {
    return static_cast<std::int64_t>(field.count());
  } else if constexpr (std::is_enum_v<T> || (std::integral<T> && !std::same_as<T, bool>)) {
    return static_cast<std::int64_t>(field);
  } else {
    return field;
  }
}

// The setting must be one that the knob's kind allows: only what Read() has checked gets here.
template <class T>
void Decode(const Setting& setting, T& field) {
  if constexpr (IsOptional<T>::value) {
    if (std::holds_alternative<Auto>(setting)) {
      field.reset();
    } else {
      Decode(setting, field.emplace());
    }
  } else if constexpr (std::same_as<T, Bytes>) {
    field = Bytes{static_cast<std::uint64_t>(std::get<std::int64_t>(setting))};
  } else if constexpr (std::same_as<T, Nanos>) {
    field = Nanos(std::get<std::int64_t>(setting));
  } else if constexpr (std::is_enum_v<T> || (std::integral<T> && !std::same_as<T, bool>)) {
    field = static_cast<T>(std::get<std::int64_t>(setting));
  } else {
    field = std::get<T>(setting);
  }
}

}  // namespace spillgate::config
