// What a task that stands for another spends its time with. For the built-ins only.
#pragma once

#include <string_view>

#include "client/sdk/spillgate/function.h"

namespace spillgate::functions {

// Has the CPU for so long, in CPU time of the calling thread, and looks every now and then whether
// the task should stop. False: it should.
[[nodiscard]] bool SpinFor(sdk::Context& context, sdk::Duration time);

// The same if `how` is "spin", or sleeps if it is "sleep"; of anything else the task fails. False:
// it has failed, or should stop.
[[nodiscard]] bool WorkFor(sdk::Context& context, std::string_view how, sdk::Duration time);

}  // namespace spillgate::functions
