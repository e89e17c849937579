// Decoded<T>: what a decoder gives, a message or why there is none. Reads like an optional; the
// reason and the sentence are fit for an Error frame to whoever sent the bytes. The sentence is a
// constant: refusing allocates nothing.
#pragma once

#include <optional>
#include <string_view>
#include <utility>

#include "core/base/check.h"
#include "core/model/reason.h"

namespace spillgate::wire {

struct Problem {
  Reason reason = Reason::kMalformed;  // or kTooLarge
  std::string_view what;
};

template <class T>
class [[nodiscard]] Decoded {
 public:
  Decoded(T value) : value_(std::move(value)) {}  // NOLINT: conversions are the point
  Decoded(Problem error) : error_(error) {}       // NOLINT: as above

  [[nodiscard]] bool has_value() const { return value_.has_value(); }
  explicit operator bool() const { return value_.has_value(); }
  [[nodiscard]] const Problem& error() const { return error_; }
  [[nodiscard]] T& operator*() { return SG_CHECK(has_value()), *value_; }
  [[nodiscard]] const T& operator*() const { return SG_CHECK(has_value()), *value_; }
  [[nodiscard]] T* operator->() { return &**this; }
  [[nodiscard]] const T* operator->() const { return &**this; }

 private:
  std::optional<T> value_;
  Problem error_;
};

}  // namespace spillgate::wire
