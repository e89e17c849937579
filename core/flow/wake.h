// Wake, as the stage runtime calls it: core/base/wake.h has it, and says what it is.
#pragma once

#include "core/base/wake.h"  // IWYU pragma: export

namespace spillgate::flow {

using spillgate::Wake;

}  // namespace spillgate::flow
