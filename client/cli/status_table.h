// The node's figures of itself, and the state of tasks, as tables. Pure.
#pragma once

#include <span>
#include <string>

#include "core/base/json.h"
#include "schema/messages.h"

namespace spillgate::cli {

// Only what the node says; "" if that is nothing.
[[nodiscard]] std::string StatusTable(const Json& figures);

[[nodiscard]] std::string TaskTable(std::span<const wire::TaskStatus> tasks);
[[nodiscard]] Json ToJson(std::span<const wire::TaskStatus> tasks);

}  // namespace spillgate::cli
