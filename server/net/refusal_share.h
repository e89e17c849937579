// RefusalShare: keeps what the node spends on saying no within a part of its loop's time. What it
// spends is a debt that is paid off at 3 % of the time that passes; while it is more than a burst
// may be, those that were refused most are not read until it is paid. So a peer that sends nothing
// but rubbish, or far more than it has credit for, pays with its own speed.
//
// Of one that sends more than there is room for its fresh frames suffer: they stand behind what it
// sent before. So what it costs to refuse roots for load alone is paid off at a tenth of the time
// in which the loop sleeps besides, which nobody else wants there.
//
// Learns what refusals cost from the reads that brought the frames and, for those that a stage
// refused, from the turns of the loop: the time that one was at work, by the part of its frames
// that were refused. One clock read a read and a turn, none a frame; while there are refusals it is
// that of the thread's CPU time, or who shares the core with the loop would make them look dear.
// The loop's thread only.
#pragma once

#include <algorithm>
#include <cstdint>

#include "core/base/clock.h"

namespace spillgate::net {

class RefusalShare {
 public:
  static constexpr std::int64_t kPercent = 3;
  static constexpr std::int64_t kPercentOfSleep = 10;
  static constexpr Nanos kBurst = std::chrono::milliseconds(1);
  static constexpr Nanos kWindow = std::chrono::milliseconds(10);  // of who was refused
  static constexpr Nanos kLeastRest = std::chrono::milliseconds(1);
  static constexpr Nanos kMostRest = std::chrono::milliseconds(10);
  static constexpr Nanos kMostEach = std::chrono::microseconds(20);  // that a refusal costs

  // One connection's part.
  struct Part {
    std::uint64_t window = 0;
    std::uint32_t refused = 0;
    Instant rests_until{};
    bool rested = false;    // and nothing of it was refused since
    Instant noisy_until{};  // it was refused of late: it is read in small portions
  };

  // A frame came, of whomever.
  void NoteFrame() { ++frames_; }
  // What a read brought and took.
  struct Read {
    Nanos busy{0};
    std::uint32_t frames = 0;
    std::uint32_t refused = 0;
    std::uint32_t shed = 0;  // of those, for load alone
  };
  // Some of one connection's were refused while they were read.
  void NoteRefusedAtDoor(Part& part, const Read& read, Instant now) {
    Note(part, read.refused, now);
    const Nanos cost = CostOf(read.busy, read.refused, read.frames);
    debt_ += cost;
    shed_ += cost * read.shed / std::max(read.refused, 1U);
  }
  // Some of one connection's were refused later in this turn.
  void NoteRefused(Part& part, std::uint32_t frames, Instant now) {
    Note(part, frames, now);
    refused_ += frames;
  }

  // Some were refused of late.
  [[nodiscard]] bool Active(Instant now) const { return now < noisy_until_; }
  // The turn is over, at `now`; it was at work for so long.
  void EndTurn(Nanos busy, Instant now) {
    const Nanos passed = now - turn_ended_;
    const Nanos slept = std::max(Nanos(0), passed - busy);
    const Nanos of_sleep = std::min(shed_, slept * kPercentOfSleep / 100);
    debt_ = std::max(Nanos(0), debt_ - passed * kPercent / 100 - of_sleep);
    shed_ = std::min(shed_ - of_sleep, debt_);
    turn_ended_ = now;
    if (refused_ > 0) debt_ += CostOf(busy, refused_, frames_);
    frames_ = refused_ = 0;
    // As long as it is over, it must be known who is to rest for it.
    if (now - window_began_ < kWindow || Over()) return;
    window_began_ = now;
    ++window_;
    refused_in_window_ = parts_ = 0;
  }
  [[nodiscard]] bool Over() const { return debt_ > kBurst; }
  // Whether this one is among those that were refused most, and reads now. Those that rest count
  // until the window ends, or of the quiet, that are left, some would be the loudest.
  [[nodiscard]] bool ShouldRest(const Part& part, Instant now) const {
    return part.window == window_ && part.rests_until <= now && !part.rested &&
           part.refused * parts_ >= refused_in_window_;
  }
  // It closed: those that are left are compared with each other. What it cost is a debt all the
  // same.
  void Leave(Part& part) {
    if (part.window != window_) return;
    refused_in_window_ -= std::min<std::uint64_t>(refused_in_window_, part.refused);
    parts_ -= parts_ > 0 ? 1 : 0;
    part.refused = 0;
    part.window = 0;
  }
  // It is not read until the debt can be paid, but has its turn again in any case before it rests
  // once more. Answers the end of its rest. Who else is to rest does not change with it.
  Instant Rest(Part& part, Instant now) const {
    part.rested = true;
    const bool mostly_shed = shed_ * 2 > debt_;
    const Nanos unpaid = (debt_ - kBurst) * 100 / (kPercent + (mostly_shed ? kPercentOfSleep : 0));
    part.rests_until = now + std::clamp(unpaid, kLeastRest, kMostRest);
    return part.rests_until;
  }

 private:
  void Note(Part& part, std::uint32_t refused, Instant now) {
    if (part.window != window_) {
      part.refused = 0;
      ++parts_;
    }
    part.window = window_;
    part.refused += refused;
    // What was on its way when it began to rest is no turn of its own.
    if (now >= part.rests_until) part.rested = false;
    part.noisy_until = noisy_until_ = now + kNoisyFor;
    refused_in_window_ += refused;
  }
  // A turn may have done other things than to look at its frames.
  static Nanos CostOf(Nanos busy, std::uint64_t refused, std::uint64_t frames) {
    const auto count = static_cast<std::int64_t>(refused);
    return std::min(count * kMostEach, Nanos(busy.count() * count /
                                             static_cast<std::int64_t>(std::max(frames, refused))));
  }

  static constexpr Nanos kNoisyFor = std::chrono::milliseconds(100);

  std::uint64_t frames_ = 0;  // of this turn
  std::uint64_t refused_ = 0;
  std::uint64_t window_ = 1;
  Instant window_began_{};
  Instant turn_ended_{};
  Instant noisy_until_{};
  std::uint64_t refused_in_window_ = 0;
  std::uint64_t parts_ = 0;  // connections that were refused something in it
  Nanos debt_{0};
  Nanos shed_{0};  // of that, for what was refused for load alone
};

}  // namespace spillgate::net
