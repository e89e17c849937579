// Arrange puts steps into an order in which parents come before their children, or names a cycle.
// For ParseWorkflow; pure.
#pragma once

#include "client/replay/workflow.h"

namespace spillgate::replay {

// `parents` of the steps may be any places below steps.size(). Steps that do not depend on each
// other keep their order as far as that is possible.
[[nodiscard]] Result<std::vector<Step>> Arrange(std::vector<Step> steps);

}  // namespace spillgate::replay
