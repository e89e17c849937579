// Connect: a connected, non-blocking stream socket to an endpoint, or why there is none. Ends at
// its deadline, looking up a host name included. Any thread.
#pragma once

#include "client/lib/address.h"
#include "core/base/clock.h"

namespace spillgate::client {

[[nodiscard]] Result<int> Connect(const Endpoint& endpoint, const Clock& clock, Instant until);

// Sleeps until `fd` has one of `events`, or `until`. False: the time is over.
[[nodiscard]] bool AwaitEvents(int fd, short events, const Clock& clock, Instant until);

}  // namespace spillgate::client
