#include "client/bench/timeouts.h"

#include <algorithm>

namespace spillgate::bench {

void Timeouts::Add(Instant until, std::uint32_t sending) {
  heap_.push_back({.until = until, .sending = sending});
  std::push_heap(heap_.begin(), heap_.end(), IsLater);
}

// What comes at the last moment is in time.
std::optional<std::uint32_t> Timeouts::Take(Instant now) {
  if (heap_.empty() || heap_.front().until >= now) return std::nullopt;
  std::pop_heap(heap_.begin(), heap_.end(), IsLater);
  const std::uint32_t sending = heap_.back().sending;
  heap_.pop_back();
  return sending;
}

Instant Timeouts::Next() const {
  return heap_.empty() ? kNever : heap_.front().until;
}

}  // namespace spillgate::bench
