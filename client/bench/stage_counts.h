// StageCounts: how many tasks each stage of the node says it has handled, so that a benchmark can
// tell whether all that it submitted went through all of them. Read from the node's statistics.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "client/bench/row.h"
#include "core/base/clock.h"
#include "core/base/result.h"

namespace spillgate::bench {

struct StageCount {
  std::string stage;
  std::uint64_t count = 0;  // of tasks
};
using StageCounts = std::vector<StageCount>;

// The node's "stages" statistics.
[[nodiscard]] Result<StageCounts> ParseStageCounts(std::string_view json);

// Tasks that came to the first stage, refused ones as well, in those statistics; nothing if they do
// not say.
[[nodiscard]] std::optional<std::uint64_t> ArrivedIn(std::string_view json);

// Asks the node for them: over the connection that is at hand.
using AskStages = std::function<Result<std::string>()>;
[[nodiscard]] Result<StageCounts> ReadStageCounts(const AskStages& ask);

// Each stage that every task passes has to have counted `n` more than `before`. With threads of
// their own, stages may count a little later than results arrive, so it asks again for a while. The
// error says which stage counted what.
[[nodiscard]] Status AwaitStageCounts(const AskStages& ask, const StageCounts& before,
                                      std::uint64_t n, const Clock& clock);
// One look. kUnavailable: less than that, so far.
[[nodiscard]] Status CompareStageCounts(const StageCounts& before, const StageCounts& now,
                                        std::uint64_t n);

// The last check of a measurement: in `row`, it was not verified unless the stages have counted
// `n` tasks since `before`. Skipped when there were errors: what is rejected is not counted.
void VerifyCounts(const AskStages& ask, const StageCounts& before, std::uint64_t n, Row& row);

}  // namespace spillgate::bench
