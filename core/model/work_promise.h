// WorkPromise: what an open root was let in for and has not brought yet. It counts as waiting in
// the account until its tasks come, the root is closed or gone, or nothing of it has come for too
// long (promise_times.h), so that many small pieces wrapped in roots are judged like the whole.
// Made, kept and let go of by one thread at a time: under the lock of the task table.
#pragma once

#include <cstdint>

#include "core/base/clock.h"
#include "core/base/ids.h"
#include "core/model/class.h"
#include "core/model/slack_lines.h"
#include "core/model/work_account.h"

namespace spillgate {

class WorkPromise {
 public:
  struct Of {
    TaskClass cls{};
    TenantId tenant = 0;
    SlackLine line = 0;
    bool opened = false;  // its client will send them
  };
  // That so many tasks will come, each of which takes so much of each resource. All promises
  // together are of no more tasks than a node can have, or sums of their work overflow.
  WorkPromise(WorkAccount& account, const Of& of, const NodeTimes& each, std::uint32_t tasks);
  ~WorkPromise() { Keep(left_); }
  WorkPromise(const WorkPromise&) = delete;
  WorkPromise& operator=(const WorkPromise&) = delete;

  // So many have come; more than were promised are as good.
  void Keep(std::uint32_t tasks);
  // So many more will.
  void Renew(std::uint32_t tasks);
  [[nodiscard]] std::uint32_t left() const { return left_; }

 private:
  void Count(std::int64_t tasks);

  WorkAccount::Class& cls_;
  WorkAccount::Flow& flow_;
  const SlackLine line_;
  Gauge* const opened_;  // null: its tasks spawn them
  const NodeTimes each_;
  std::uint32_t left_;
};

}  // namespace spillgate
