// Prefetch: which tasks are placed before a slot is free for them, and who gets which lease then.
// When a run ends, the news has to get from its thread to the loop and the next task back: two hops
// of some 40 us each where a thread sleeps. A slot whose runs take 100 us would stand still for a
// quarter of its time. So behind runs that end soon there are short tasks already, placed without a
// lease: who runs them (Executor) lets the first of them have the slot when such a run ends, and
// says so with that end; here it gets the lease then.
//
// A prefetched task has left the ready set and its order. That is why it has to be short, why there
// are no more than a hand-over takes, and why they come back if that takes longer than was expected
// (RunEnd::kHeldUp). A run that blocks lends its slot to whom the ready set says, and takes it back
// whether or not there is one: its lease goes on to nobody.
//
// One owner; nothing here waits. A call looks at each task of the line at most.
#pragma once

#include <algorithm>
#include <optional>
#include <vector>

#include "core/base/clock.h"
#include "core/model/cost_model.h"
#include "core/model/task.h"

namespace spillgate {

class Prefetch {
 public:
  // Slot time of a task that is placed so early, as far as it is known: for others a hand-over is
  // little, and who comes in the meantime would have to wait for long.
  static constexpr Nanos kLongest = std::chrono::microseconds(500);
  // Work that stands behind each lease, and tasks at most.
  static constexpr Nanos kCover = std::chrono::microseconds(80);
  static constexpr std::size_t kMostEach = 8;

  struct Waiting {
    TaskId task;
    const Function* function = nullptr;
    Nanos takes{0};
    Instant since = kNever;  // it waits behind those that cannot wait as long; kNever: it does not
  };

  [[nodiscard]] static Resources OneSlot() {
    Resources slot;
    slot.amount[kCpu] = kOneSlot;
    return slot;
  }
  // Whether its lease may go on: they are all alike. What may run once at most keeps its slot while
  // the journal notes that it begins.
  [[nodiscard]] static bool HandsOn(const Task& task) {
    return task.function->host == Host::kThread && task.deaths == 0 &&
           (task.level == Level::kNone || task.max_retries > 0) && *task.shape == OneSlot();
  }
  // What a client says of a function that never ran is not enough, nor is a small mean of a few
  // very long runs. One that was held up waits for a slot.
  [[nodiscard]] static bool Takes(const Task& task, const CostModel& costs) {
    const CostKey key = task.cost_key();
    return HandsOn(task) && !task.held_up && task.function->slot_limit == 0 &&
           costs.CountRuns(key) > 0 && costs.Estimate(key) <= kLongest &&
           costs.P95(key) <= 2 * kLongest;
  }

  // `ending`: slots that are handed on soon.
  [[nodiscard]] bool HasRoom(std::size_t ending) const {
    return line_.size() < kMostEach * ending && work_ < kCover * static_cast<int>(ending);
  }
  void Add(const Waiting& waiting) {
    line_.push_back(waiting);
    work_ += waiting.takes;
  }
  [[nodiscard]] bool empty() const { return line_.empty(); }
  [[nodiscard]] const Waiting& first() const { return line_.front(); }
  // It gets a lease, or ends or blocks before that was known. Nothing: it is not here, so it has
  // one or has had one.
  std::optional<Waiting> Leave(TaskId task) {
    const auto found = std::find_if(line_.begin(), line_.end(),
                                    [task](const Waiting& each) { return each.task == task; });
    if (found == line_.end()) return std::nullopt;
    const Waiting left = *found;
    line_.erase(found);
    work_ -= left.takes;
    return left;
  }
  // It has left as it has ended, and its slot has gone on: that of a run of which the end has not
  // been heard.
  void PassOn(TaskId from, TaskId to) { passed_.push_back({from, to}); }
  // Who has a slot now that was handed to that task.
  [[nodiscard]] TaskId HeirOf(TaskId handed_to) {
    const auto found =
        std::find_if(passed_.begin(), passed_.end(),
                     [handed_to](const Passed& each) { return each.from == handed_to; });
    if (found == passed_.end()) return handed_to;
    const TaskId heir = found->to;
    passed_.erase(found);
    return heir;
  }
  // How long a slot that ends its run is taken still.
  [[nodiscard]] Nanos Delay(std::size_t ending) const {
    return work_ / static_cast<std::int64_t>(std::max<std::size_t>(1, ending));
  }

 private:
  struct Passed {
    TaskId from;
    TaskId to;
  };

  std::vector<Waiting> line_;
  std::vector<Passed> passed_;  // at most one of each run of which the end is on its way
  Nanos work_{0};
};

}  // namespace spillgate
