// The lines of a tenant's roots by their slack: who has much of it stands behind who has little,
// or deadlines that are far away would shut out those that are near, and to declare a far one would
// pay. A line is a range of how long a root may wait, eight times as long as the one before it, so
// that within a line nobody is shut out by those who have a little more time.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/base/clock.h"

namespace spillgate {

using SlackLine = std::uint8_t;

inline constexpr SlackLine kLines = 4;
// Of those that have no deadline, and of all that may wait for very long.
inline constexpr SlackLine kLastLine = kLines - 1;

// Of a root that may wait so long, in a class whose roots are to wait for `target` at most.
inline constexpr int kSlackTimes = 8;
[[nodiscard]] constexpr SlackLine LineOf(Nanos may_wait, Nanos target) {
  SlackLine line = 0;
  for (; line < kLastLine && may_wait >= target; ++line) target *= kSlackTimes;
  return line;
}

// That all roots of the line may wait, at least.
[[nodiscard]] constexpr Nanos LeastWait(SlackLine line, Nanos target) {
  if (line == 0) return Nanos(0);
  for (; line > 1; --line) target *= kSlackTimes;
  return target;
}

}  // namespace spillgate
