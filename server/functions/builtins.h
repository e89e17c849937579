// The built-in library: small functions for trying a node out, measuring it and breaking it. An
// ordinary library of the SDK, linked instead of loaded. Arguments and results are text in decimal
// unless a function says otherwise; what is not is the failure of the task. server/functions/*.cc
// say what each takes and returns.
#pragma once

#include "client/sdk/spillgate/function.h"

namespace spillgate::functions {

[[nodiscard]] const sg_library& Builtins();

}  // namespace spillgate::functions
