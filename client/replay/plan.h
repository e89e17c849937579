// Plan: a workflow at a scale: how long each step will take and how much it will return, what the
// whole comes to, and which values will prove that it ran right. Made before anything is submitted;
// read-only from then on.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "client/replay/workflow.h"
#include "core/base/buffer.h"
#include "core/base/digest.h"

namespace spillgate::replay {

struct Scale {
  double time = 1;
  double data = 0.001;  // results as recorded are far larger than values should be
};

struct Plan {
  std::vector<Nanos> times;             // by step
  std::vector<std::uint64_t> bytes;     // by step: of its value, digest and all
  std::vector<std::uint32_t> children;  // by step: how many
  Nanos work{0};                        // of all steps
  Nanos critical_path{0};  // of the longest line of steps: no number of slots is faster
  std::uint64_t total_bytes = 0;
};

// Refuses scales, times and sizes that make no sense, with what to change.
[[nodiscard]] Result<Plan> MakePlan(const Workflow& workflow, const Scale& scale,
                                    std::uint64_t most_value_bytes);

// What `step` says that it returns (server/functions/step.cc), computed here without any node: each
// value is a hash over those of its parents, so that a right one proves that all before it were.
class Expected {
 public:
  Expected(const Workflow& workflow, const Plan& plan);
  [[nodiscard]] std::string ValueOf(std::uint32_t place) const;
  // "" if `value` is what step `place` has to return; else how it differs.
  [[nodiscard]] std::string Difference(std::uint32_t place, ByteView value) const;

 private:
  std::vector<Digest> digests_;
  std::vector<std::uint64_t> bytes_;
};

}  // namespace spillgate::replay
