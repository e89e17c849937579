// The two players of a match: the same search within the same time, once on the calling thread,
// once as tasks of a node. Both always have a move when the time is over, whatever happened. Each
// is used from one thread.
#pragma once

#include <cstdint>
#include <optional>

#include "client/examples/mcts/tree.h"
#include "client/lib/spillgate.h"

namespace spillgate::mcts {

struct SearchOptions {
  Nanos move_time = std::chrono::milliseconds(50);
  Nanos spare = std::chrono::milliseconds(1);  // of it, left for what comes after the search
  std::uint32_t moves = 64'000;  // random ones that one task plays: three milliseconds
  std::uint32_t parts = 4;       // tasks that one evaluation spawns
  std::uint32_t width = 2;       // evaluations under way at a time
  std::uint32_t first = 1;       // answers to wait for before the tree is looked at again
  TreeOptions tree;
};

struct Move {
  int square = kPass;
  Nanos took{0};
  std::uint64_t games = 0;    // played at random for it
  std::uint32_t answers = 0;  // evaluations that came in time
  std::uint32_t failed = 0;   // that failed
  std::uint32_t late = 0;     // that were still under way
};

class Player {
 public:
  virtual ~Player() = default;
  // `board` has at least one legal move.
  [[nodiscard]] virtual Move Think(const Board& board) = 0;
};

class OneThread final : public Player {
 public:
  OneThread(const Clock& clock, const SearchOptions& options, std::uint64_t seed)
      : clock_(clock), options_(options), random_(seed) {}
  [[nodiscard]] Move Think(const Board& board) override;

 private:
  const Clock& clock_;
  const SearchOptions options_;
  Random random_;
};

// Each move is one root: an evaluation is a task in it, which spawns its rollouts. The tree stays
// here: wait for the first few answers, learn, choose where to look next, submit.
class OverTasks final : public Player {
 public:
  OverTasks(client::Client& client, client::Function expand, const Clock& clock,
            const SearchOptions& options, std::uint64_t seed)
      : client_(client),
        expand_(std::move(expand)),
        clock_(clock),
        options_(options),
        random_(seed) {}
  [[nodiscard]] Move Think(const Board& board) override;
  [[nodiscard]] const std::string& last_problem() const { return last_problem_; }

 private:
  void Fill(Tree& tree, const client::Root& root, Nanos left);
  void TakeReady(Tree& tree, Move& move);
  [[nodiscard]] std::optional<Scores> Learn(Tree& tree, Tree::Leaf leaf,
                                            const client::Future& future);
  void LetGo(const client::Root& root);

  client::Client& client_;
  const client::Function expand_;
  const Clock& clock_;
  const SearchOptions options_;
  Random random_;
  std::vector<client::Future> futures_;  // of evaluations under way
  std::vector<Tree::Leaf> leaves_;       // that they are about
  std::string last_problem_;
};

}  // namespace spillgate::mcts
