// How many events a stage takes at a time: the rule, where it is in force, and what it is worth on
// a mix that shifts.
#include "core/flow/batch_limit.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <optional>
#include <random>
#include <vector>

#include "core/flow/pipeline.h"

namespace spillgate::flow {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

TEST(BatchLimitTest, AsManyAsThereIsTimeFor) {
  struct Row {
    const char* what;
    Nanos each;
    std::size_t fits;
  };
  const Row rows[] = {
      {"nothing that a clock sees", Nanos(0), 4096}, {"ends of tasks", Nanos(200), 500},
      {"frames of one task", microseconds(1), 100},  {"frames of 64", microseconds(8), 12},
      {"frames of hundreds", microseconds(40), 2},   {"longer than the time", milliseconds(5), 1},
  };
  for (const Row& row : rows) {
    BatchLimit limit;
    for (int i = 0; i < 200; ++i) limit.Took(16, row.each * 16);
    EXPECT_NEAR(static_cast<double>(limit.fits()), static_cast<double>(row.fits),
                static_cast<double>(row.fits) * 0.02)
        << row.what;
    EXPECT_EQ(limit.Of(1), 1U) << row.what;
    EXPECT_EQ(limit.Of(64), std::min<std::size_t>(limit.fits(), 64)) << row.what;
  }
}

TEST(BatchLimitTest, NothingIsLearnedFromNothing) {
  BatchLimit limit;
  limit.Took(0, milliseconds(10));
  EXPECT_EQ(limit.fits(), static_cast<std::size_t>(BatchLimit::kMost));
}

// Batches of the limit's own choice, of at most 64 events.
std::size_t BatchesUntil(BatchLimit& limit, Nanos each, std::size_t from, std::size_t to) {
  for (std::size_t batches = 1; batches < 1000; ++batches) {
    const std::size_t taken = limit.Of(64);
    limit.Took(taken, each * static_cast<std::int64_t>(taken));
    if (from <= limit.fits() && limit.fits() <= to) return batches;
  }
  return 1000;
}

TEST(BatchLimitTest, DearEventsAreNoticedAtOnceAndForgottenInSomeDozens) {
  BatchLimit limit;
  BatchesUntil(limit, Nanos(200), 490, 510);
  EXPECT_EQ(BatchesUntil(limit, microseconds(40), 1, 5), 1U);
  EXPECT_LE(BatchesUntil(limit, Nanos(200), 64, 4096), 100U);
  // Another program had the CPU in the middle of a batch.
  limit.Took(64, milliseconds(4));
  EXPECT_LE(BatchesUntil(limit, Nanos(200), 64, 4096), 60U);
}

// A stage whose events take time, and that notes how many came at a time.
struct Dear {
  Nanos takes{0};
};
class Slow {
 public:
  using In = Dear;
  Slow(ManualClock& clock, std::vector<std::size_t>& batches) : clock_(clock), batches_(batches) {}
  void Handle(std::span<In> batch, Instant) {
    for (const Dear& event : batch) clock_.Advance(event.takes);
    if (!batch.empty()) batches_.push_back(batch.size());
  }
  void Tick(Instant) { clock_.Advance(tick_takes); }
  void Flush(Instant) {}

  Nanos tick_takes{0};

 private:
  ManualClock& clock_;
  std::vector<std::size_t>& batches_;
};

class SlowStage {
 public:
  explicit SlowStage(std::size_t most) : pipeline_(clock_) {
    pool_ = &pipeline_.AddPool("loop", {.threads = 0});
    inbox_ = &pipeline_.Open<Dear>("slow", 0, {}, MakeController("none"));
    stage_ =
        &pipeline_.Run(*inbox_, *pool_, most, std::make_unique<Slow>(clock_, batches_)).stage();
    pool_->BindToThread();
  }
  void Push(std::size_t count, Nanos each) {
    std::vector<Dear> events(count, Dear{each});
    ASSERT_TRUE(inbox_->Reserve(static_cast<std::int64_t>(count), 0));
    inbox_->Commit(events);
  }
  std::size_t Turn() { return pool_->Turn(256); }

  ManualClock clock_;
  std::vector<std::size_t> batches_;
  Pipeline pipeline_;
  Pool* pool_ = nullptr;
  Slow* stage_ = nullptr;
  Inbox<Dear>* inbox_ = nullptr;
};

TEST(BatchLimitTest, AStageTakesNoMoreThanItHasTimeForAndThanTheConfigSays) {
  SlowStage stage(64);
  stage.Push(640, microseconds(50));
  while (stage.Turn() > 0) {
  }
  EXPECT_EQ(stage.batches_.front(), 64U);  // nobody knew
  EXPECT_LE(stage.batches_[1], 4U);
  EXPECT_LE(stage.batches_.back(), 2U);
  EXPECT_EQ(stage.inbox_->stats().batch_most.load(), 64U);
  EXPECT_EQ(stage.inbox_->stats().batch_fits.load(), 2U);

  SlowStage cheap(16);
  cheap.Push(640, Nanos(100));
  while (cheap.Turn() > 0) {
  }
  cheap.clock_.Advance(milliseconds(1));
  cheap.Turn();
  EXPECT_EQ(cheap.batches_, std::vector<std::size_t>(40, 16));
  EXPECT_NEAR(static_cast<double>(cheap.inbox_->stats().batch_fits.load()), 1000, 20);
}

TEST(BatchLimitTest, WhatTicksTakeIsNotTheCostOfABatch) {
  SlowStage stage(64);
  stage.stage_->tick_takes = microseconds(300);
  for (int turn = 0; turn < 20; ++turn) {
    stage.Push(1, microseconds(1));
    stage.clock_.Advance(milliseconds(1));
    EXPECT_EQ(stage.Turn(), 1U);
  }
  EXPECT_EQ(stage.inbox_->stats().batch_fits.load(), 100U);
  EXPECT_EQ(stage.inbox_->stats().busy_ns.get(), 20'000U);
}

// Else a pool whose ticks take as long as what is between them would do nothing else.
TEST(BatchLimitTest, ATurnDoesSomethingThoughItsTickTookLong) {
  SlowStage stage(1);
  stage.stage_->tick_takes = milliseconds(2);
  stage.Push(3, microseconds(1));
  for (int turn = 0; turn < 3; ++turn) EXPECT_EQ(stage.Turn(), 1U);
}

TEST(BatchLimitTest, ATurnEndsWhenATickIsDueAndGoesOnInTheNext) {
  SlowStage stage(1);
  stage.Push(100, microseconds(50));
  const Instant begin = stage.clock_.Now();
  EXPECT_EQ(stage.Turn(), 20U);
  EXPECT_EQ(stage.clock_.Now() - begin, milliseconds(1));
  EXPECT_EQ(stage.pool_->MayBlock(), Nanos(0));
  for (int turn = 0; turn < 4; ++turn) EXPECT_EQ(stage.Turn(), 20U);
  EXPECT_EQ(stage.Turn(), 0U);
}

// A loop that always has frames to take, and beside them ends of tasks on other threads, which it
// takes first whenever it comes round: the slots of those tasks are empty until then.
class LoopModel {
 public:
  struct Work {
    std::uint64_t frames = 0;
    std::uint64_t ends = 0;
    std::uint64_t soon = 0;  // of the ends: taken within kSoon
    [[nodiscard]] double Value() const {
      return static_cast<double>(frames) * static_cast<double>(soon) / static_cast<double>(ends);
    }
  };

  // `fixed`: always so many; else as the rule says, of 1024 at most.
  explicit LoopModel(std::optional<std::size_t> fixed) : fixed_(fixed) {}

  Work Phase(Nanos frame, Nanos takes) {
    Work work;
    for (const Nanos until = now_ + takes; now_ < until;) {
      while (next_end_ <= now_) {
        waiting_.push_back(next_end_);
        next_end_ += Nanos(static_cast<std::int64_t>(gap_(random_)));
      }
      waiting_.empty() ? TakeFrames(frame, work) : TakeEnds(work);
    }
    return work;
  }

 private:
  static constexpr Nanos kBatch{300};  // what a batch costs besides its events
  static constexpr Nanos kEnd{300};
  static constexpr Nanos kSoon = microseconds(200);

  void TakeEnds(Work& work) {
    now_ += kBatch + kEnd * static_cast<std::int64_t>(waiting_.size());
    for (const Nanos end : waiting_) work.soon += now_ - end <= kSoon ? 1 : 0;
    work.ends += waiting_.size();
    waiting_.clear();
  }
  void TakeFrames(Nanos frame, Work& work) {
    const std::size_t taken = fixed_.value_or(limit_.Of(1024));
    const Nanos busy = kBatch + frame * static_cast<std::int64_t>(taken);
    limit_.Took(taken, busy);
    now_ += busy;
    work.frames += taken;
  }

  std::optional<std::size_t> fixed_;
  BatchLimit limit_;
  Nanos now_{0};
  Nanos next_end_{0};
  std::vector<Nanos> waiting_;
  std::mt19937_64 random_{7};
  std::exponential_distribution<double> gap_{1.0 / 100'000};  // of the ends, in ns
};

constexpr std::array<std::size_t, 6> kFixed{1, 4, 16, 64, 256, 1024};
constexpr std::array<Nanos, 6> kShifts{Nanos(100),       microseconds(50), Nanos(100),
                                       microseconds(10), microseconds(50), Nanos(100)};

std::vector<double> Values(std::optional<std::size_t> fixed) {
  LoopModel loop(fixed);
  std::vector<double> values;
  for (const Nanos frame : kShifts) {
    values.push_back(loop.Phase(frame, milliseconds(200)).Value());
  }
  return values;
}

TEST(BatchLimitTest, OnAShiftingMixItBeatsEveryFixedNumber) {
  std::vector<std::vector<double>> fixed;
  std::vector<double> best(kShifts.size(), 0);
  for (const std::size_t most : kFixed) {
    fixed.push_back(Values(most));
    for (std::size_t i = 0; i < best.size(); ++i) best[i] = std::max(best[i], fixed.back()[i]);
  }
  const auto score = [&](const std::vector<double>& values) {
    double sum = 0;
    for (std::size_t i = 0; i < best.size(); ++i) sum += values[i] / best[i];
    return sum / static_cast<double>(best.size());
  };
  const double follows = score(Values(std::nullopt));
  RecordProperty("follows", std::to_string(follows));
  for (std::size_t i = 0; i < kFixed.size(); ++i) {
    const double one = score(fixed[i]);
    RecordProperty("fixed_" + std::to_string(kFixed[i]), std::to_string(one));
    EXPECT_LT(one + 0.1, follows) << kFixed[i];
  }
  EXPECT_GE(follows, 0.95);
}

}  // namespace
}  // namespace spillgate::flow
