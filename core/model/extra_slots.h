// ExtraSlots: how many CPU slots to give out beyond those that the node has, so that its CPUs have
// something to do while tasks that hold slots wait for something outside: a database, a disk, a
// model in another process. Tasks that compute gain nothing from more slots than there are CPUs,
// and would only delay each other; so what decides is whether the CPUs are idle while work waits.
//
// Once a period: with idle CPUs and work that waits, there are as many more as the CPUs could take
// at the present use, doubled at most; with no CPU idle, a quarter of the extra ones is left; those
// that are not used are taken back. So it takes a few periods to find out that work waits outside,
// and as few to be back where it computes.
//
// Pure; O(1).
#pragma once

#include <algorithm>
#include <cstdint>

namespace spillgate {

class ExtraSlots {
 public:
  static constexpr std::int64_t kMost = 1024;

  // Of one period.
  struct Seen {
    double idle = 0;         // part of the time in which the node's CPUs had nothing to do
    bool wanted = false;     // work waited for a slot
    std::int64_t held = 0;   // most slots that were held at a time
    std::int64_t slots = 1;  // that the node has
  };
  void Update(const Seen& seen) {
    useful_ = Useful(seen);
    const std::int64_t in_use = std::max<std::int64_t>(0, seen.held - seen.slots);
    if (seen.idle < kBusy) {
      extra_ = std::min(extra_, in_use) / kBack;
    } else if (!seen.wanted) {
      extra_ = std::min(extra_, in_use);
    } else if (seen.idle > 1 - kAim) {
      const auto all = static_cast<double>(seen.slots + extra_);
      const double times = std::min(kMostTimes, kAim / std::max(0.01, 1 - seen.idle));
      const auto more = static_cast<std::int64_t>(all * (times - 1));
      extra_ = std::min(kMost, extra_ + std::max<std::int64_t>(1, more));
    }
  }

  [[nodiscard]] std::int64_t extra() const { return extra_; }
  // How many the CPUs would have had time for over that period, whether or not they are in effect;
  // an estimate.
  [[nodiscard]] std::int64_t useful() const { return useful_; }
  // The most that are in effect.
  void Cap(std::int64_t most) { extra_ = std::min(extra_, most); }

 private:
  static constexpr double kBusy = 0.05;  // less idle time than this is none
  static constexpr double kAim = 0.85;   // the use of the CPUs that is aimed at
  static constexpr double kMostTimes = 2;
  static constexpr std::int64_t kBack = 4;

  [[nodiscard]] static std::int64_t Useful(const Seen& seen) {
    if (!seen.wanted || seen.idle <= 1 - kAim)
      return std::max<std::int64_t>(0, seen.held - seen.slots);
    const auto held = static_cast<double>(std::max(seen.held, seen.slots));
    const auto all = static_cast<std::int64_t>(held * kAim / std::max(0.01, 1 - seen.idle));
    return std::clamp<std::int64_t>(all - seen.slots, 0, kMost);
  }

  std::int64_t extra_ = 0;
  std::int64_t useful_ = 0;
};

}  // namespace spillgate
