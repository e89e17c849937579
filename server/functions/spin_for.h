// SpinFor: has the CPU for so long, in CPU time of the calling thread, and looks every now and then
// whether the task should stop. False: it should. For the built-ins only.
#pragma once

#include "client/sdk/spillgate/function.h"

namespace spillgate::functions {

[[nodiscard]] bool SpinFor(sdk::Context& context, sdk::Duration time);

}  // namespace spillgate::functions
