// The least share of each class: lets a less important class go first when it has been passed by
// for long enough. It saves its percentage of all the slot time that others get, and spends it when
// it goes first. Savings are bounded, and while nothing of it waits they are no more than one task
// costs, so they never come back as a burst; but that one is there for what cannot wait until it
// has been saved. Debts stay. Pure; part of ReadySet.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "core/base/clock.h"
#include "core/model/class.h"

namespace spillgate::ready {

class ClassShares {
 public:
  using Percents = std::array<std::uint32_t, kClasses>;
  using Waiting = std::array<bool, kClasses>;

  void Set(const Percents& percents, Nanos window) {
    percents_ = percents;
    most_ = 100 * window.count();
  }

  // May this class go before more important ones? `quantum` is what a task of it costs, on average.
  [[nodiscard]] bool IsOwed(std::size_t cls, Nanos quantum) {
    quanta_[cls] = quantum;
    return percents_[cls] != 0 && saved_[cls] > 0 && saved_[cls] >= Price(quantum);
  }

  // The door has refused a task of it, which costs so much: it wants its share, though it does not
  // wait here.
  void Wants(std::size_t cls, Nanos quantum) { quanta_[cls] = quantum; }

  // Slot time that it may have before more important ones; less than 0: that they have before that.
  [[nodiscard]] Nanos Saved(std::size_t cls) const { return Nanos(saved_[cls] / 100); }

  // A task of `cls` goes; `owed` if only for its share.
  void Dispatched(std::size_t cls, bool owed, Nanos cost, const Waiting& waiting) {
    for (std::size_t other = 0; other < kClasses; ++other) {
      if (other == cls && !owed) continue;
      const std::int64_t saved = saved_[other] + percents_[other] * cost.count();
      saved_[other] = std::min(saved, waiting[other] ? most_ : Price(quanta_[other]));
    }
    if (owed) saved_[cls] -= 100 * cost.count();
  }

  // It was owed, but had nothing that could run: it keeps what one task costs.
  void Unused(std::size_t cls, Nanos quantum) {
    saved_[cls] = std::min(saved_[cls], Price(quantum));
  }

 private:
  [[nodiscard]] std::int64_t Price(Nanos quantum) const {
    return std::min(100 * quantum.count(), most_);
  }

  Percents percents_{};
  std::array<Nanos, kClasses> quanta_{};  // what a task of it cost when it last wanted to go
  std::array<std::int64_t, kClasses>
      saved_{};  // hundredths of a nanosecond, so that no percentage is rounded
  std::int64_t most_ = 0;
};

}  // namespace spillgate::ready
