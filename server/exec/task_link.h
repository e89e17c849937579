// TaskLink: how the calls of a running task reach its node, and how the node reaches it. One
// implementation is a thread of the node, one a worker process. Used by the thread that runs the
// task.
#pragma once

#include <string_view>

#include "core/base/buffer.h"
#include "core/base/clock.h"
#include "core/base/ids.h"
#include "server/exec/run_state.h"

namespace spillgate {

enum class Pumped : std::uint8_t {
  kWoken,      // something arrived, or may have; look again
  kRanNested,  // another task ran in place meanwhile
  kTime,
};

class TaskLink {
 public:
  virtual ~TaskLink() = default;
  // One whole frame, to the node.
  virtual void Send(RunState& run, Buffer frame) = 0;
  // Waits until something arrives for the tasks of this thread, at most until then; hands it to
  // their client. May run other tasks in place, while the innermost task is blocked.
  [[nodiscard]] virtual Pumped Pump(Instant until) = 0;
  // Takes what has arrived without waiting, so that a stop sign is seen; cheap enough to call
  // often.
  virtual void Look() = 0;
  // The task waits for others: its slot may be given away, and `awaited`, if not none, run in its
  // place. Called again while it still waits, to name another one. `for_room`: it does not wait for
  // tasks but to add some.
  virtual void Block(RunState& run, TaskId awaited, bool for_room) = 0;
  virtual void Resume(RunState& run) = 0;
  // The number of a function of the node; 0: none of that name, or the task should stop.
  [[nodiscard]] virtual FunctionId FindFunction(RunState& run, std::string_view name) = 0;
};

}  // namespace spillgate
