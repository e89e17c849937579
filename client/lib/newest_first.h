// Who goes next of those that wait for credit: in the order in which they came, as long as that
// brings them to the node in time. In a lasting overload it brings each just before its deadline,
// when there is no time left to run it: all of them come to nothing. So once the one that has
// waited longest has spent more of its slack than the node would let it wait for, the newest goes
// first, which still has all of its time; those left behind go when there is credit to spare, or
// expire. This is the adaptive LIFO of Maurer, "Fail at Scale" (ACM Queue, 2015), with the slack as
// the sign of overload in the place of a queue's length. A pure rule.
#pragma once

#include "core/base/clock.h"

namespace spillgate::client {

// The part of its slack that a node would let a root spend on waiting, at most: on few slots, on
// many a little less (core/flow/admission.h). How many slots there are the client does not know.
inline constexpr double kWaitPart = 0.45;

// `came`, `deadline`: of the one that has waited longest. Without a deadline none is ever late.
[[nodiscard]] inline bool NewestFirst(Instant came, Instant deadline, Instant now) {
  if (deadline == kNever) return false;
  const auto slack = static_cast<double>((deadline - came).count());
  return static_cast<double>((now - came).count()) > kWaitPart * slack;
}

}  // namespace spillgate::client
