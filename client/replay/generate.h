// Graphs of a known shape, as workflows: for benchmarks and tests. Pure; ids are "s0", "s1", …
// All steps take and return the same.
#pragma once

#include <cstdint>

#include "client/replay/workflow.h"

namespace spillgate::replay {

struct StepSize {
  Nanos runtime{0};
  std::uint64_t output_bytes = 0;
};

// Each step needs the one before it.
[[nodiscard]] Workflow Chain(std::uint32_t steps, StepSize size);
// One, `width` that need it, one that needs them all; `rounds` times, one after the other.
[[nodiscard]] Workflow FanOutIn(std::uint32_t width, std::uint32_t rounds, StepSize size);
// One, `branches` that need it, as many that need each of these, …: `depth` generations after the
// first.
[[nodiscard]] Workflow NestedTree(std::uint32_t branches, std::uint32_t depth, StepSize size);

}  // namespace spillgate::replay
