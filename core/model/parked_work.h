// ParkedWork: the work of tasks that wait for their arguments. It will want its resources soon, so
// the door counts it with what waits for them (work_account.h). Resolution's, on its thread.
#pragma once

#include "core/model/cost_model.h"
#include "core/model/task.h"
#include "core/model/work_account.h"

namespace spillgate {

class ParkedWork {
 public:
  ParkedWork(WorkAccount& account, const CostModel& costs)
      : account_(account), costs_(costs), needs_(Resources(), account.total()) {}

  // Estimates it by what is known now; the task keeps the figure until it is taken away.
  void Add(Task& task) {
    task.ready.work = costs_.Takes(task.cost_key(), task.estimate);
    Count(task, 1);
  }
  void TakeAway(const Task& task) { Count(task, -1); }

 private:
  void Count(const Task& task, std::int64_t by);

  WorkAccount& account_;
  const CostModel& costs_;
  const Resources* needs_of_ = nullptr;  // a shape that stays
  WorkAccount::Needs needs_;
};

}  // namespace spillgate
