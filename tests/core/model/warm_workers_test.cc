// Worker processes that are kept: the rule, and what it is worth when the need for them shifts.
#include "core/model/warm_workers.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <random>
#include <vector>

#include "core/base/format.h"

namespace spillgate {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr WarmWorkers kSome{.prestart = 2, .max = 8, .idle = seconds(60)};

TEST(WarmWorkersTest, OneIsStartedForEachTaskThatWaits) {
  EXPECT_TRUE(kSome.Wants(0, 0, 0));
  EXPECT_TRUE(kSome.Wants(0, 1, 1));
  EXPECT_FALSE(kSome.Wants(0, 0, 2));
  EXPECT_TRUE(kSome.Wants(1, 0, 2));
  EXPECT_FALSE(kSome.Wants(1, 1, 3));
  EXPECT_TRUE(kSome.Wants(2, 1, 3));
  EXPECT_FALSE(kSome.Wants(9, 1, 8));
}

TEST(WarmWorkersTest, WhatWasNotNeededForATimeEnds) {
  const Instant since{seconds(100)};
  EXPECT_EQ(kSome.StaysUntil(0, since), kNever);
  EXPECT_EQ(kSome.StaysUntil(1, since), kNever);
  EXPECT_EQ(kSome.StaysUntil(2, since), since + seconds(60));
  EXPECT_EQ(kSome.StaysUntil(7, since), since + seconds(60));
}

TEST(WarmWorkersTest, ThoseBeyondTheMostLeave) {
  EXPECT_EQ(kSome.Surplus(0), 0U);
  EXPECT_EQ(kSome.Surplus(8), 0U);
  EXPECT_EQ(kSome.Surplus(9), 1U);
  EXPECT_EQ((WarmWorkers{.prestart = 1, .max = 1, .idle = seconds(60)}.Surplus(8)), 7U);
}

// Tasks of 100 ms that come at random and need a process each, which takes 50 ms to start.
class Processes {
 public:
  static constexpr Nanos kStep = milliseconds(2);
  static constexpr Nanos kTask = milliseconds(100);
  static constexpr Nanos kStart = milliseconds(50);
  static constexpr Nanos kSoon = milliseconds(10);  // a task begins within
  static constexpr std::size_t kLetIn = 8;          // that wait

  struct Work {
    std::uint64_t tasks = 0;
    std::uint64_t soon = 0;
    std::uint64_t alive = 0;  // summed over steps
  };

  explicit Processes(WarmWorkers rule) : rule_(rule) {}

  // `load`: tasks that are at work on average, if there are processes.
  Work Phase(double load, Nanos takes) {
    Work work;
    std::poisson_distribution<int> arrivals(load / static_cast<double>(kTask / kStep));
    for (const Instant until = now_ + takes; now_ < until; now_ += kStep) Step(arrivals, work);
    return work;
  }

 private:
  struct Process {
    Instant busy_until{};  // starting counts as well
    Instant idle_since{};
    bool starting = false;
  };

  [[nodiscard]] bool Idle(const Process& process) const { return process.busy_until <= now_; }

  void Step(std::poisson_distribution<int>& arrivals, Work& work) {
    for (Process& process : alive_) {
      if (!Idle(process) || process.idle_since >= process.busy_until) continue;
      process.idle_since = process.busy_until;
      process.starting = false;
    }
    for (int i = arrivals(random_); i > 0; --i) {
      ++work.tasks;
      if (waiting_.size() < kLetIn) waiting_.push_back(now_);
    }
    // Those that were used last first, as the node does.
    std::sort(alive_.begin(), alive_.end(),
              [](const Process& a, const Process& b) { return a.idle_since > b.idle_since; });
    for (Process& process : alive_) {
      if (waiting_.empty()) break;
      if (Idle(process)) Begin(process, work);
    }
    const auto starting = static_cast<std::size_t>(std::count_if(
        alive_.begin(), alive_.end(), [](const Process& process) { return process.starting; }));
    for (std::size_t more = starting; rule_.Wants(waiting_.size(), more, alive_.size()); ++more) {
      alive_.push_back({.busy_until = now_ + kStart, .idle_since = {}, .starting = true});
    }
    EndIdle();
    work.alive += alive_.size();
  }

  void Begin(Process& process, Work& work) {
    work.soon += now_ - waiting_.front() <= kSoon ? 1 : 0;
    waiting_.pop_front();
    process.busy_until = now_ + kTask;
  }

  void EndIdle() {
    auto others = static_cast<std::size_t>(std::count_if(
        alive_.begin(), alive_.end(), [&](const Process& process) { return !Idle(process); }));
    std::erase_if(alive_, [&](const Process& process) {
      return Idle(process) && rule_.StaysUntil(others++, process.idle_since) <= now_;
    });
  }

  const WarmWorkers rule_;
  Instant now_{seconds(1)};
  std::vector<Process> alive_;
  std::deque<Instant> waiting_;
  std::mt19937_64 random_{5};
};

// Quiet, busy, quiet, half as busy: ten minutes each.
struct Kept {
  double soon = 0;   // part of the tasks that begin soon, mean of the phases
  double alive = 0;  // processes, on average
};
Kept Over(WarmWorkers rule) {
  constexpr Nanos kPhase = std::chrono::minutes(10);
  Processes processes(rule);
  Kept kept;
  for (const double load : {0.3, 12.0, 0.3, 5.0}) {
    const Processes::Work work = processes.Phase(load, kPhase);
    kept.soon += static_cast<double>(work.soon) / static_cast<double>(work.tasks) / 4;
    kept.alive +=
        static_cast<double>(work.alive) / static_cast<double>(kPhase / Processes::kStep) / 4;
  }
  return kept;
}

TEST(WarmWorkersTest, WhenTheNeedShiftsItBeatsEveryFixedNumber) {
  const Kept follows = Over({.prestart = 1, .max = 32});
  RecordProperty("follows", Format("{:.4f} of {:.1f}", follows.soon, follows.alive));
  EXPECT_GE(follows.soon, 0.995);
  for (const std::uint32_t number : {1U, 4U, 8U, 12U, 16U, 20U, 24U, 32U}) {
    const Kept fixed = Over({.prestart = number, .max = number});
    RecordProperty(Format("fixed_{}", number), Format("{:.4f}", fixed.soon));
    EXPECT_TRUE(fixed.soon < follows.soon - 0.02 || fixed.alive > 1.5 * follows.alive) << number;
  }
}

}  // namespace
}  // namespace spillgate
