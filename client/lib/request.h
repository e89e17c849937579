// Request: a question to the node that one thread waits for, on that thread's stack; and where its
// answer is put. Under the driver's lock from Session::Ask to Session::Forget.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "client/lib/failure.h"
#include "client/lib/waiter.h"
#include "core/base/buffer.h"
#include "schema/messages.h"
#include "schema/out_buffer.h"

namespace spillgate::client {

struct Request {
  explicit Request(wire::FrameType expected, std::uint32_t parts = 1)
      : answer(expected), missing(parts) {}

  wire::FrameType answer;     // of this type
  std::uint32_t missing = 1;  // results or statuses that have not come
  std::uint32_t correlation = 0;
  wire::OutBuffer bytes;  // the question, for asking again on a new connection
  Waiter waiter{1};
  std::optional<Failure> failure;

  wire::Registered registered;
  wire::Shaped shaped;
  wire::WaitDone wait_done;
  wire::Cancelled cancelled;
  wire::Drained drained;
  std::string json;
  std::vector<wire::TaskStatus> statuses;
  Value value;
};

}  // namespace spillgate::client
