// Throttle: a client whose tasks are mostly refused asks for less. Once the node has taken less
// than one in `most` of what was asked for lately, the rest is refused here at once, with a
// probability that leaves `most` times as many as are taken. Of one class; not thread-safe.
//
// The rule is that of adaptive throttling (Site Reliability Engineering, Beyer et al., 2016, ch.
// 21), with three changes. What has no verdict yet counts as nothing, or a burst would be refused
// for coming at once. One task is sent each time that the node had said to wait for, however
// seldom any is taken. And once one is taken by a node that is less than half full, all is
// forgotten: the rule alone would take seconds to find out that the overload is over.
#pragma once

#include <cstdint>
#include <random>

#include "core/base/clock.h"

namespace spillgate::client {

class Throttle {
 public:
  // What happened so long ago counts for half.
  static constexpr Nanos kHalfLife = std::chrono::seconds(1);

  // `load_level` is that of the verdict.
  void OnAccepted(std::uint32_t count, std::uint8_t load_level, Instant now);
  void OnRefused(std::uint32_t count, Nanos retry_after, Instant now);
  // Whether to refuse a task. `most` 0: never.
  [[nodiscard]] bool Refuses(double most, std::mt19937_64& random, Instant now);

 private:
  void Age(Instant now);

  double asked_ = 0;  // with those that were refused here
  double accepted_ = 0;
  Instant aged_{};
  Instant ask_at_{};  // again, whatever the rule says
  Nanos retry_after_{0};
};

}  // namespace spillgate::client
