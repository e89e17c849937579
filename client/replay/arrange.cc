#include "client/replay/arrange.h"

#include <algorithm>
#include <utility>

#include "core/base/format.h"

namespace spillgate::replay {
namespace {

constexpr std::size_t kMostNamed = 8;  // steps of a cycle in its message

// From any step that was not placed, parents that were not placed either lead into a cycle.
std::string NameCycle(const std::vector<Step>& steps, const std::vector<std::uint32_t>& missing) {
  const auto stuck = [&](std::uint32_t i) { return missing[i] > 0; };
  std::uint32_t at = 0;
  while (!stuck(at)) ++at;
  std::vector<std::uint32_t> seen_at(steps.size(), 0);  // 1 + place on the path
  std::vector<std::uint32_t> path;
  while (seen_at[at] == 0) {
    path.push_back(at);
    seen_at[at] = static_cast<std::uint32_t>(path.size());
    at = *std::find_if(steps[at].parents.begin(), steps[at].parents.end(), stuck);
  }
  std::string names = steps[at].id;
  const std::size_t first = seen_at[at] - 1;
  const std::size_t last = std::max(first + 1, path.size());
  for (std::size_t i = last - 1; i > first && last - i < kMostNamed; --i) {
    names += Format(" -> {}", steps[path[i]].id);
  }
  if (last - first > kMostNamed) names += Format(" -> ({} more)", last - first - kMostNamed);
  return names + " -> " + steps[at].id;
}

}  // namespace

Result<std::vector<Step>> Arrange(std::vector<Step> steps) {
  std::vector<std::uint32_t> missing(steps.size());
  std::vector<std::vector<std::uint32_t>> children(steps.size());
  std::vector<std::uint32_t> order;
  order.reserve(steps.size());
  for (std::uint32_t i = 0; i < steps.size(); ++i) {
    missing[i] = static_cast<std::uint32_t>(steps[i].parents.size());
    for (const std::uint32_t parent : steps[i].parents) children[parent].push_back(i);
    if (missing[i] == 0) order.push_back(i);
  }
  for (std::size_t next = 0; next < order.size(); ++next) {
    for (const std::uint32_t child : children[order[next]]) {
      if (--missing[child] == 0) order.push_back(child);
    }
  }
  if (order.size() < steps.size()) {
    return Error{Code::kInvalid, Format("tasks wait for each other in a circle, each for the one "
                                        "before it: {}",
                                        NameCycle(steps, missing))};
  }
  std::vector<std::uint32_t> place(steps.size());
  for (std::uint32_t i = 0; i < order.size(); ++i) place[order[i]] = i;
  std::vector<Step> arranged;
  arranged.reserve(steps.size());
  for (const std::uint32_t from : order) {
    Step& step = arranged.emplace_back(std::move(steps[from]));
    for (std::uint32_t& parent : step.parents) parent = place[parent];
  }
  return arranged;
}

}  // namespace spillgate::replay
