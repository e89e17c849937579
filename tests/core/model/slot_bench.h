// SlotBench: functions that arrive at random and run on the slots of a ready set, on a virtual
// clock. What they wait for outside is a number of servers that they queue for.
#pragma once

#include <algorithm>
#include <queue>
#include <random>
#include <vector>

#include "tests/core/model/ready_bench.h"

namespace spillgate::testing {

class SlotBench : public ReadyBench {
 protected:
  // One function of a mix.
  struct Part {
    const char* name = "";
    double service_ms = 1;
    double per_ms = 0;          // arrivals
    double deadline_ms = 0;     // from the arrival
    std::uint32_t servers = 0;  // outside, on which it is served; 0: in the slot
    double until_ms = 1e12;     // when it ceases to come
    std::int64_t slots = 1;     // that a run takes
    // What came of it:
    std::uint64_t came = 0;
    std::uint64_t good = 0;
    std::uint64_t ran = 0;
    [[nodiscard]] double success() const {
      return static_cast<double>(good) / static_cast<double>(came);
    }
  };

  explicit SlotBench(std::int64_t slots)
      : ReadyBench({.amount = {1000 * slots}}), free_{.amount = {1000 * slots}} {
    options_.targets.fill(std::chrono::milliseconds(20));
    ready_.Apply(options_);
  }
  // What waits goes before its functions.
  ~SlotBench() override {
    std::vector<TaskPtr> left;
    ready_.Expire(kNever, ready_.size(), left);
  }

  // From now on for so long; what has run before has been learned from and is not counted again.
  void Run(std::vector<Part>& parts, double for_ms) {
    SetUpFunctions(parts);
    most_running_ = running_.size();
    const Instant end = now_ + Ms(for_ms);
    const Instant start = now_;
    std::vector<Instant> next;
    for (Part& part : parts) next.push_back(now_ + Ms(Gap(part)));
    while (true) {
      const auto first = std::min_element(next.begin(), next.end());
      const Instant arrival = *first;
      const Instant ended = running_.empty() ? kNever : running_.front().at;
      if (std::min(arrival, ended) > end) break;
      now_ = std::min(arrival, ended);
      if (ended <= arrival) {
        End(parts);
      } else {
        const auto at = static_cast<std::size_t>(first - next.begin());
        Part& part = parts[at];
        *first += Ms(Gap(part));
        if (now_ - start < Ms(part.until_ms)) Arrive(part, at);
      }
      std::vector<TaskPtr> expired;
      ready_.Expire(now_, 1000, expired);
      while (TaskPtr task = PopRoot(free_)) Start(std::move(task), parts);
      if (place_for_short_ && free_.amount[kCpu] >= 0) StartShort(parts);
      most_running_ = std::max(most_running_, running_.size());
    }
    now_ = end;
  }

  [[nodiscard]] std::size_t running() const { return running_.size(); }
  const Function& function(std::size_t part) const { return *functions_[part]; }
  // In the last Run.
  [[nodiscard]] std::size_t most_running() const { return most_running_; }
  ReadySet::Options options_;
  bool place_for_short_ = false;  // one beside the slots

 private:
  struct Going {
    Instant at;
    Instant since;
    TaskPtr task;
    std::size_t part = 0;
    bool operator<(const Going& other) const { return at > other.at; }  // for a heap
  };

  static Nanos Ms(double ms) { return Nanos(static_cast<std::int64_t>(ms * 1e6)); }
  double Gap(const Part& part) { return exponential_(random_) / part.per_ms; }

  void SetUpFunctions(const std::vector<Part>& parts) {
    while (functions_.size() < parts.size()) {
      const Part& part = parts[functions_.size()];
      functions_.push_back(
          std::make_unique<Function>(Function{.id = static_cast<FunctionId>(functions_.size() + 1),
                                              .name = part.name,
                                              .host = Host::kThread,
                                              .shape = {.amount = {1000 * part.slots}}}));
      servers_.emplace_back(part.servers, now_);
    }
  }

  void Arrive(Part& part, std::size_t at) {
    ++part.came;
    PushRoot({.seq = ++count_,
              .cost = Nanos(0),
              .function = functions_[at].get(),
              .deadline = now_ + Ms(part.deadline_ms)});
  }

  void Start(TaskPtr task, std::vector<Part>& parts) {
    const std::size_t at = task->function->id - 1;
    const Part& part = parts[at];
    free_ -= *task->shape;
    Instant begin = now_;
    const Nanos service = Ms(part.service_ms * exponential_(random_));
    if (part.servers > 0) {
      Instant& server = *std::min_element(servers_[at].begin(), servers_[at].end());
      begin = std::max(begin, server);
      server = begin + service;
    }
    running_.push_back({begin + service, now_, std::move(task), at});
    std::push_heap(running_.begin(), running_.end());
  }

  void StartShort(std::vector<Part>& parts) {
    TaskPtr task = ready_.PopShort({.amount = {free_.amount[kCpu] + 1000}}, now_);
    if (task == nullptr) return;
    ready_.Pay(*task);
    ready_.Begun(*task->function, *task->shape);
    Start(std::move(task), parts);
  }

  void End(std::vector<Part>& parts) {
    std::pop_heap(running_.begin(), running_.end());
    Going done = std::move(running_.back());
    running_.pop_back();
    const Nanos took = now_ - done.since;
    const Function& function = *done.task->function;
    free_ += *done.task->shape;
    costs_.Learn(function.id, took);
    ready_.Learned(function);
    ready_.Ran(function, true, now_);
    ready_.Ended(function, *done.task->shape);
    ready_.Correct(*done.task->root, done.task->estimate, took);
    ++parts[done.part].ran;
    if (now_ <= done.task->deadline) ++parts[done.part].good;
  }

  Resources free_;
  std::vector<std::unique_ptr<Function>> functions_;
  std::vector<std::vector<Instant>> servers_;
  std::vector<Going> running_;
  std::mt19937_64 random_{5};
  std::exponential_distribution<double> exponential_{1.0};
  std::uint64_t count_ = 0;
  std::size_t most_running_ = 0;
};

}  // namespace spillgate::testing
