// Ruling: what was decided about a frame of tasks from its fixed part.
#pragma once

#include <cstdint>

#include "core/base/clock.h"
#include "core/model/reason.h"
#include "core/model/slack_lines.h"

namespace spillgate {

struct Ruling {
  std::uint32_t admitted = 0;      // the first so many have places in the in-flight bound
  std::uint32_t brings = 0;        // tasks that are expected of a root that is opened
  std::uint32_t bytes_each = 0;    // what each of them is charged there
  Reason refusal = Reason::kNone;  // of the others
  SlackLine line = 0;              // of their tenant, by how long they can wait
  std::uint8_t load_level = 0;     // how full the node is for such as these, 0 to 255
  Nanos retry_after{0};            // for them
  Instant deadline = kNever;       // of all
};

}  // namespace spillgate
