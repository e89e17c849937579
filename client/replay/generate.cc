#include "client/replay/generate.h"

#include <utility>

#include "core/base/format.h"

namespace spillgate::replay {
namespace {

std::uint32_t Append(Workflow& workflow, StepSize size, std::vector<std::uint32_t> parents) {
  const auto place = static_cast<std::uint32_t>(workflow.steps.size());
  workflow.steps.push_back({.id = Format("s{}", place),
                            .runtime = size.runtime,
                            .output_bytes = size.output_bytes,
                            .parents = std::move(parents)});
  return place;
}

}  // namespace

Workflow Chain(std::uint32_t steps, StepSize size) {
  Workflow workflow{.name = Format("chain-{}", steps), .steps = {}};
  for (std::uint32_t i = 0; i < steps; ++i) {
    Append(workflow, size, i == 0 ? std::vector<std::uint32_t>{} : std::vector{i - 1});
  }
  return workflow;
}

Workflow FanOutIn(std::uint32_t width, std::uint32_t rounds, StepSize size) {
  Workflow workflow{.name = Format("fan-{}x{}", width, rounds), .steps = {}};
  std::uint32_t from = Append(workflow, size, {});
  for (std::uint32_t round = 0; round < rounds; ++round) {
    std::vector<std::uint32_t> middle;
    middle.reserve(width);
    for (std::uint32_t i = 0; i < width; ++i) middle.push_back(Append(workflow, size, {from}));
    from = Append(workflow, size, std::move(middle));
  }
  return workflow;
}

Workflow NestedTree(std::uint32_t branches, std::uint32_t depth, StepSize size) {
  Workflow workflow{.name = Format("tree-{}^{}", branches, depth), .steps = {}};
  std::vector<std::uint32_t> generation{Append(workflow, size, {})};
  for (std::uint32_t i = 0; i < depth; ++i) {
    std::vector<std::uint32_t> next;
    for (const std::uint32_t parent : generation) {
      for (std::uint32_t k = 0; k < branches; ++k) next.push_back(Append(workflow, size, {parent}));
    }
    generation = std::move(next);
  }
  return workflow;
}

}  // namespace spillgate::replay
