// The ways in which a stage ends a task before it ran: each sets the outcome, once, and leaves the
// task to be sent to publication.
#pragma once

#include <string>
#include <string_view>

#include "core/model/task.h"
#include "core/tables/record.h"

namespace spillgate {

inline constexpr std::size_t kMostMessage = 4096;

inline void End(Task& task, Fate fate, Reason reason, std::string message, TaskId cause = {}) {
  if (!task.outcome.open()) return;
  if (message.size() > kMostMessage) message.resize(kMostMessage);
  task.outcome.fate = fate;
  task.outcome.reason = reason;
  task.outcome.failure =
      std::make_unique<Failure>(Failure{.message = std::move(message), .root_cause = cause});
}

inline void Fail(Task& task, Reason reason, std::string message, TaskId cause = {}) {
  End(task, Fate::kFailed, reason, std::move(message), cause);
}

inline void Cancel(Task& task) {
  End(task, Fate::kCancelled, Reason::kCancelled, "cancelled before it ran");
}

inline void Expire(Task& task, std::string_view where) {
  End(task, Fate::kExpired, Reason::kDeadline, "its deadline passed " + std::string(where));
}

// Whether there is no use in running it any more. Stages ask this of what they begin to hold, and
// of what they hold because it could not pass: a cancel may have overtaken it on its way, and not
// every controller looks.
[[nodiscard]] inline bool IsDoomed(const Task& task, Instant now) {
  return now > task.deadline || task.record->cancelled.load(std::memory_order_relaxed);
}

// It is doomed: cancelled, else past its deadline.
inline void EndDoomed(Task& task) {
  if (task.record->cancelled.load(std::memory_order_relaxed)) {
    Cancel(task);
  } else {
    Expire(task, "before it ran");
  }
}

inline void Abandon(Task& task) {
  Fail(task, Reason::kDrained, "the node stopped before it could run; submit it again");
}

}  // namespace spillgate
