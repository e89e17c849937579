// TokenBucket: a bound on how many come in a second. It holds as many tokens as a second brings, so
// that what comes in bursts is not slower than what comes evenly. Whoever asks says the time and
// the rate, which may change from one call to the next.
#pragma once

#include <algorithm>
#include <cstdint>

#include "core/base/clock.h"

namespace spillgate {

class TokenBucket {
 public:
  static constexpr std::uint32_t kMostRate = 10'000'000;  // a second
  static constexpr std::uint32_t kNoBound = ~std::uint32_t{0};

  // As many as may come now; a rate of 0 is no bound.
  [[nodiscard]] std::uint32_t Room(std::uint32_t rate, Instant now) {
    if (rate == 0) {
      filled_ = kNever;
      return kNoBound;
    }
    rate = std::min(rate, kMostRate);
    const std::int64_t most = std::int64_t{rate} * kToken;
    if (filled_ == kNever) {
      level_ = most;
      filled_ = now;
    } else if (now > filled_) {  // another thread may have read its clock later, and asked before
      const Nanos since = std::min<Nanos>(now - filled_, std::chrono::seconds(1));
      level_ = std::min(most, level_ + since.count() * rate);
      filled_ = now;
    }
    return static_cast<std::uint32_t>(std::max<std::int64_t>(0, level_) / kToken);
  }

  // So many have come; no more than there was room for when it was last asked.
  void Take(std::uint32_t count) {
    if (filled_ != kNever) level_ -= count * kToken;
  }

  // From when it was last asked until there is room for so many, or for as many as it ever has.
  [[nodiscard]] Nanos Until(std::uint32_t count, std::uint32_t rate) const {
    if (rate == 0) return Nanos(0);
    rate = std::min(rate, kMostRate);
    const std::int64_t missing = std::int64_t{std::min(count, rate)} * kToken - level_;
    return Nanos(std::max<std::int64_t>(0, (missing + rate - 1) / rate));
  }

 private:
  static constexpr std::int64_t kToken = 1'000'000'000;  // what a rate of one brings in a second

  std::int64_t level_ = 0;
  Instant filled_ = kNever;  // when it was last asked under a bound
};

}  // namespace spillgate
