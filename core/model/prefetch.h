// Prefetch: which tasks are placed before a slot is free for them, and who gets which lease then.
// When a run ends, the news has to get from its thread to the loop and the next task back: two hops
// of some 40 us each where a thread sleeps. A slot whose runs take 100 us would stand still for a
// quarter of its time. So behind runs that end soon there are short tasks already, placed without a
// lease: who runs them (Executor) lets the next one begin when a run ends, and here the lease of
// that run goes on to it when the news comes. All these leases are alike, one CPU slot of a thread,
// so it does not matter which of them goes to which task, nor in which order the news of several
// threads come.
//
// A prefetched task has left the ready set and its order. That is why it has to be short, why there
// are no more than a hand-over takes, and why they come back if that takes longer than was expected
// (RunEnd::kHeldUp). A run that blocks lends its slot to whom the ready set says, and takes it back
// whether or not there is one: its lease goes to no prefetched task.
//
// One owner; nothing here waits. A call looks at each task of the line at most.
#pragma once

#include <algorithm>
#include <deque>
#include <optional>

#include "core/base/clock.h"
#include "core/model/cost_model.h"
#include "core/model/kept_slot.h"
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
    Nanos takes{0};
    KeptSlot::Length length = 0;
  };

  [[nodiscard]] static Resources OneSlot() {
    Resources slot;
    slot.amount[kCpu] = kOneSlot;
    return slot;
  }
  // Whether its lease is one that goes on: it is like the others, and its run begins and ends where
  // it is given out and comes home. What may run once at most first waits until the journal has
  // noted that it begins, and what runs in a worker keeps its lease when that dies.
  [[nodiscard]] static bool HandsOn(const Task& task) {
    return task.function->host == Host::kThread && task.deaths == 0 &&
           (task.level == Level::kNone || task.max_retries > 0) && *task.shape == OneSlot();
  }
  [[nodiscard]] static bool Takes(const Task& task, Nanos estimate) {
    return HandsOn(task) && estimate <= kLongest;
  }

  [[nodiscard]] bool empty() const { return line_.empty(); }
  [[nodiscard]] bool HasRoom() const {
    return line_.size() < kMostEach * leases_ && work_ < kCover * static_cast<int>(leases_);
  }
  void Add(const Waiting& waiting) {
    line_.push_back(waiting);
    work_ += waiting.takes;
  }

  // A lease that goes on has been given out.
  void Lease() { ++leases_; }
  // To the first of the line, as it is free.
  Waiting Grant() {
    ++leases_;
    ++granted_;
    return TakeFirst();
  }
  // A run with one has ended, and is heard of; to whom it goes, if anybody: else it is free.
  std::optional<Waiting> HandOn() {
    ++heard_;
    if (unheard_ == 0 && !line_.empty()) return TakeFirst();
    unheard_ -= unheard_ > 0 ? 1 : 0;
    --leases_;
    return std::nullopt;
  }
  // It goes on to nobody: its run has blocked, or did not begin.
  void Withdraw() { --leases_; }
  // A task ends or blocks before a lease has come to it; false: it is not here, so it has had one.
  bool Leave(TaskId task) {
    const auto found = std::find_if(line_.begin(), line_.end(),
                                    [task](const Waiting& each) { return each.task == task; });
    if (found == line_.end()) return false;
    work_ -= found->takes;
    line_.erase(found);
    return true;
  }
  // Then the lease that it lends is that of a run of which the end has not been heard.
  void LendUnheard() { ++unheard_; }

  // What the executor has to know of what is known here, see Executor.
  void Heard() { ++heard_; }  // of the end of such a task
  [[nodiscard]] std::uint32_t heard() const { return heard_; }
  // Those that wait for a lease, and those that were granted one, ever.
  [[nodiscard]] std::uint32_t behind() const {
    return granted_ + static_cast<std::uint32_t>(line_.size());
  }
  // How long a slot that ends its run is taken still.
  [[nodiscard]] Nanos Delay() const {
    return leases_ == 0 ? Nanos(0) : work_ / static_cast<int>(leases_);
  }

 private:
  Waiting TakeFirst() {
    const Waiting first = line_.front();
    line_.pop_front();
    work_ -= first.takes;
    return first;
  }

  std::deque<Waiting> line_;
  Nanos work_{0};
  std::uint32_t leases_ = 0;   // that are out and go on
  std::uint32_t unheard_ = 0;  // of these, those that are lent
  std::uint32_t heard_ = 0;    // ends of runs that hand on
  std::uint32_t granted_ = 0;
};

}  // namespace spillgate
