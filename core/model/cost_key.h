// CostKey: which runs cost about the same, as far as can be told before they run: those of one
// function whose arguments came in frames of about the same size. A model that is asked for one row
// and for a thousand is one function with two costs.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>

#include "core/base/ids.h"

namespace spillgate {

struct CostKey {
  // Doublings from kSmall on: 0 is all that is smaller, the last all that is larger.
  static constexpr std::uint8_t kSizes = 16;
  static constexpr std::uint8_t kAny = kSizes;
  static constexpr std::uint32_t kSmall = 1024;  // bytes

  FunctionId function = 0;
  std::uint8_t size = kAny;

  CostKey() = default;
  // Not explicit: who asks for a function asks for all of its runs.
  CostKey(FunctionId of) : function(of) {}  // NOLINT(google-explicit-constructor)
  // `bytes`: of one task, as it is charged in bounds in bytes.
  CostKey(FunctionId of, std::uint32_t bytes)
      : function(of),
        size(static_cast<std::uint8_t>(std::min<int>(std::bit_width(bytes / kSmall), kSizes - 1))) {
  }
};

}  // namespace spillgate
