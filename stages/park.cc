#include "stages/park.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "core/base/check.h"

namespace spillgate {

bool Park::Put(TaskPtr task, Instant now) {
  const TaskId id = task->id;
  const bool inside = at_gate() == 0 && HasRoomFor(*task);
  over_.push(
      {std::min(task->deadline, After(now, limits_.park_ttl.load(std::memory_order_relaxed))), id});
  Stay& stay = here_.insert({id, Stay{.task = std::move(task), .since = now}}).first.value();
  if (inside) {
    Enter(stay, now);
  } else {
    gate_.push_back(id);
  }
  return inside;
}

bool Park::HasRoomFor(const Task& task) const {
  if (inside_ == 0) return true;
  return inside_ < limits_.park.load(std::memory_order_relaxed) &&
         bytes_ + task.bytes <= limits_.park_bytes.load(std::memory_order_relaxed);
}

void Park::Enter(Stay& stay, Instant now) {
  stay.inside = true;
  ++inside_;
  bytes_ += stay.task->bytes;
  arrivals_.push_back({now, stay.task->id});
}

const Task* Park::LetIn(Instant now) {
  for (; !gate_.empty(); gate_.pop_front()) {
    const auto found = here_.find(gate_.front());
    if (found == here_.end()) continue;
    Stay& stay = found.value();
    if (!HasRoomFor(*stay.task)) return nullptr;
    gate_.pop_front();
    Enter(stay, now);
    return stay.task.get();
  }
  return nullptr;
}

Task* Park::Find(TaskId id) {
  const auto found = here_.find(id);
  return found == here_.end() ? nullptr : found->second.task.get();
}

Park::Left Park::TakeOut(TaskId id) {
  const auto found = here_.find(id);
  SG_CHECK(found != here_.end());
  Left left{std::move(found.value().task), found->second.inside, found->second.since};
  here_.erase(found);
  if (left.inside) {
    --inside_;
    bytes_ -= left.task->bytes;
  }
  // Their entries stay until their time comes; when most entries are such, start afresh.
  if (over_.size() > 64 + 2 * here_.size()) ForgetThoseThatLeft();
  return left;
}

void Park::ForgetThoseThatLeft() {
  std::vector<Over> live;
  for (; !over_.empty(); over_.pop()) {
    if (here_.contains(over_.top().task)) live.push_back(over_.top());
  }
  over_ = std::priority_queue<Over>(std::less<Over>(), std::move(live));
  std::erase_if(arrivals_, [&](const Arrival& each) { return !here_.contains(each.task); });
  std::erase_if(gate_, [&](TaskId each) { return !here_.contains(each); });
}

Instant Park::Oldest() {
  while (!arrivals_.empty() && !here_.contains(arrivals_.front().task)) arrivals_.pop_front();
  return arrivals_.empty() ? kNever : arrivals_.front().since;
}

Park::Left Park::NextOver(Instant now, bool& expired) {
  while (!over_.empty() && over_.top().at <= now) {
    const TaskId id = over_.top().task;
    over_.pop();
    Task* task = Find(id);
    if (task == nullptr) continue;
    expired = task->deadline <= now;
    return TakeOut(id);
  }
  return {};
}

Park::Left Park::Any() {
  return here_.empty() ? Left{} : TakeOut(here_.begin()->first);
}

}  // namespace spillgate
