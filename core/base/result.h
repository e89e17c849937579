// Errors as values. An Error says what went wrong, where, and what to do next, in one sentence fit
// to show to a user; its code is what programs branch on. Result<T> is a T or an Error; Status is
// success or an Error. Where an Error says too little, both take another type in its place.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "core/base/check.h"

namespace spillgate {

enum class Code : std::uint8_t {
  kInvalid,      // the caller's input is wrong; trying again cannot help
  kNotFound,     // no such thing
  kUnavailable,  // not now: a peer is gone, a socket is closed; trying again may help
  kExhausted,    // a bound, a quota or a disk is full
  kTimeout,      // the deadline passed first
  kDenied,       // authentication or permission
  kCorrupt,      // stored or received bytes are damaged
  kCancelled,    // somebody asked for the end of it
  kUnknown,      // it may or may not have happened
};

struct Error {
  Code code = Code::kUnknown;
  std::string message;
};

template <class T, class E = Error>
class [[nodiscard]] Result {
 public:
  Result(T value) : value_(std::move(value)) {}  // NOLINT: conversions are the point
  Result(E error) : value_(std::move(error)) {}  // NOLINT

  [[nodiscard]] bool ok() const { return std::holds_alternative<T>(value_); }
  [[nodiscard]] T& value() & { return Checked(), std::get<T>(value_); }
  [[nodiscard]] const T& value() const& { return Checked(), std::get<T>(value_); }
  [[nodiscard]] T&& value() && { return Checked(), std::get<T>(std::move(value_)); }
  [[nodiscard]] const E& error() const { return std::get<E>(value_); }

 private:
  void Checked() const { SG_CHECK(ok()); }
  std::variant<T, E> value_;
};

template <class E>
class [[nodiscard]] BasicStatus {
 public:
  BasicStatus() = default;
  BasicStatus(E error) : error_(std::move(error)) {}  // NOLINT

  [[nodiscard]] bool ok() const { return !error_.has_value(); }
  [[nodiscard]] const E& error() const { return *error_; }

 private:
  std::optional<E> error_;
};

using Status = BasicStatus<Error>;

}  // namespace spillgate
