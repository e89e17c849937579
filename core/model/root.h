// A root: the unit that is admitted, scheduled fairly, slowed by its window and dropped whole. A task that is
// submitted alone is a root of one; a graph submitted piece by piece, and all that tasks spawn, belong to the
// root they grow from. Shared by the tasks of the root; which part may write which field stands beside it.
#pragma once

#include <atomic>
#include <cstdint>

#include "core/base/clock.h"
#include "core/base/ids.h"
#include "core/model/class.h"
#include "core/model/ready_hooks.h"

namespace spillgate {

struct Root {
  // Constant once the root is open.
  TaskId id;
  SessionId session = 0;
  TenantId tenant = 0;
  TaskClass cls = TaskClass::kNormal;
  std::uint64_t order = 0;  // counts up over the node's life: the oldest root has the least
  Instant deadline = kNever;

  std::atomic<bool> cancelled{false};  // set once, by the task table; read by every stage

  ReadyRoot ready;  // scheduling's own

  // The task table's own, under its lock.
  std::uint32_t unfinished = 0;  // accepted tasks not yet published
  std::uint32_t window = 0;      // most that `unfinished` may be before a submission or spawn waits
  std::uint32_t holders = 0;     // tasks, records, waiting spawns and the open handle that refer to it
  bool explicit_open = false;    // made by OpenRoot
  bool closed = false;           // takes no more from its session
};

}  // namespace spillgate
