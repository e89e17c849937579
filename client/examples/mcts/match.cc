#include "client/examples/mcts/match.h"

#include <algorithm>

namespace spillgate::mcts {
namespace {

constexpr std::uint32_t kMostOpening = 40;  // the shortest games end sooner than openings should

void Note(const Move& move, PlayerReport& report) {
  ++report.moves;
  report.rollouts += move.games;
  report.answers += move.answers;
  report.failed += move.failed;
  report.late_answers += move.late;
  report.took.push_back(move.took);
}

// Points of the first player: 2, 1 or 0.
std::uint32_t PlayGame(Board board, bool first_moves, Player& first, Player& second,
                       MatchReport& report) {
  while (!IsOver(board)) {
    const Scores moves = NoScores(board);
    int square = static_cast<int>(moves.front().square);
    if (moves.size() > 1) {
      const Move move = (first_moves ? first : second).Think(board);
      Note(move, first_moves ? report.first : report.second);
      square = move.square;
    }
    board = Play(board, square);
    first_moves = !first_moves;
  }
  return first_moves ? Points(board) : 2 - Points(board);
}

}  // namespace

Nanos PlayerReport::Slowest(double share) const {
  if (took.empty()) return Nanos(0);
  std::vector<Nanos> sorted = took;
  std::sort(sorted.begin(), sorted.end());
  const double rank = std::clamp(share, 0.0, 1.0) * static_cast<double>(sorted.size() - 1);
  return sorted[static_cast<std::size_t>(rank)];
}

Board Opening(std::uint32_t moves, std::uint64_t seed) {
  Random random(seed);
  for (;;) {
    Board board;
    for (std::uint32_t i = 0; i < std::min(moves, kMostOpening); ++i) {
      const Scores choice = NoScores(board);
      if (choice.empty()) break;
      const std::uint32_t pick = random.Below(static_cast<std::uint32_t>(choice.size()));
      board = Play(board, static_cast<int>(choice[pick].square));
    }
    if (!IsOver(board)) return board;
  }
}

MatchReport PlayMatch(Player& first, Player& second, const MatchOptions& options,
                      const std::function<void(const MatchReport&)>& after_each) {
  MatchReport report;
  for (std::uint32_t game = 0; game < options.games; ++game) {
    const Board board = Opening(options.opening, options.seed + game / 2);
    const std::uint32_t points = PlayGame(board, game % 2 == 0, first, second, report);
    ++(points == 2 ? report.won : points == 0 ? report.lost : report.drawn);
    after_each(report);
  }
  return report;
}

}  // namespace spillgate::mcts
