#include "core/model/work_promise.h"

#include <algorithm>

namespace spillgate {

WorkPromise::WorkPromise(WorkAccount& account, const Of& of, const NodeTimes& each,
                         std::uint32_t tasks)
    : cls_(account.Of(of.cls)),
      flow_(account.Of(of.cls, of.tenant)),
      line_(of.line),
      opened_(of.opened ? &account.opened() : nullptr),
      each_(each),
      left_(0) {
  Renew(tasks);
}

void WorkPromise::Renew(std::uint32_t tasks) {
  if (tasks == 0) return;
  if (left_ == 0) cls_.promises.Add(1);
  left_ += tasks;
  Count(tasks);
}

void WorkPromise::Keep(std::uint32_t tasks) {
  const std::uint32_t kept = std::min(tasks, left_);
  if (kept == 0) return;
  left_ -= kept;
  Count(-std::int64_t{kept});
  if (left_ == 0) cls_.promises.Add(-1);
}

void WorkPromise::Count(std::int64_t tasks) {
  cls_.promised_tasks.Add(tasks);
  if (opened_ != nullptr) opened_->Add(tasks);
  for (std::size_t kind = 0; kind < kResourceKinds; ++kind) {
    const std::int64_t change = tasks * each_[kind];
    cls_.promised[kind].Add(change);
    flow_.promised[kind].Add(change);
    if (line_ > 0) flow_.patient[line_].promised[kind].Add(change);
  }
}

}  // namespace spillgate
