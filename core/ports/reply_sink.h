// Where replies go. A connection is a client's socket, a worker's, or a running task's own mailbox;
// the sender does not know which. Safe from any thread; never blocks.
#pragma once

#include <cstdint>

#include "core/base/buffer.h"
#include "core/base/ids.h"

namespace spillgate {

class ReplySink {
 public:
  virtual ~ReplySink() = default;

  // Queues whole frames for the connection, in order. Dropped if it is gone: what they said can be
  // asked again. `refused` is how many of its own frames they say no to: who is refused too often
  // is not read for a while.
  virtual void Send(ConnectionId to, ByteView frames, std::uint32_t refused) = 0;

  // False while more is queued for it than it should have: results that nobody asked for then stay
  // in the table.
  [[nodiscard]] virtual bool TakesPushes(ConnectionId to) const = 0;
};

}  // namespace spillgate
