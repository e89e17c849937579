// RefusalShare: keeps what the node spends on saying no within a part of its loop's time. Who is
// over it is not read for a while, the one that was refused most first; so a peer that sends
// nothing but rubbish, or far more than it has credit for, pays with its own speed.
//
// Learns what a refusal costs from the turns of the loop: the time that one was at work, by the
// part of its frames that were refused. One clock read a turn, none a frame. The loop's thread
// only.
#pragma once

#include <algorithm>
#include <cstdint>

#include "core/base/clock.h"

namespace spillgate::net {

class RefusalShare {
 public:
  static constexpr Nanos kWindow = std::chrono::milliseconds(10);
  static constexpr Nanos kBudget = kWindow * 3 / 100;
  static constexpr Nanos kRest = std::chrono::milliseconds(10);  // of a connection, at most

  // One connection's part.
  struct Part {
    std::uint64_t window = 0;
    std::uint32_t refused = 0;
    Instant rests_until{};
    Instant noisy_until{};  // it was refused of late: it is read in small portions
  };

  // A frame came, of whomever; some of one connection's were refused, in this turn.
  void NoteFrame() { ++frames_; }
  void NoteRefused(Part& part, std::uint32_t frames, Instant now) {
    if (part.window != window_) part.refused = 0;
    part.window = window_;
    part.refused += frames;
    part.noisy_until = now + kNoisyFor;
    refused_ += frames;
    refused_in_window_ += frames;
  }

  // The turn is over, at `now`; it was at work since `began`.
  void EndTurn(Instant began, Instant now) {
    if (refused_ > 0) {
      const std::uint64_t all = std::max(frames_, refused_);
      spent_ += Nanos((now - began).count() * static_cast<std::int64_t>(refused_) /
                      static_cast<std::int64_t>(all));
    }
    frames_ = refused_ = 0;
    if (window_began_ == Instant{}) window_began_ = began;
    // As long as it is over, it must be known who is to rest for it.
    if (now - window_began_ < kWindow || Over()) return;
    window_began_ = now;
    ++window_;
    refused_in_window_ = 0;
    spent_ = Nanos(0);
  }
  [[nodiscard]] bool Over() const { return spent_ > kBudget; }
  [[nodiscard]] std::uint32_t RefusedOf(const Part& part) const {
    return part.window == window_ ? part.refused : 0;
  }
  // It is not read until then, and what it cost is paid. Answers the end of its rest.
  Instant Rest(Part& part, Instant now) {
    const std::uint64_t all = std::max<std::uint64_t>(1, refused_in_window_);
    const std::uint64_t own = std::min<std::uint64_t>(all, RefusedOf(part));
    spent_ -=
        Nanos(spent_.count() * static_cast<std::int64_t>(own) / static_cast<std::int64_t>(all));
    refused_in_window_ -= std::min(refused_in_window_, own);
    part.refused = 0;
    part.rests_until = now + kRest;
    return part.rests_until;
  }
  // Nobody is left who could rest for it.
  void Forgive() { spent_ = Nanos(0); }

 private:
  static constexpr Nanos kNoisyFor = std::chrono::milliseconds(100);

  std::uint64_t frames_ = 0;  // of this turn
  std::uint64_t refused_ = 0;
  std::uint64_t window_ = 1;
  Instant window_began_{};
  std::uint64_t refused_in_window_ = 0;
  Nanos spent_{0};
};

}  // namespace spillgate::net
