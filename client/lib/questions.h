// What callers ask the node and wait for: bounds, values by their ids, k of n. The parts of Client
// that need more than one step. Any thread.
#pragma once

#include <span>
#include <vector>

#include "client/lib/client.h"
#include "client/lib/driver.h"

namespace spillgate::client {

// Until a task may be submitted. False: not in time.
[[nodiscard]] bool AwaitRoom(Driver& driver, Instant until) REQUIRES(driver.mutex());
[[nodiscard]] Failure Full(const ClientOptions& options);
[[nodiscard]] Failure NoCredit();

[[nodiscard]] Result<Value> AskForValue(Driver& driver, ObjectId object, Instant until);
[[nodiscard]] Result<Ready> AskWhichAreReady(Driver& driver, std::span<const ObjectId> objects,
                                             std::uint32_t needed, Instant until);
// Until so many have been accepted or have failed.
[[nodiscard]] Ready AwaitVerdicts(Driver& driver, std::span<TaskState* const> states,
                                  std::uint32_t needed, Instant until);
[[nodiscard]] Result<Ready> AwaitReady(Driver& driver, std::span<TaskState* const> states,
                                       std::uint32_t needed, Instant until);

}  // namespace spillgate::client
