// What `mcts` prints: one line of progress to stderr after each game, one report to stdout.
#pragma once

#include <string>

#include "client/examples/mcts/match.h"
#include "client/examples/mcts/options.h"

namespace spillgate::mcts {

// Rollouts a move of the first player over those of the second; 0 when there are none.
[[nodiscard]] double RolloutRatio(const MatchReport& report);
// Moves of the player that took longer than their time and the slack.
[[nodiscard]] std::uint64_t LateMoves(const PlayerReport& player, const Options& options);
// What --check finds wrong; empty: nothing.
[[nodiscard]] std::string Complaint(const MatchReport& report, const Options& options);
[[nodiscard]] std::string ToTable(const MatchReport& report, const Options& options);
[[nodiscard]] std::string ToJson(const MatchReport& report, const Options& options);

}  // namespace spillgate::mcts
