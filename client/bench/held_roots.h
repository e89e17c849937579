// HeldRoots: roots that a client which cooperates holds back until it has credit for them, and
// which of them goes next, by the rule of the client library (newest_first.h). What was refused
// counts from when it first came. A pure rule; one thread.
#pragma once

#include <cstdint>
#include <deque>

#include "core/base/clock.h"

namespace spillgate::bench {

struct HeldRoot {
  std::uint32_t root = 0;  // by its place
  std::uint8_t tries = 0;  // before
  Instant came;
  Instant deadline = kNever;
};

class HeldRoots {
 public:
  void Add(const HeldRoot& root);
  [[nodiscard]] bool empty() const { return roots_.empty(); }
  // The one that has waited longest.
  [[nodiscard]] const HeldRoot& Oldest() const { return roots_.front(); }
  // The one that goes next, or the oldest if its deadline has passed.
  [[nodiscard]] const HeldRoot& Next(Instant now) const;
  void TakeNext(Instant now);
  void Clear() { roots_.clear(); }

 private:
  [[nodiscard]] bool TakesNewest(Instant now) const;

  std::deque<HeldRoot> roots_;  // by when they came
};

}  // namespace spillgate::bench
