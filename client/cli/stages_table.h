// The node's figures of its stages, as a table and a word on where the trouble is. Pure.
#pragma once

#include <string>

#include "core/base/json.h"

namespace spillgate::cli {

[[nodiscard]] std::string StagesTable(const Json& figures);  // "" if there are none

// One sentence about the stage that holds up the others, or ""; what it shed and what to look at.
[[nodiscard]] std::string StagesHint(const Json& figures);

}  // namespace spillgate::cli
