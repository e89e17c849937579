// Workflow: a graph of tasks with what each of them took and returned: read from an execution
// record (WfFormat 1.5, https://wfcommons.org), or made by generate.h. Whatever makes one promises
// that parents come before their children, so that it can be submitted from front to back. Plain
// values; any thread. Only ReadWorkflow touches a file.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/clock.h"
#include "core/base/result.h"

namespace spillgate::replay {

struct Step {
  std::string id;
  Nanos runtime{0};
  std::uint64_t output_bytes = 0;      // of all the files that it wrote
  std::vector<std::uint32_t> parents;  // by place in Workflow::steps, all smaller than its own
};

struct Workflow {
  std::string name;
  std::vector<Step> steps;
  [[nodiscard]] std::size_t edges() const;
};

inline constexpr std::size_t kMostSteps = 1'000'000;
inline constexpr std::size_t kMostIdBytes = 1024;
inline constexpr std::size_t kMostFileBytes = 256U << 20;

// `where` names the text in errors, which say what is wrong in it, and at what.
[[nodiscard]] Result<Workflow> ParseWorkflow(std::string_view json, std::string_view where);
[[nodiscard]] Result<Workflow> ReadWorkflow(const std::string& path);

}  // namespace spillgate::replay
