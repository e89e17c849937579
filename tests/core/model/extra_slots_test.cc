// CPU slots beyond those of the node: the rule, and what it is worth on a mix that shifts.
#include "core/model/extra_slots.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <random>
#include <vector>

namespace spillgate {
namespace {

TEST(ExtraSlotsTest, OnlyWorkThatWaitsBesideIdleCpusGetsMore) {
  struct Row {
    const char* what;
    ExtraSlots::Seen seen;
    std::int64_t before;
    std::int64_t after;
  };
  const Row rows[] = {
      {"nothing to do", {.idle = 1, .wanted = false, .held = 0, .slots = 2}, 0, 0},
      {"computes", {.idle = 0, .wanted = true, .held = 2, .slots = 2}, 0, 0},
      {"nearly all computes", {.idle = 0.1, .wanted = true, .held = 2, .slots = 2}, 0, 0},
      {"waits outside", {.idle = 0.99, .wanted = true, .held = 2, .slots = 2}, 0, 2},
      {"waits outside, more of it", {.idle = 0.99, .wanted = true, .held = 8, .slots = 2}, 6, 14},
      {"half computes", {.idle = 0.32, .wanted = true, .held = 8, .slots = 2}, 6, 8},
      {"one more at least", {.idle = 0.16, .wanted = true, .held = 3, .slots = 2}, 1, 2},
      {"computes again", {.idle = 0.01, .wanted = true, .held = 64, .slots = 2}, 62, 15},
      {"and for longer", {.idle = 0, .wanted = true, .held = 5, .slots = 2}, 3, 0},
      {"less is needed", {.idle = 0.9, .wanted = false, .held = 5, .slots = 2}, 62, 3},
      {"none is needed", {.idle = 0.9, .wanted = false, .held = 1, .slots = 2}, 62, 0},
  };
  for (const Row& row : rows) {
    ExtraSlots slots;
    while (slots.extra() < row.before) {
      slots.Update({.idle = 1, .wanted = true, .held = 0, .slots = 2});
    }
    slots.Cap(row.before);
    slots.Update(row.seen);
    EXPECT_EQ(slots.extra(), row.after) << row.what;
  }
}

TEST(ExtraSlotsTest, ThereIsAnEndToIt) {
  ExtraSlots slots;
  for (int i = 0; i < 100; ++i) slots.Update({.idle = 1, .wanted = true, .held = 1, .slots = 2});
  EXPECT_EQ(slots.extra(), ExtraSlots::kMost);
}

// Two CPUs that share their time among the tasks that compute, in steps of a tenth of a
// millisecond; tasks that compute for so long and wait for so long; more of them than can be
// served, of which a few are let in. Done in time is what took ten times as long as alone, at most.
class Machine {
 public:
  struct Work {
    double computes_ms = 0;
    double waits_ms = 0;
    double per_ms = 0;
  };
  explicit Machine(std::int64_t most) : most_(most) {}

  void Fix(std::int64_t slots) { fixed_ = slots; }
  // Good tasks in a phase of ten seconds.
  std::uint64_t Run(const Work& work) {
    const std::uint64_t before = good_;
    for (int step = 0; step < 100'000; ++step) Step(work);
    return good_ - before;
  }

 private:
  static constexpr double kStep = 0.1;
  static constexpr std::int64_t kCpus = 2;
  static constexpr std::size_t kLetIn = 8;
  struct Task {
    double came = 0;
    double computes = 0;
    double waits = 0;
    double until = 0;
  };

  [[nodiscard]] std::int64_t slots() const { return fixed_ > 0 ? fixed_ : kCpus + extra_.extra(); }

  void Step(const Work& work) {
    now_ += kStep;
    std::poisson_distribution<int> arrivals(work.per_ms * kStep);
    for (int i = arrivals(random_); i > 0; --i) {
      if (waiting_.size() >= kLetIn) continue;
      const double alone = work.computes_ms + work.waits_ms;
      waiting_.push_back({now_, work.computes_ms, work.waits_ms, now_ + 10 * alone});
    }
    while (!waiting_.empty() && static_cast<std::int64_t>(running_.size()) < slots()) {
      running_.push_back(waiting_.front());
      waiting_.pop_front();
    }
    wanted_ |= !waiting_.empty();
    held_ = std::max(held_, static_cast<std::int64_t>(running_.size()));
    Share();
    if (++steps_ % 1000 == 0) EndPeriod();
  }

  void Share() {
    const auto compute = std::count_if(running_.begin(), running_.end(),
                                       [](const Task& task) { return task.computes > 0; });
    const double each =
        compute == 0 ? 0 : kStep * std::min(1.0, static_cast<double>(kCpus) / double(compute));
    for (Task& task : running_) {
      if (task.computes > 0) {
        busy_ += std::min(each, task.computes);
        task.computes -= each;
      } else {
        task.waits -= kStep;
      }
    }
    std::erase_if(running_, [&](const Task& task) {
      if (task.computes > 0 || task.waits > 1e-9) return false;
      good_ += now_ <= task.until ? 1 : 0;
      return true;
    });
  }

  void EndPeriod() {
    const double idle = 1 - busy_ / (kCpus * kStep * 1000);
    extra_.Update({.idle = idle, .wanted = wanted_, .held = held_, .slots = kCpus});
    extra_.Cap(most_ - kCpus);
    busy_ = 0;
    wanted_ = false;
    held_ = static_cast<std::int64_t>(running_.size());
  }

  const std::int64_t most_;
  std::int64_t fixed_ = 0;
  ExtraSlots extra_;
  double now_ = 0;
  double busy_ = 0;
  bool wanted_ = false;
  std::int64_t held_ = 0;
  std::uint64_t steps_ = 0;
  std::uint64_t good_ = 0;
  std::deque<Task> waiting_;
  std::vector<Task> running_;
  std::mt19937_64 random_{3};
};

constexpr Machine::Work kComputes{.computes_ms = 5, .waits_ms = 0, .per_ms = 0.8};
constexpr Machine::Work kWaits{.computes_ms = 0.1, .waits_ms = 20, .per_ms = 3};

// The part of what the best number of slots for each phase would bring, over phases that shift.
double Score(Machine& machine) {
  const double best_computes = 4000;  // two CPUs, 5 ms each, ten seconds
  const double best_waits = 30000;    // all that come
  double score = 0;
  for (int i = 0; i < 3; ++i) {
    score += static_cast<double>(machine.Run(kComputes)) / best_computes;
    score += static_cast<double>(machine.Run(kWaits)) / best_waits;
  }
  return score / 6;
}

TEST(ExtraSlotsTest, OnAMixThatShiftsItBeatsEveryFixedNumber) {
  double best = 0;
  for (const std::int64_t slots : {2, 3, 4, 6, 8, 12, 16, 32, 64, 128}) {
    Machine fixed(128);
    fixed.Fix(slots);
    const double score = Score(fixed);
    RecordProperty("fixed_" + std::to_string(slots), std::to_string(score));
    best = std::max(best, score);
  }
  Machine machine(128);
  const double score = Score(machine);
  RecordProperty("follows", std::to_string(score));
  EXPECT_GE(score, 0.85);
  EXPECT_GE(score, 1.25 * best);
}

}  // namespace
}  // namespace spillgate
