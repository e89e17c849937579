// OpenedRoots: what one connection brings of a class without credit: roots that it opens, and tasks
// that were to join a root and are roots themselves, as it takes no more. Its client neither holds
// these back nor counts them, so they are not in the window that it is told. But there is no more
// room for them than for others: each takes from the share that the connection was dealt, and who
// goes past that waits for those of its tenant that hold back.
//
// That binds all connections alike, and a crowd of them would have the shares of a crowd, as if it
// listened. So one that heeds refusals is told from one that does not. It comes again when it was
// told to; meanwhile it asks for a few, and for some beside each that is let in, as a client does
// that has not found out yet that most are refused (client/lib/throttle.h). Who asks for twice as
// many as that, long after it was first turned away, ignores what it is told. Loop's thread.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>

#include "core/base/clock.h"

namespace spillgate::net {

class OpenedRoots {
 public:
  static constexpr Nanos kHeardWithin = std::chrono::milliseconds(10);   // of being told something
  static constexpr Nanos kMostTransit = std::chrono::milliseconds(100);  // that a clock is believed
  static constexpr Nanos kLeastPause = std::chrono::milliseconds(1);     // that a refusal asks for
  static constexpr Nanos kHalfLife = std::chrono::seconds(1);            // of what was asked for
  static constexpr Nanos kForgotten = std::chrono::seconds(2);           // that it was turned away
  // Roots asked for too soon: in all, and beside each that is let in. Twice the throttle's.
  static constexpr double kBorne = 128;
  static constexpr double kBesideEach = 4;

  // ---- the share

  void Note(std::uint64_t roots) { count_ += roots; }
  // Root tasks that it sent are of the same share.
  void Spend(std::uint64_t tasks) {
    if (may_ > count_) may_ -= std::min(may_ - count_, tasks);
  }
  // So many more may come.
  void Deal(std::uint64_t share) {
    may_ = count_ + std::min(share, std::numeric_limits<std::uint64_t>::max() - count_);
  }
  // Whether that is more than was dealt, with so many more.
  [[nodiscard]] bool Exceeds(std::uint64_t more) const { return count_ + more > may_; }
  [[nodiscard]] bool any() const { return count_ > 0; }
  // The connection is told what it may send, beside these.
  void Tell() { told_ = count_; }
  [[nodiscard]] std::uint64_t since_told() const { return count_ - told_; }

  // ---- whether it heeds refusals

  void LetIn(Instant now) {
    Age(now);
    presses_ -= kBesideEach;
  }
  // One is refused as others hold back; it was sent so long before `now`. True: it does not heed.
  [[nodiscard]] bool TurnAway(Instant now, Nanos transit);

 private:
  void Age(Instant now);

  std::uint64_t count_ = 0;
  std::uint64_t told_ = 0;
  std::uint64_t may_ = std::numeric_limits<std::uint64_t>::max();
  double presses_ = 0;  // asked for too soon, less what excuses it
  Instant aged_{};
  Instant turned_away_since_ = kNever;
  Instant turned_away_{};  // last
};

}  // namespace spillgate::net
