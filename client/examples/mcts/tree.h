// Tree: the search tree of one move, kept by the player. It names the position that should be
// evaluated next (UCT), several ahead of the answers, and takes the answers in any order. Games of
// evaluations under way make their moves better known, not worse (as in "Watch the Unobserved", Liu
// et al. 2020), so that the next choice goes elsewhere only where moves are nearly as good:
// counting them as lost costs more strength than a second core brings. One thread.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "client/examples/mcts/othello.h"
#include "client/examples/mcts/rollout.h"

namespace spillgate::mcts {

struct TreeOptions {
  double explore = 0.7;           // weight of what is little known, in points of a game
  std::uint32_t moves = 256'000;  // random ones that an evaluation is good for
  std::size_t most_nodes = 1 << 16;
};

class Tree {
 public:
  using Leaf = std::uint32_t;

  Tree(const Board& board, const TreeOptions& options);

  // A position to evaluate, marked as under way. Nothing: each that could be chosen is under way,
  // or the tree is full, or all is known.
  [[nodiscard]] std::optional<Leaf> Choose();
  [[nodiscard]] const Board& BoardOf(Leaf leaf) const { return nodes_[leaf].board; }
  // The answer. False: it is of another position, and nothing was taken.
  [[nodiscard]] bool Learn(Leaf leaf, const Scores& scores);
  void GiveUp(Leaf leaf);  // there will be no answer

  // The move with the most games; the first legal one before anything is known.
  [[nodiscard]] int BestMove() const;
  // That it knows of, those of finished positions included, which nobody had to play.
  [[nodiscard]] std::uint64_t games() const { return nodes_[0].games; }
  [[nodiscard]] std::size_t size() const { return nodes_.size(); }

 private:
  enum class State : std::uint8_t { kNew, kUnderWay, kOpen, kOver };

  struct Node {
    Board board;
    std::uint32_t parent = 0;
    std::uint32_t first_child = 0;
    std::uint32_t children = 0;
    std::uint32_t square = kPass;  // that led here
    std::uint64_t games = 0;
    std::uint64_t points = 0;    // for the player who moved here
    std::uint64_t expected = 0;  // games of evaluations under way
    State state = State::kNew;
  };

  [[nodiscard]] std::optional<Leaf> Descend(std::uint32_t node) const;
  // By place among its children, of those without a bit in `tried`.
  [[nodiscard]] std::uint32_t BestChild(const Node& node, std::uint64_t tried) const;
  void Open(std::uint32_t node, const Scores& scores);
  // Adds to a node and all above; `points` for the player to move at the node.
  void Count(std::uint32_t node, std::uint64_t games, std::uint64_t points);
  // One evaluation below a node and all above it has begun.
  void Expect(std::uint32_t node);
  void ExpectNoMore(std::uint32_t node);

  const TreeOptions options_;
  std::vector<Node> nodes_;
};

}  // namespace spillgate::mcts
