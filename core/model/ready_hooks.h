// What the ready set keeps inside each task and each root, so that holding one costs no allocation. Only the
// ready set reads or writes these.
#pragma once

#include <cstdint>

#include "core/base/clock.h"

namespace spillgate {

struct ReadyTask {};
struct ReadyRoot {};

}  // namespace spillgate
