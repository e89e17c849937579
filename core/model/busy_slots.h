// BusySlots: when the first of the runs that hold a resource is expected to end. Nothing that runs
// is taken back, so where all slots are taken whoever comes waits at least so long, whatever its
// class. That matters where there are few: one run of 50 ms on the only slot is as good as a
// refusal for all that has 10 ms. No more than kMost runs are followed; where there are more, one
// of them ends soon, and which is first nobody knows. A run that takes longer than was expected may
// be of another kind than most of its function: what it has run is the best guess of what is left.
//
// Pure; each call is O(kMost).
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <utility>

#include "core/base/clock.h"
#include "core/base/ids.h"
#include "core/model/kept_slot.h"
#include "core/model/resources.h"

namespace spillgate {

class BusySlots {
 public:
  static constexpr std::size_t kMost = 32;

  struct Run {
    TaskId task;
    Resources held;
    Instant begun{};
    Instant ends{};
    KeptSlot::Length length = 0;
    bool hands_on = false;  // its slot, to a prefetched task

    [[nodiscard]] Instant ExpectedEnd(Instant now) const {
      return ends > now ? ends : now + (now - begun);
    }
  };

  void Begins(const Run& run) {
    ++runs_;
    const auto place = std::find_if(places_.begin(), places_.end(),
                                    [](const Run& each) { return each.task.is_none(); });
    if (place != places_.end()) *place = run;
  }

  // When it began; kNever if it was not followed.
  Instant Ends(TaskId task) {
    runs_ -= runs_ > 0 ? 1 : 0;
    const auto place = std::find_if(places_.begin(), places_.end(),
                                    [task](const Run& run) { return run.task == task; });
    return place == places_.end() ? kNever : std::exchange(*place, {}).begun;
  }

  // Whether it holds something; taken for granted where there are too many to know.
  [[nodiscard]] bool MayRun(TaskId task) const {
    return runs_ > kMost || std::any_of(places_.begin(), places_.end(),
                                        [task](const Run& run) { return run.task == task; });
  }

  // How many of those that are followed and hand their slots on are expected to end by then.
  [[nodiscard]] std::size_t Ending(Instant by, Instant now) const {
    return static_cast<std::size_t>(
        std::count_if(places_.begin(), places_.end(), [by, now](const Run& run) {
          return !run.task.is_none() && run.hands_on && run.ExpectedEnd(now) <= by;
        }));
  }

  // Of the runs that hold some of it, and are of so long functions at least; kNever if none does,
  // or there are too many to know.
  [[nodiscard]] Instant FirstEnd(std::size_t kind, Instant now,
                                 KeptSlot::Length at_least = 0) const {
    Instant first = kNever;
    if (runs_ > kMost) return first;
    std::size_t seen = 0;
    for (const Run& run : places_) {
      if (run.task.is_none()) continue;
      ++seen;
      if (run.held.amount[kind] == 0) continue;
      if (run.length >= at_least) first = std::min(first, run.ExpectedEnd(now));
    }
    return seen == runs_ ? first : kNever;
  }

 private:
  std::array<Run, kMost> places_{};
  std::size_t runs_ = 0;
};

}  // namespace spillgate
