// From the config to the bounds that stages read.
#pragma once

#include "config/config.h"
#include "core/tables/limits.h"

namespace spillgate {

// Sets all of them, and counts the change. Any thread; readers may meet old and new values side by
// side.
Limits& SetLimits(Limits& limits, const config::Config& config);

}  // namespace spillgate
