// KeptSlot: room for one short run that long ones leave free, so that short work does not wait for
// the end of a long run. Short is what ends, in 95 of 100 runs, within the target delay: that of
// its class, and not more than 0.45 of its slack. Long is what takes ten times the target delay of
// some short task. A function that never ran may be anything, so it counts as long until its first
// run has ended.
//
// Long functions together have all slots but one; where there is one slot, they have that. One that
// takes more than the short work does is not held back, and has its turn like any. The room
// is kept while short work comes: each short task keeps it for ten target delays, a second at most.
// It is as large, by kind of resource, as any short task of the last one or two seconds needs.
// So a load of long work alone loses nothing after that time, and one short task costs at most ten
// of its target delays of one slot.
//
// Pure; each call is O(1).
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>

#include "core/base/clock.h"
#include "core/model/class.h"
#include "core/model/resources.h"

namespace spillgate {

class KeptSlot {
 public:
  // How long the runs of a function take: doublings of kNeverLong, 0 for less than that.
  using Length = std::uint8_t;
  static constexpr Length kLengths = 17;
  static constexpr Length kUnknown = kLengths - 1;
  static constexpr Length kNothing = kLengths;  // longer than anything
  [[nodiscard]] static Length LengthOf(Nanos p95) {
    const auto times = static_cast<std::uint64_t>(std::max<Nanos::rep>(p95 / kNeverLong, 0));
    return static_cast<Length>(std::min<int>(std::bit_width(times), kUnknown));
  }

  static constexpr int kLong = 10;
  static constexpr Nanos kNeverLong = std::chrono::milliseconds(10);  // what takes less
  static constexpr Nanos kLongestKept = std::chrono::seconds(1);

  // By class; 0 is none: nothing of the class is short.
  void Apply(const std::array<Nanos, kClasses>& targets) { targets_ = targets; }

  // A task came that has so long, and whose function ends within `p95`.
  void Came(TaskClass cls, Nanos p95, Nanos slack, const Resources& shape, Instant now) {
    const Nanos most = targets_[Index(cls)];
    if (p95 > most) return;
    const Nanos target = slack < most * 2 ? std::min(most, slack * 9 / 20) : most;
    if (p95 > target) return;
    Kept& kept = kept_[Index(cls)];
    const Nanos span = std::max(kNeverLong, target * kLong);
    const Length long_from = LengthOf(span);
    if (now < kept.until && long_from > kept.long_from) return;  // somebody needs it more
    const Instant since = now < kept.until ? kept.since : now;
    kept = {
        .long_from = long_from, .until = After(now, std::min(span, kLongestKept)), .since = since};
    Enlarge(shape, now);
  }

  void Held(Length length, const Resources& amount) { held_[length] += amount; }
  void Freed(Length length, const Resources& amount) { held_[length] -= amount; }

  // What is long now.
  [[nodiscard]] Length LongFrom(Instant now) const {
    Length from = kNothing;
    for (const Kept& kept : kept_) {
      if (now < kept.until) from = std::min(from, kept.long_from);
    }
    return from;
  }

  // Whether long runs hold so much of the CPU slots that a short one has no room, not even when all
  // others have ended.
  [[nodiscard]] bool TakenByLong(const Resources& total, Length long_from) const {
    const std::int64_t held = HeldFrom(long_from).amount[kCpu];
    return held > 0 && held + Room(kCpu) > total.amount[kCpu];
  }

  // Whether a further long run of this shape would take the room that is kept. The first one may:
  // it would wait for ever where there is no room for both.
  [[nodiscard]] bool WouldTake(const Resources& shape, const Resources& total,
                               Length long_from) const {
    const Resources held = HeldFrom(long_from);
    for (std::size_t kind = 0; kind < kResourceKinds; ++kind) {
      const std::int64_t kept = Room(kind);
      if (kind == kMemory || kept == 0 || shape.amount[kind] == 0) continue;
      if (shape.amount[kind] > kept) continue;  // or narrow ones would never let it have room
      const std::int64_t others = held.amount[kind];
      if (others > 0 && others + shape.amount[kind] + kept > total.amount[kind]) return true;
    }
    return false;
  }

  // Which further runs find no CPU slot for now, that of short work being kept: those that take
  // `from` or longer, and more than `room` and no more than `most`. Until when nobody knows: it is
  // taken to be kept for as long again as it has been, or until a long run ends.
  struct ShutOut {
    Length from = kNothing;
    std::int64_t room = 0;
    std::int64_t most = 0;
    Instant until{};
  };
  [[nodiscard]] ShutOut ShutOutNow(const Resources& total, Instant now) const {
    ShutOut shut{.from = LongFrom(now), .most = Room(kCpu)};
    const std::int64_t held = HeldFrom(shut.from).amount[kCpu];
    if (held == 0) return {};
    shut.room = total.amount[kCpu] - held - shut.most;
    for (const Kept& kept : kept_) {
      if (now < kept.until) shut.until = std::max(shut.until, After(kept.until, now - kept.since));
    }
    return shut;
  }

 private:
  // Of one kind, that is kept.
  [[nodiscard]] std::int64_t Room(std::size_t kind) const {
    return std::max(largest_.amount[kind], largest_before_.amount[kind]);
  }
  void Enlarge(const Resources& shape, Instant now) {
    if (now >= enlarged_until_) {
      // What came longer ago than that is forgotten, or one wide task would keep its room for ever.
      const bool just = now < After(enlarged_until_, kLongestKept);
      largest_before_ = just ? largest_ : Resources();
      largest_ = shape;
      enlarged_until_ = After(now, kLongestKept);
    } else if (!shape.Fits(largest_)) {
      for (std::size_t kind = 0; kind < kResourceKinds; ++kind) {
        largest_.amount[kind] = std::max(largest_.amount[kind], shape.amount[kind]);
      }
    }
  }

  // By what is so long, and longer.
  [[nodiscard]] Resources HeldFrom(Length from) const {
    Resources held;
    for (std::size_t length = from; length < kLengths; ++length) held += held_[length];
    return held;
  }

  struct Kept {
    Length long_from = kNothing;
    Instant until{};
    Instant since{};  // it has been kept without a break
  };
  std::array<Nanos, kClasses> targets_{};
  std::array<Kept, kClasses> kept_{};
  std::array<Resources, kLengths> held_{};
  Resources largest_;         // of the short tasks since a second before `enlarged_until_`
  Resources largest_before_;  // and of the second before that
  Instant enlarged_until_{};
};

}  // namespace spillgate
