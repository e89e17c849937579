// ReadPauses: for what one connection is not read, and since when. What it sends meanwhile waits in
// its socket: a deferral like others, which has a reason, an age and an outcome. More than one may
// hold at a time, and each is counted by itself. The loop's thread only.
#pragma once

#include <algorithm>
#include <array>
#include <utility>

#include "core/base/clock.h"
#include "stages/tally.h"

namespace spillgate::net {

class ReadPauses {
 public:
  using Why = SocketTally::Why;

  ReadPauses() { since_.fill(kNever); }
  [[nodiscard]] bool any() const {
    return std::any_of(since_.begin(), since_.end(), [](Instant at) { return at != kNever; });
  }
  // kNever: not for that.
  [[nodiscard]] Instant since(Why why) const { return since_[why]; }
  // One that has begun goes on.
  void Begin(Why why, Instant now, SocketTally& tally) {
    if (since_[why] != kNever) return;
    if (!any()) tally.not_read.Add(1);
    since_[why] = now;
  }
  void End(Why why, DeferralTally::Outcome how, Instant now, SocketTally& tally) {
    const Instant began = std::exchange(since_[why], kNever);
    if (began == kNever) return;
    tally.deferrals[why].Count(how, now - began);
    if (!any()) tally.not_read.Add(-1);
  }
  // Its connection is closed.
  void EndAll(DeferralTally::Outcome how, Instant now, SocketTally& tally) {
    for (std::size_t why = 0; why < since_.size(); ++why) {
      End(static_cast<Why>(why), how, now, tally);
    }
  }

 private:
  std::array<Instant, SocketTally::kWhys> since_{};
};

}  // namespace spillgate::net
