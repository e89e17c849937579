#include "server/net/opened_roots.h"

#include <chrono>
#include <cmath>

namespace spillgate::net {

// What was sent before it can have heard of the first refusal is not held against it, or a burst
// would be for coming at once; nor is what comes late enough after the last one.
bool OpenedRoots::TurnAway(Instant now, Nanos transit) {
  Age(now);
  const Instant sent = now - std::min(transit, kMostTransit);
  const bool first = turned_away_since_ == kNever || now - turned_away_ > kForgotten;
  if (first) turned_away_since_ = now;
  const bool too_soon = sent - turned_away_ < kLeastPause;
  turned_away_ = now;
  if (sent - turned_away_since_ <= kHeardWithin) return false;
  presses_ += too_soon ? 1 : -1;
  return presses_ > kBorne;
}

// Not for each root anew.
void OpenedRoots::Age(Instant now) {
  if (now - aged_ < kHalfLife / 64) return;
  presses_ *= std::exp2(-(std::chrono::duration<double>(now - aged_) / kHalfLife));
  aged_ = now;
}

}  // namespace spillgate::net
