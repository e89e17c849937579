// A match between the two players: pairs of games from the same opening of random moves, each
// player once with Black. Runs on the calling thread and says what happened in a plain report.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "client/examples/mcts/player.h"

namespace spillgate::mcts {

struct MatchOptions {
  std::uint32_t games = 100;
  std::uint32_t opening = 6;  // random moves at the beginning, the same for both games of a pair
  std::uint64_t seed = 1;
};

// All moves of one player that it had a choice in.
struct PlayerReport {
  std::uint64_t moves = 0;
  std::uint64_t rollouts = 0;
  std::uint64_t answers = 0;
  std::uint64_t failed = 0;
  std::uint64_t late_answers = 0;
  std::vector<Nanos> took;
  [[nodiscard]] double rollouts_per_move() const {
    return moves == 0 ? 0 : static_cast<double>(rollouts) / static_cast<double>(moves);
  }
  // Of `took`; share 1 is the slowest move. 0 without moves.
  [[nodiscard]] Nanos Slowest(double share) const;
};

struct MatchReport {
  std::uint32_t won = 0;  // by the first player
  std::uint32_t lost = 0;
  std::uint32_t drawn = 0;
  PlayerReport first;
  PlayerReport second;
  double cores = 0;  // what plain threads on all cores bring over one, in the same run; 0: unknown
};

// A position after `moves` random ones, in which the game is not over.
[[nodiscard]] Board Opening(std::uint32_t moves, std::uint64_t seed);
// `after_each` is called after each game.
[[nodiscard]] MatchReport PlayMatch(Player& first, Player& second, const MatchOptions& options,
                                    const std::function<void(const MatchReport&)>& after_each);

}  // namespace spillgate::mcts
