#include "client/examples/mcts/tree.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace spillgate::mcts {
namespace {

constexpr double kUnknown = 1;       // points of a game of which nothing is known: a draw
constexpr int kMostKnownGames = 64;  // finished games that one Choose may meet before it gives up

}  // namespace

Tree::Tree(const Board& board, const TreeOptions& options) : options_(options) {
  nodes_.reserve(1024);
  nodes_.push_back({.board = board});
}

std::optional<Tree::Leaf> Tree::Choose() {
  for (int attempt = 0; attempt < kMostKnownGames; ++attempt) {
    const std::optional<Leaf> leaf = Descend(0);
    if (!leaf) return std::nullopt;
    Node& node = nodes_[*leaf];
    if (node.state == State::kNew && IsOver(node.board)) node.state = State::kOver;
    if (node.state == State::kOver) {
      // Nothing to evaluate: it counts as often as an evaluation would, with what it is.
      if (*leaf == 0) return std::nullopt;
      const std::uint64_t games = GamesExpected(node.board, options_.moves);
      Count(*leaf, games, games * Points(node.board));
      continue;
    }
    if (nodes_.size() + kPass > options_.most_nodes) return std::nullopt;
    node.state = State::kUnderWay;
    Expect(*leaf);
    return leaf;
  }
  return std::nullopt;
}

// The best leaf below a node that is not under way; where the best child leads only to such, the
// next best.
std::optional<Tree::Leaf> Tree::Descend(std::uint32_t node) const {
  const Node& here = nodes_[node];
  if (here.state == State::kUnderWay) return std::nullopt;
  if (here.state != State::kOpen) return node;
  std::uint64_t tried = 0;  // a position has fewer than 64 moves
  for (std::uint32_t i = 0; i < here.children; ++i) {
    const std::uint32_t child = BestChild(here, tried);
    if (const std::optional<Leaf> leaf = Descend(here.first_child + child)) return leaf;
    tried |= 1ULL << child;
  }
  return std::nullopt;
}

std::uint32_t Tree::BestChild(const Node& node, std::uint64_t tried) const {
  const double log_games =
      std::log(static_cast<double>(std::max<std::uint64_t>(node.games + node.expected, 1)));
  std::uint32_t best = 0;
  double best_bound = -1;
  for (std::uint32_t i = 0; i < node.children; ++i) {
    if ((tried >> i & 1) != 0) continue;
    const Node& child = nodes_[node.first_child + i];
    const auto games = static_cast<double>(child.games);
    const auto known = static_cast<double>(child.games + child.expected);
    const double mean = games > 0 ? static_cast<double>(child.points) / games : kUnknown;
    const double bound = known > 0 ? mean + options_.explore * std::sqrt(log_games / known)
                                   : std::numeric_limits<double>::max();
    if (bound > best_bound) {
      best_bound = bound;
      best = i;
    }
  }
  return best;
}

bool Tree::Learn(Leaf leaf, const Scores& scores) {
  Scores expected = NoScores(nodes_[leaf].board);
  if (!Add(scores, expected)) return false;
  std::uint64_t games = 0;
  std::uint64_t points = 0;
  for (const MoveScore& move : scores) {
    games += move.games;
    points += move.points;
  }
  ExpectNoMore(leaf);
  Count(leaf, games, points);
  Open(leaf, scores);
  return true;
}

void Tree::GiveUp(Leaf leaf) {
  ExpectNoMore(leaf);
  nodes_[leaf].state = State::kNew;
}

void Tree::Open(std::uint32_t node, const Scores& scores) {
  nodes_[node].state = State::kOpen;
  nodes_[node].first_child = static_cast<std::uint32_t>(nodes_.size());
  nodes_[node].children = static_cast<std::uint32_t>(scores.size());
  for (const MoveScore& move : scores) {
    nodes_.push_back({.board = Play(nodes_[node].board, static_cast<int>(move.square)),
                      .parent = node,
                      .square = move.square,
                      .games = move.games,
                      .points = move.points});
  }
}

void Tree::Count(std::uint32_t node, std::uint64_t games, std::uint64_t points) {
  for (std::uint32_t up = node;; up = nodes_[up].parent) {
    points = 2 * games - points;  // now for the player who moved there
    nodes_[up].games += games;
    nodes_[up].points += points;
    if (up == 0) return;
  }
}

void Tree::Expect(std::uint32_t node) {
  const std::uint32_t games = GamesExpected(nodes_[node].board, options_.moves);
  for (std::uint32_t up = node;; up = nodes_[up].parent) {
    nodes_[up].expected += games;
    if (up == 0) return;
  }
}

void Tree::ExpectNoMore(std::uint32_t node) {
  const std::uint32_t games = GamesExpected(nodes_[node].board, options_.moves);
  for (std::uint32_t up = node;; up = nodes_[up].parent) {
    nodes_[up].expected -= games;
    if (up == 0) return;
  }
}

int Tree::BestMove() const {
  const Node& root = nodes_[0];
  if (root.children == 0) {
    const Scores moves = NoScores(root.board);
    return moves.empty() ? kPass : static_cast<int>(moves.front().square);
  }
  const auto children = nodes_.begin() + root.first_child;
  const auto best =
      std::max_element(children, children + root.children,
                       [](const Node& a, const Node& b) { return a.games < b.games; });
  return static_cast<int>(best->square);
}

}  // namespace spillgate::mcts
