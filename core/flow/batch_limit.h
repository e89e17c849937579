// BatchLimit: how many events a stage takes at a time. What an event costs differs a thousandfold,
// from stage to stage and from one minute to the next: to submission a frame of 256 tasks is one
// event, and so is a frame of one. So a number that shares the cost of a turn among cheap events
// lets dear ones have the thread for milliseconds, in which nobody else is served, slots that came
// free stay so, and what is taken is out of the caches before the next stage sees it. The limit is
// therefore a time, and the number follows from what events cost.
//
// That is learned from whole batches: up by half of the difference, since a batch that is too long
// has been paid for already, and down by a sixteenth, so that a few cheap ones among dear ones
// change little. A batch that took long for another reason, such as another program's turn on the
// CPU, makes the next ones small, and is forgotten within some dozens. A batch costs about a
// microsecond besides its events, a hundredth of the time. Of a stage whose batches cost F besides
// their events, c each, the limit goes to (100 us - F) / c, and to one event where F is 100 us or
// more: what a stage does for a batch, however small it is, has to stay far below that. A least of
// more than one would be no remedy: eight frames of 50 us hold the others up for four times as long
// as they are to wait.
//
// Pure; each call is O(1).
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "core/base/clock.h"

namespace spillgate::flow {

class BatchLimit {
 public:
  // About what it takes to wake a thread that sleeps: who waits for another stage's batch waits no
  // longer than for that. A hundred times what a batch costs besides its events.
  static constexpr Nanos kTime = std::chrono::microseconds(100);
  static constexpr std::int64_t kMost = 4096;

  void Took(std::size_t events, Nanos busy) {
    if (events == 0) return;
    const std::int64_t each = busy.count() * kParts / static_cast<std::int64_t>(events);
    cost_ += each > cost_ ? (each - cost_) / kRise : -((cost_ - each) / kFall);
  }

  // Of `most`, as the config has it.
  [[nodiscard]] std::size_t Of(std::size_t most) const {
    return cost_ * static_cast<std::int64_t>(most) <= kTime.count() * kParts
               ? most
               : std::min(most, fits());
  }
  // By the time alone; kMost stands for any number.
  [[nodiscard]] std::size_t fits() const {
    const std::int64_t fit = kTime.count() * kParts / std::max<std::int64_t>(cost_, 1);
    return static_cast<std::size_t>(std::clamp<std::int64_t>(fit, 1, kMost));
  }

 private:
  static constexpr std::int64_t kParts = 1024;  // of a nanosecond
  static constexpr std::int64_t kRise = 2;
  static constexpr std::int64_t kFall = 16;

  std::int64_t cost_ = 0;  // of an event, in parts of a nanosecond
};

}  // namespace spillgate::flow
