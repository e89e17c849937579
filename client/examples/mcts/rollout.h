// What one task of the search computes, and the bytes in which it travels: Evaluate plays games at
// random from a position, spent on its moves as a bandit spends them (UCB1), and says how each move
// did. How many games is measured in the moves that they take, so that a task is as long at the end
// of a game as at its beginning. Linked into the player and into the library of functions, so that
// a search on one thread and one over tasks are the same search. Pure; any thread.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "client/examples/mcts/othello.h"

namespace spillgate::mcts {

// A position to be evaluated: `parts` times as many games as `moves` random moves are good for,
// each part with a seed of its own.
struct Question {
  Board board;
  std::uint64_t seed = 0;
  std::uint32_t moves = 0;
  std::uint32_t parts = 1;
};

// How one move did: points are those of the player who makes it, 2 a game.
struct MoveScore {
  std::uint32_t square = kPass;
  std::uint32_t games = 0;
  std::uint32_t points = 0;
  friend bool operator==(const MoveScore&, const MoveScore&) = default;
};

// One for each legal move, in order of squares; the pass alone where there is none.
using Scores = std::vector<MoveScore>;

inline constexpr std::uint32_t kMostMoves = 1 << 24;  // a second
inline constexpr std::uint32_t kMostParts = 256;

[[nodiscard]] std::uint64_t GamesOf(const Scores& scores);
// Legal moves without games yet. Empty: the game is over.
[[nodiscard]] Scores NoScores(const Board& board);
// `stop` is asked now and then; what was played until it says yes is what comes back.
[[nodiscard]] Scores Evaluate(const Board& board, std::uint32_t moves, std::uint64_t seed,
                              const std::function<bool()>& stop);
// About how many games that will be. The last few squares are played so quickly that other work
// counts: a game is charged at least eight moves.
[[nodiscard]] std::uint32_t GamesExpected(const Board& board, std::uint32_t moves);
// Adds scores of the same position. False: they are of another.
[[nodiscard]] bool Add(const Scores& more, Scores& into);
[[nodiscard]] std::uint64_t SeedOfPart(const Question& question, std::uint32_t part);

[[nodiscard]] std::string Encode(const Question& question);
[[nodiscard]] std::optional<Question> DecodeQuestion(std::string_view bytes);
[[nodiscard]] std::string Encode(const Scores& scores);
[[nodiscard]] std::optional<Scores> DecodeScores(std::string_view bytes);

}  // namespace spillgate::mcts
