// FakeNode: who gets a slot, and what becomes of it.
#include <gtest/gtest.h>

#include <algorithm>
#include <utility>

#include "tests/server/exec/fake_node.h"

namespace spillgate::testing {

void FakeNode::Place(TaskId id, TaskId nested_in) {
  Entry& entry = entries_.at(id);
  TaskPtr task = std::move(entry.task);
  ++task->attempt;
  ++entry.ended.runs;
  if (task->function->host == Host::kInline) {
    hosts_->RunHere(*task, clock_.Now());
    End(id, std::move(task->outcome));
    return;
  }
  entry.running = true;
  entry.function = task->function;
  task->hands_on = options_.prefetch && nested_in.is_none();
  task->prefetched = false;
  --free_;
  ledger_.most_running = std::max(ledger_.most_running, ++leased_);
  ++ledger_.starts;
  if (!nested_in.is_none()) ++ledger_.nested;
  hosts_->Start(std::move(task), nested_in, clock_.Now());
}

void FakeNode::Dispatch() {
  while (free_ > 0 && !prefetch_.empty()) {
    const TaskId id = prefetch_.first().task;
    (void)prefetch_.Leave(id);
    --free_;
    ++leased_;
    hosts_->Grant(id, clock_.Now());
  }
  while (!ready_.empty() && free_ > 0) {
    const TaskId id = ready_.front();
    ready_.pop_front();
    Place(id, {});
  }
  const auto may = [this](TaskId id) {
    const Function* function = entries_.at(id).task->function;
    return function->host == Host::kThread && !waiting_functions_.contains(function);
  };
  const std::size_t ending = options_.prefetch ? static_cast<std::size_t>(leased_) : 0;
  while (!ready_.empty() && prefetch_.HasRoom(ending) && may(ready_.front())) {
    const TaskId id = ready_.front();
    ready_.pop_front();
    PlaceAhead(id);
  }
}

// It gets the lease of a run that ends.
void FakeNode::PlaceAhead(TaskId id) {
  Entry& entry = entries_.at(id);
  TaskPtr task = std::move(entry.task);
  ++task->attempt;
  ++entry.ended.runs;
  entry.running = task->hands_on = task->prefetched = true;
  entry.function = task->function;
  prefetch_.Add({.task = id});
  ++ledger_.starts;
  ++ledger_.prefetched;
  hosts_->Start(std::move(task), {}, clock_.Now());
}

// What was prefetched may not have had one yet, as far as is known here.
void FakeNode::LeaseHome(TaskId id, TaskId handed_to) {
  const TaskId heir = handed_to.is_none() ? TaskId() : prefetch_.HeirOf(handed_to);
  if (prefetch_.Leave(id).has_value()) {
    if (!heir.is_none()) prefetch_.PassOn(id, heir);
    return;
  }
  if (!heir.is_none() && prefetch_.Leave(heir).has_value()) return;
  ++free_;
  --leased_;
}

void FakeNode::OnReport(RunReport report) {
  ++ledger_.reports;
  const TaskId id = report.task->id;
  Entry& entry = entries_.at(id);
  if (!std::exchange(entry.running, false)) {
    ++ledger_.strays;
    return;
  }
  if (!std::exchange(entry.blocked, false)) LeaseHome(id, report.handed_to);
  entry.ended.wall = report.wall;
  if (report.end == RunEnd::kHeldUp) {
    ++ledger_.held_up;
    --report.task->attempt;
    --entry.ended.runs;
    entry.task = std::move(report.task);
    ready_.push_front(id);
  } else if (report.end == RunEnd::kTurnedAway) {
    ++ledger_.turned_away;
    EndWith(id, Fate::kFailed, report.why, report.detail);
  } else if (report.end == RunEnd::kEnded) {
    EXPECT_FALSE(report.task->outcome.open());
    End(id, std::move(report.task->outcome));
  } else {
    EXPECT_TRUE(report.task->outcome.open());
    entry.ended.deaths.push_back(report.detail);
    if (entry.cancelled) {
      EndWith(id, Fate::kCancelled, Reason::kCancelled, report.detail);
    } else if (clock_.Now() > entry.deadline) {
      EndWith(id, Fate::kExpired, Reason::kDeadline, report.detail);
    } else if (entry.ended.runs > options_.retries) {
      EndWith(id, Fate::kFailed, Reason::kWorkerDied, report.detail);
    } else {
      entry.task = std::move(report.task);
      ready_.push_front(id);
    }
  }
  Dispatch();
}

void FakeNode::OnNotice(const RunNotice& notice) {
  Entry& entry = entries_.at(notice.task);
  if (!entry.running) return;
  if (notice.kind == RunNotice::Kind::kResumed) {
    EXPECT_TRUE(entry.blocked);
    entry.blocked = false;
    --free_;
    ++leased_;
    ++ledger_.resumed;
    return;
  }
  if (!std::exchange(entry.blocked, true)) {
    waiting_functions_.insert(entry.function);
    LeaseHome(notice.task, {});
    ++ledger_.blocked;
  }
  const auto awaited = std::find(ready_.begin(), ready_.end(), notice.awaited);
  if (options_.offers && awaited != ready_.end()) {
    ready_.erase(awaited);
    Place(notice.awaited, notice.task);
  }
  Dispatch();
}

void FakeNode::EndWith(TaskId id, Fate fate, Reason reason, std::string message) {
  Outcome outcome;
  outcome.fate = fate;
  outcome.reason = reason;
  outcome.failure = std::make_unique<Failure>();
  outcome.failure->message = std::move(message);
  End(id, std::move(outcome));
}

}  // namespace spillgate::testing
