// What no single value shows: settings that contradict each other, or that would make a node that
// cannot keep its promises. Pure. Called by Parse(); a node that is built from a Config made in
// code may call it too.
#pragma once

#include "config/apply.h"
#include "config/problems.h"

namespace spillgate::config {

// Adds each contradiction, at the place of a setting that takes part in it and is not a default.
void Check(const Loaded& loaded, Problems& problems);

}  // namespace spillgate::config
