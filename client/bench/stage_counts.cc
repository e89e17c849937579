#include "client/bench/stage_counts.h"

#include <algorithm>
#include <array>
#include <utility>

#include "core/base/format.h"
#include "core/base/json.h"

namespace spillgate::bench {
namespace {

// All but spillover, which a node alone has no use for.
constexpr std::array<std::string_view, 5> kPassed{"submission", "resolution", "scheduling",
                                                  "execution", "publication"};
constexpr Nanos kCountedWithin = std::chrono::seconds(2);

// Null if they are none.
Json StagesIn(std::string_view json) {
  const Json figures = Json::parse(json, nullptr, false);
  if (!figures.is_object()) return nullptr;
  const auto stages = figures.find("stages");
  if (stages == figures.end() || !stages->is_array()) return nullptr;
  return *stages;
}

// Nothing if it does not say.
std::optional<StageCount> CountOf(const Json& stage, std::string_view of) {
  if (!stage.is_object()) return std::nullopt;
  const auto name = stage.find("stage");
  const auto count = stage.find(of);
  if (name == stage.end() || count == stage.end()) return std::nullopt;
  if (!name->is_string() || !count->is_number_unsigned()) return std::nullopt;
  return StageCount{.stage = name->get<std::string>(), .count = count->get<std::uint64_t>()};
}

// 0 if the node does not know the stage.
std::uint64_t HandledBy(const StageCounts& counts, std::string_view stage) {
  const auto found = std::find_if(counts.begin(), counts.end(),
                                  [stage](const StageCount& each) { return each.stage == stage; });
  return found == counts.end() ? 0 : found->count;
}

}  // namespace

Result<StageCounts> ParseStageCounts(std::string_view json) {
  const Json stages = StagesIn(json);
  if (!stages.is_array()) return Error{Code::kCorrupt, "the node's statistics name no stages"};
  StageCounts counts;
  for (const Json& stage : stages) {
    std::optional<StageCount> count = CountOf(stage, "handled");
    if (count.has_value()) counts.push_back(std::move(*count));
  }
  return counts;
}

std::optional<std::uint64_t> ArrivedIn(std::string_view json) {
  const Json stages = StagesIn(json);
  for (const Json& stage : stages) {
    const std::optional<StageCount> arrived = CountOf(stage, "arrived");
    if (arrived.has_value() && arrived->stage == kPassed.front()) return arrived->count;
  }
  return std::nullopt;
}

Result<StageCounts> ReadStageCounts(const AskStages& ask) {
  const Result<std::string> json = ask();
  if (!json.ok()) return json.error();
  return ParseStageCounts(json.value());
}

Status CompareStageCounts(const StageCounts& before, const StageCounts& now, std::uint64_t n) {
  for (const std::string_view stage : kPassed) {
    const std::uint64_t counted = HandledBy(now, stage) - HandledBy(before, stage);
    if (counted == n) continue;
    return Error{counted < n ? Code::kUnavailable : Code::kCorrupt,
                 Format("stage {} counted {} tasks of {}{}", stage, counted, n,
                        counted > n ? "; does somebody else use this node?" : "")};
  }
  return {};
}

Status AwaitStageCounts(const AskStages& ask, const StageCounts& before, std::uint64_t n,
                        const Clock& clock) {
  const Instant until = After(clock.Now(), kCountedWithin);
  while (true) {
    const Result<StageCounts> now = ReadStageCounts(ask);
    if (!now.ok()) return now.error();
    Status status = CompareStageCounts(before, now.value(), n);
    if (status.ok() || status.error().code != Code::kUnavailable || clock.Now() >= until) {
      return status;
    }
  }
}

void VerifyCounts(const AskStages& ask, const StageCounts& before, std::uint64_t n, Row& row) {
  if (row.errors > 0) {
    row.verified = false;
    return;
  }
  const Status counted = AwaitStageCounts(ask, before, n, SteadyClock());
  if (counted.ok()) return;
  row.verified = false;
  row.SetProblem(counted.error().message);
}

}  // namespace spillgate::bench
