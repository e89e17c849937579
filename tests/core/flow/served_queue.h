// ServedQueue: a node in miniature on virtual time, to drive a controller that observes. Some
// slots, one queue before them, first in, first out unless the controller wants the newest to go
// first, and tasks of one length; a tick a millisecond.
#pragma once

#include <algorithm>
#include <deque>
#include <vector>

#include "core/flow/admission.h"

namespace spillgate::flow::testing {

struct QueueOptions {
  std::int64_t slots = 1;
  Nanos service = std::chrono::milliseconds(1);
  std::int64_t capacity = 65536;
  std::uint32_t frame = 1;  // roots that come together
};

struct Flow {
  std::int64_t offered = 0;
  std::int64_t admitted = 0;
  std::int64_t ended = 0;
  Nanos longest_wait{0};  // of those that ended
  std::int64_t most_waiting = 0;
};

// More than the node can do; every controller has to bear these.
struct Situation {
  const char* what;
  QueueOptions node;
  Nanos target;
  double times;  // the capacity
};
inline const std::vector<Situation> kOverloads{
    {"one slot, twice", {1, std::chrono::microseconds(100)}, std::chrono::milliseconds(5), 2},
    {"one slot, ten times", {1, std::chrono::microseconds(100)}, std::chrono::milliseconds(5), 10},
    {"a rate that no whole number of milliseconds has",
     {1, std::chrono::microseconds(3)},
     std::chrono::milliseconds(1),
     3},
    {"frames of 64",
     {1, std::chrono::microseconds(10), 65536, 64},
     std::chrono::milliseconds(2),
     10},
    {"many slots", {64, std::chrono::milliseconds(1)}, std::chrono::milliseconds(5), 2},
};
[[nodiscard]] inline std::vector<Situation> OverloadsAnd(std::vector<Situation> more) {
  more.insert(more.begin(), kOverloads.begin(), kOverloads.end());
  return more;
}

class ServedQueue {
 public:
  static constexpr Nanos kTick = std::chrono::milliseconds(1);

  ServedQueue(Controller& controller, QueueOptions options)
      : controller_(controller),
        options_(options),
        free_at_(static_cast<std::size_t>(options.slots), now_),
        tick_at_(now_ + kTick) {}

  // Roots come evenly, so many a second.
  Flow For(Nanos duration, double rate) {
    run_ = {};
    const Instant until = now_ + duration;
    const double gap_ns = 1e9 * options_.frame / rate;
    double next_ns = 0;
    for (const Instant begin = now_; now_ < until;) {
      const Instant next = begin + Nanos(static_cast<std::int64_t>(next_ns += gap_ns));
      while (tick_at_ <= std::min(next, until)) Tick();
      now_ = std::min(next, until);
      if (next <= until) Arrive();
    }
    return run_;
  }

  // Nothing runs meanwhile, and nothing comes.
  void Stall(Nanos duration) {
    for (Task& task : running_) task.begin += duration, task.end += duration;
    for (Instant& free : free_at_) free += duration;
    for (const Instant until = now_ + duration; tick_at_ <= until;) Tick();
    now_ += duration;
  }

  void SetService(Nanos service) { options_.service = service; }
  [[nodiscard]] double capacity() const {
    return static_cast<double>(options_.slots) * 1e9 /
           static_cast<double>(options_.service.count());
  }
  [[nodiscard]] std::int64_t limit() const {
    ControllerState state;
    controller_.Snapshot(state);
    return state.limit;
  }

 private:
  struct Task {
    Instant came;
    Instant begin;
    Instant end;
  };

  [[nodiscard]] Load LoadAt(Instant now) const {
    const auto left = [&](const Task& task) { return task.end > now; };
    const auto waiting = static_cast<std::int64_t>(waiting_.size());
    return {.held = waiting + std::count_if(running_.begin(), running_.end(), left),
            .capacity = options_.capacity,
            .capacity_bytes = 1};
  }

  // What a slot is free for by then begins; all of it has come by the time at which the slot is.
  void BeginUntil(Instant until) {
    while (!waiting_.empty()) {
      Instant& slot = *std::min_element(free_at_.begin(), free_at_.end());
      if (slot > until) return;
      const bool newest = controller_.NewestFirst();
      const Instant came = newest ? waiting_.back() : waiting_.front();
      newest ? waiting_.pop_back() : waiting_.pop_front();
      const Instant begin = std::max(slot, came);
      slot = begin + options_.service;
      running_.push_back({came, begin, slot});
    }
  }

  void Arrive() {
    BeginUntil(now_);
    const std::uint32_t admitted = controller_.Admit({.count = options_.frame}, LoadAt(now_), now_);
    run_.offered += options_.frame;
    run_.admitted += admitted;
    waiting_.insert(waiting_.end(), admitted, now_);
    BeginUntil(now_);
    run_.most_waiting = std::max(run_.most_waiting, static_cast<std::int64_t>(waiting_.size()));
  }

  void Tick() {
    now_ = tick_at_;
    tick_at_ += kTick;
    BeginUntil(now_);
    const auto first = std::partition(running_.begin(), running_.end(),
                                      [&](const Task& task) { return task.end > now_; });
    const std::vector<Task> ended(first, running_.end());
    running_.erase(first, running_.end());
    Served served{.count = static_cast<std::uint32_t>(ended.size()),
                  .samples = static_cast<std::uint32_t>(ended.size()),
                  .waiting = static_cast<std::int64_t>(waiting_.size()),
                  .slots = options_.slots};
    if (!ended.empty()) Fill(ended, served);
    controller_.Tick(now_);
    controller_.Observe(served, now_);
  }

  void Fill(const std::vector<Task>& ended, Served& served) {
    std::vector<Nanos> responses;
    served.least_wait = Nanos::max();
    for (const Task& task : ended) {
      const Nanos wait = task.begin - task.came;
      served.least_wait = std::min(served.least_wait, wait);
      served.mean_wait += wait / static_cast<std::int64_t>(ended.size());
      served.mean_service += (task.end - task.begin) / static_cast<std::int64_t>(ended.size());
      responses.push_back(task.end - task.came);
      run_.longest_wait = std::max(run_.longest_wait, wait);
    }
    std::sort(responses.begin(), responses.end());
    served.p90_response = responses[responses.size() * 9 / 10];
    run_.ended += static_cast<std::int64_t>(ended.size());
  }

  Controller& controller_;
  QueueOptions options_;
  Instant now_{std::chrono::seconds(1)};
  std::vector<Instant> free_at_;
  std::deque<Instant> waiting_;  // when they came
  std::vector<Task> running_;    // some have ended since the last tick
  Instant tick_at_;
  Flow run_;
};

}  // namespace spillgate::flow::testing
