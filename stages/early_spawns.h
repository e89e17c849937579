// EarlySpawns: what roots bring soon after they began, by the function that they began with and by
// the resources that it needs, so that the door can count it before it comes (CostModel::SpawnsOf,
// Admission::Expect). Only the first second counts, or half of the time until its deadline if that
// is longer: what a root brings later is judged by nobody who comes now, and a driver that has no
// deadline and spawns all day would hold a day's work against those that want a millisecond. For
// the same reason what was expected of a root and has not come by then, or when it ends, is
// expected no more. Scheduling's, on its thread.
#pragma once

#include "core/base/clock.h"
#include "core/model/task.h"
#include "core/model/work_account.h"
#include "stages/promise_times.h"
#include "stages/shared.h"

namespace spillgate {

class EarlySpawns {
 public:
  static constexpr Nanos kSoon = PromiseTimes::kSoon;

  explicit EarlySpawns(Shared& shared)
      : shared_(shared), expecting_(shared), needs_(Resources(), shared.account.total()) {}

  // The task is about to run; its estimate is what it is expected to take. Each counts once,
  // however often it is placed.
  void Begins(Task& task, Instant now);
  void Tick(Instant now) { expecting_.LetGo(now); }
  [[nodiscard]] bool empty() const { return expecting_.empty(); }

 private:
  [[nodiscard]] const WorkAccount::Needs& NeedsOf(const Resources& shape);

  Shared& shared_;
  PromiseTimes expecting_;
  const Resources* needs_of_ = nullptr;  // a shape that stays
  WorkAccount::Needs needs_;
};

}  // namespace spillgate
