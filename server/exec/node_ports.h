// What running tasks, on threads and in workers, need of the node around them. Every function may
// be called from any thread, outlives the executors, and never calls back into them from within.
#pragma once

#include <functional>
#include <string_view>

#include "core/base/buffer.h"
#include "core/base/ids.h"
#include "core/ports/executor.h"

namespace spillgate {

// Connections of worker processes have this bit besides that of running tasks.
inline constexpr ConnectionId kWorkerConnection = kTaskConnection | (ConnectionId{1} << 62);

struct NodePorts {
  OnReport report;
  OnNotice notice;
  // One whole frame of a running task, for the submission stage. The answers come back through
  // Deliver.
  std::function<void(ConnectionId, SessionId, Buffer frame)> ask;
  // The number of a function of this node; 0: there is none of that name.
  std::function<FunctionId(std::string_view)> find_function;
  // Nobody is there for the answers of this connection any more, and nobody will be. May be empty.
  std::function<void(ConnectionId)> gone;
};

}  // namespace spillgate
