// The checks of stages and pools among each other: the part of Check() that is about threads and
// room. Pure.
#pragma once

#include <cstdint>
#include <string>

#include "config/apply.h"
#include "config/problems.h"

namespace spillgate::config {

void CheckStages(const Loaded& loaded, Problems& problems);

// How many threads of a pool can find work: the shards of all stages that it serves, and one for
// the sockets in the loop pool. Has no meaning for the exec pool, whose work is functions.
[[nodiscard]] std::uint32_t UsableThreads(const Config& config, const std::string& pool);

}  // namespace spillgate::config
