#include "core/model/slot_limit.h"

#include <algorithm>
#include <utility>

namespace spillgate {
namespace {

// As much is at least so much of what it was: less would pass noise for a loss, and more a loss
// for noise.
constexpr double kAsMuch = 0.9;
// A trial that brings less than this part ends at once, others after some rounds.
constexpr double kClearlyLess = 0.65;
constexpr std::uint32_t kLeastRounds = 3;
// A round of short runs takes no less, or the clock would be too coarse: what ends in one pass ends
// at one time.
constexpr Nanos kLeastTime = std::chrono::milliseconds(5);
constexpr std::uint32_t kMostRounds = 4;
// So much of what the further slots could have brought must they bring.
constexpr double kWorthwhile = 0.5;
// A rate that stays below this part of what it was is looked into at once.
constexpr double kMuchLess = 0.75;
// The weight of the last round in what went before.
constexpr double kNewest = 0.25;
// Who holds less than such a part of the slots is not in the way of others.
constexpr double kMuch = 0.25;
// A limit of which more than this part is free, on average, does not limit.
constexpr double kUnfilled = 0.25;
// Of its runs, those that come to their end while more of it waits. Who has to wait less often than
// this needs no limit, and its rate says only how often it comes; and of runs that are nearly all
// cut short it says nothing.
constexpr double kSeldom = 0.25;

}  // namespace

void SlotLimit::Ended(const Seen& seen) {
  const Nanos since = seen.now - std::exchange(last_, seen.now);
  const bool waited = std::exchange(waited_, seen.waits);
  Runs(running_, seen.now);
  const double runs_time = std::exchange(runs_time_, 0);
  if (stale_ > 0) {
    --stale_;
    return;
  }
  if (waited) {
    time_ += since;
    level_ += runs_time;
    done_ += seen.done ? 1 : 0;
  }
  if (++runs_ % kRound != 0 || (done_ > 0 && time_ < kLeastTime)) return;
  const double time = std::max(1.0, static_cast<double>(time_.count()));
  const Round round{
      .level = level_ / time, .rate = done_ / time, .done = static_cast<double>(done_) / runs_};
  if (runs_ < kMostRounds * kRound && IsUnclear(round)) return;
  time_ = Nanos(0);
  level_ = 0;
  runs_ = done_ = 0;
  Judge(round, seen);
}

// Slots that bring nothing cost others what they wait for: so one round without a gain ends a trial
// of more, and all rounds are needed to keep it.
bool SlotLimit::IsUnclear(const Round& round) const {
  if (step_ == Step::kMore) return DoesMore(round);
  const double part = round.rate / before_.rate;
  if (step_ != Step::kFewer || part < kClearlyLess) return false;
  return part < kAsMuch || runs_ < kLeastRounds * kRound;
}

bool SlotLimit::DoesMore(const Round& round) const {
  const double more = round.level / before_.level - 1;
  return more > 0 && round.rate >= before_.rate * (1 + kWorthwhile * more);
}

void SlotLimit::Judge(const Round& round, const Seen& seen) {
  const Step step = std::exchange(step_, Step::kSteady);
  if (round.done < kSeldom) {
    before_ = {};
    if (limit_ != kNone) Set(kNone);
    return;
  }
  switch (step) {
    case Step::kFewer:
      if (round.rate < kAsMuch * before_.rate) {
        too_few_ = limit_;
        rest_ = pause_fewer_;
        pause_fewer_ = std::min(2 * pause_fewer_, kLongestPause);
        return Set(former_);
      }
      pause_fewer_ = kFirstRest;
      return Hold(round, seen);
    case Step::kMore:
      if (DoesMore(round)) {
        pause_more_ = kFirstPause;
        before_ = round;
        return TryMore(seen);
      }
      pause_more_ = std::min(2 * pause_more_, kLongestPause);
      return Set(former_);
    case Step::kSteady: return Hold(round, seen);
  }
}

void SlotLimit::Hold(const Round& round, const Seen& seen) {
  rest_ -= rest_ > 0 ? 1 : 0;
  if (limit_ != kNone && round.level + std::max(1.0, kUnfilled * limit_) < limit_) {
    return Set(kNone);
  }
  less_ = round.rate < kMuchLess * before_.rate ? less_ + 1 : 0;
  const double weight = before_.rate > 0 ? kNewest : 1.0;
  before_.level += (round.level - before_.level) * weight;
  before_.rate += (round.rate - before_.rate) * weight;
  const double much = std::max(2.0, kMuch * static_cast<double>(seen.slots));
  const auto fewer = static_cast<std::uint32_t>(std::max(round.level / 2, 1.0));
  if (seen.waits && seen.others_wait && round.level >= much && (fewer > too_few_ || rest_ == 0)) {
    return TryFewer(fewer);
  }
  // A trial takes slots from others: where none has waited for long, it costs nothing.
  alone_ = seen.others_wait ? 0 : alone_ + 1;
  if (limit_ == kNone) return;
  if (++rounds_ < pause_more_ && alone_ < kFirstPause && less_ < 2) return;
  TryMore(seen);
}

void SlotLimit::TryFewer(std::uint32_t fewer) {
  former_ = limit_;
  step_ = Step::kFewer;
  Set(fewer);
}

void SlotLimit::TryMore(const Seen& seen) {
  rounds_ = less_ = alone_ = 0;
  former_ = limit_;
  const std::uint32_t more = limit_ + std::max(limit_ / 2, 1U);
  if (more >= seen.slots) return Set(kNone);
  step_ = Step::kMore;
  Set(more);
}

void SlotLimit::Set(std::uint32_t limit) {
  limit_ = limit;
  stale_ = running_ - std::min(running_, 1U);  // without the one that ends
}

}  // namespace spillgate
