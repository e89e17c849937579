// FakeNode, second half: what running tasks ask.
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/server/exec/fake_node.h"

namespace spillgate::testing {
namespace {

Instant UntilOf(Instant now, std::uint64_t timeout_us) {
  return timeout_us >= wire::kMostTime ? kNever : After(now, std::chrono::microseconds(timeout_us));
}

}  // namespace

void FakeNode::OnFrame(ConnectionId from, Buffer frame) {
  const wire::FrameView view = wire::View(frame.view());
  switch (view.header.type) {
    case wire::FrameType::kSubmit:
      if (!OnSubmit(from, frame)) waiting_spawns_.push_back({from, std::move(frame)});
      break;
    case wire::FrameType::kGet: OnGet(from, view); break;
    case wire::FrameType::kWait: OnWait(from, view); break;
    case wire::FrameType::kCancel: {
      const auto cancel = wire::DecodeCancel(view);
      ASSERT_TRUE(cancel.has_value());
      for (const TaskId id : cancel->ids) OnCancel(id);
      break;
    }
    case wire::FrameType::kRelease: break;  // it keeps everything
    default: ADD_FAILURE() << "a task said " << wire::ToString(view.header.type);
  }
  Dispatch();
}

// False: there is no room for it now.
bool FakeNode::OnSubmit(ConnectionId from, const Buffer& frame) {
  std::vector<TaskId> ids;
  std::vector<TaskPtr> tasks = TasksOf(frame, ids);
  const int room = options_.window - unfinished_;
  if (static_cast<int>(tasks.size()) > room) return false;
  const wire::FrameView view = wire::View(frame.view());
  const std::vector<wire::Verdict> verdicts{{.first_seq = 0,
                                             .count = static_cast<std::uint32_t>(ids.size()),
                                             .correlation = view.header.correlation,
                                             .status = wire::VerdictStatus::kAccepted}};
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (!entries_.contains(ids[i])) Accept(ids[i], std::move(tasks[i]));
  }
  wire::OutBuffer out;
  wire::WriteVerdicts(verdicts, 0, out);
  hosts_->Deliver(from, out.view());
  return true;
}

void FakeNode::TryWaitingSpawns() {
  while (!waiting_spawns_.empty()) {
    Spawn spawn = std::move(waiting_spawns_.front());
    waiting_spawns_.pop_front();
    if (OnSubmit(spawn.from, spawn.frame)) continue;
    waiting_spawns_.push_front(std::move(spawn));
    return;
  }
}

void FakeNode::OnGet(ConnectionId from, const wire::FrameView& frame) {
  const auto get = wire::DecodeGet(frame);
  ASSERT_TRUE(get.has_value());
  const Instant until = UntilOf(clock_.Now(), get->timeout_us);
  for (const wire::ObjectName& name : get->ids) {
    const Waiter waiter{from, frame.header.correlation, name.index, until};
    const auto found = entries_.find(name.task);
    if (found == entries_.end()) {
      SendNoResult(waiter, name.task, Reason::kNotFound);
    } else if (found->second.ended.fate != Fate::kOpen) {
      SendResult(waiter, name.task, found->second.outcome);
    } else {
      found->second.gets.push_back(waiter);
    }
  }
}

void FakeNode::SendResult(const Waiter& waiter, TaskId id, const Outcome& outcome) {
  const wire::ResultHead head{.task = id,
                              .index = waiter.index,
                              .correlation = waiter.correlation,
                              .reason = outcome.reason,
                              .fate = outcome.fate};
  wire::ResultsWriter writer;
  wire::OutBuffer out;
  if (outcome.fate == Fate::kDone) {
    const Value& value = waiter.index == 0 ? outcome.value : outcome.further->at(waiter.index - 1);
    writer.Add(head, value.view(), out);
  } else {
    writer.AddFailure(head, outcome.failure->root_cause, outcome.failure->message, out);
  }
  writer.Finish(out);
  hosts_->Deliver(waiter.to, out.view());
}

void FakeNode::SendNoResult(const Waiter& waiter, TaskId id, Reason reason) {
  wire::ResultsWriter writer;
  wire::OutBuffer out;
  writer.Add({.task = id,
              .index = waiter.index,
              .correlation = waiter.correlation,
              .reason = reason,
              .fate = Fate::kOpen},
             {}, out);
  writer.Finish(out);
  hosts_->Deliver(waiter.to, out.view());
}

void FakeNode::ExpireGets(Instant now) {
  for (auto& [id, entry] : entries_) {
    if (entry.gets.empty()) continue;
    std::erase_if(entry.gets, [&, task = id](const Waiter& waiter) {
      if (now < waiter.until) return false;
      SendNoResult(waiter, task, Reason::kTimeout);
      return true;
    });
  }
}

void FakeNode::OnWait(ConnectionId from, const wire::FrameView& frame) {
  const auto wait = wire::DecodeWait(frame);
  ASSERT_TRUE(wait.has_value());
  WaitState state{.to = from,
                  .correlation = frame.header.correlation,
                  .ids = {},
                  .needed = wait->needed,
                  .until = UntilOf(clock_.Now(), wait->timeout_us)};
  for (const wire::ObjectName& name : wait->ids) state.ids.push_back(name.task);
  waits_.push_back(std::move(state));
  AnswerWaits(clock_.Now());
}

void FakeNode::AnswerWaits(Instant now) {
  std::erase_if(waits_, [&](const WaitState& wait) {
    wire::WaitDone done;
    std::uint32_t ready = 0;
    for (const TaskId id : wait.ids) {
      const auto found = entries_.find(id);
      const bool ended = found == entries_.end() || found->second.ended.fate != Fate::kOpen;
      done.ready.push_back(ended);
      ready += ended ? 1 : 0;
    }
    done.timed_out = ready < wait.needed;
    if (done.timed_out && now < wait.until) return false;
    wire::OutBuffer out;
    wire::Encode(done, wait.correlation, out);
    hosts_->Deliver(wait.to, out.view());
    return true;
  });
}

void FakeNode::OnCancel(TaskId id) {
  const auto found = entries_.find(id);
  if (found == entries_.end()) return;
  Entry& entry = found->second;
  const std::vector<TaskId> children = entry.children;
  if (entry.ended.fate == Fate::kOpen && !std::exchange(entry.cancelled, true)) {
    if (entry.running) {
      hosts_->Interrupt(id, Reason::kCancelled, clock_.Now());
    } else {
      std::erase(ready_, id);
      EndWith(id, Fate::kCancelled, Reason::kCancelled, "cancelled before it ran");
    }
  }
  for (const TaskId child : children) OnCancel(child);
}

void FakeNode::OnGone(ConnectionId connection) {
  ++ledger_.gone;
  for (auto& [id, entry] : entries_) {
    std::erase_if(entry.gets, [&](const Waiter& waiter) { return waiter.to == connection; });
  }
  std::erase_if(waits_, [&](const WaitState& wait) { return wait.to == connection; });
  std::erase_if(waiting_spawns_, [&](const Spawn& spawn) { return spawn.from == connection; });
}

}  // namespace spillgate::testing
