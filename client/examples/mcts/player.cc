#include "client/examples/mcts/player.h"

#include <algorithm>
#include <string>
#include <utility>

namespace spillgate::mcts {
namespace {

// After a move, so long for what is still under way to end: the opponent shall have the machine.
constexpr Nanos kLetGoWithin = std::chrono::milliseconds(200);
// What is submitted later than this before the end would not be back in time.
constexpr Nanos kTooLate = std::chrono::microseconds(1200);

Question Ask(const Board& board, const SearchOptions& options, Random& random) {
  return {board, random.Next(), options.moves, options.parts};
}

}  // namespace

Move OneThread::Think(const Board& board) {
  const Instant start = clock_.Now();
  const Instant until = start + options_.move_time - options_.spare;
  const auto over = [&] { return clock_.Now() >= until; };
  Tree tree(board, options_.tree);
  Move move;
  while (!over()) {
    const std::optional<Tree::Leaf> leaf = tree.Choose();
    if (!leaf) break;
    const Question question = Ask(tree.BoardOf(*leaf), options_, random_);
    Scores sum = NoScores(question.board);
    for (std::uint32_t part = 0; part < question.parts; ++part) {
      const Scores scores =
          Evaluate(question.board, question.moves, SeedOfPart(question, part), over);
      if (!Add(scores, sum)) break;
    }
    if (!tree.Learn(*leaf, sum)) break;
    ++move.answers;
    move.games += GamesOf(sum);
  }
  move.square = tree.BestMove();
  move.took = clock_.Now() - start;
  return move;
}

Move OverTasks::Think(const Board& board) {
  const Instant start = clock_.Now();
  const Instant until = start + options_.move_time - options_.spare;
  Tree tree(board, options_.tree);
  Move move;
  client::Result<client::Root> root =
      client_.OpenRoot({.cls = TaskClass::kHigh, .deadline = until - start});
  if (!root.ok()) last_problem_ = root.error().message;
  for (Instant now = clock_.Now(); root.ok() && now < until; now = clock_.Now()) {
    if (until - now > kTooLate) Fill(tree, root.value(), until - now);
    if (futures_.empty()) break;  // all of the game is known, or it is the end
    const auto needed =
        static_cast<std::uint32_t>(std::min<std::size_t>(options_.first, futures_.size()));
    const client::Result<client::Ready> ready = client_.Wait(futures_, needed, until - now);
    if (!ready.ok()) {
      last_problem_ = ready.error().message;
      break;
    }
    TakeReady(tree, move);
  }
  move.late = static_cast<std::uint32_t>(futures_.size());
  for (const Tree::Leaf leaf : leaves_) tree.GiveUp(leaf);
  move.square = tree.BestMove();
  move.took = clock_.Now() - start;
  if (root.ok()) LetGo(root.value());
  futures_.clear();
  leaves_.clear();
  return move;
}

void OverTasks::Fill(Tree& tree, const client::Root& root, Nanos left) {
  client::SubmitOptions how;
  how.root = &root;
  how.deadline = left;
  while (futures_.size() < options_.width) {
    const std::optional<Tree::Leaf> leaf = tree.Choose();
    if (!leaf) return;
    const std::string question = Encode(Ask(tree.BoardOf(*leaf), options_, random_));
    futures_.push_back(client_.Submit(expand_, {question}, how));
    leaves_.push_back(*leaf);
  }
}

void OverTasks::TakeReady(Tree& tree, Move& move) {
  for (std::size_t i = 0; i < futures_.size();) {
    if (!futures_[i].ready()) {
      ++i;
      continue;
    }
    if (const std::optional<Scores> scores = Learn(tree, leaves_[i], futures_[i])) {
      move.games += GamesOf(*scores);
      ++move.answers;
    } else {
      ++move.failed;
      tree.GiveUp(leaves_[i]);
    }
    std::swap(futures_[i], futures_.back());
    std::swap(leaves_[i], leaves_.back());
    futures_.pop_back();
    leaves_.pop_back();
  }
}

std::optional<Scores> OverTasks::Learn(Tree& tree, Tree::Leaf leaf, const client::Future& future) {
  const client::Result<Value> value = future.Get(Nanos(0));
  if (!value.ok()) {
    last_problem_ = value.error().message;
    return std::nullopt;
  }
  std::optional<Scores> scores = DecodeScores(AsText(value.value().view()));
  if (scores && tree.Learn(leaf, *scores)) return scores;
  last_problem_ = "a task answered with scores of another position";
  return std::nullopt;
}

void OverTasks::LetGo(const client::Root& root) {
  if (futures_.empty()) return;
  const auto all = static_cast<std::uint32_t>(futures_.size());
  const TaskId id = root.id();
  if (!client_.Cancel(std::span(&id, 1)).ok()) return;
  // What it says does not matter: the move is made.
  (void)client_.Wait(futures_, all, kLetGoWithin);
}

}  // namespace spillgate::mcts
