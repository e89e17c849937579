#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <deque>
#include <set>

#include "client/examples/mcts/match.h"
#include "client/examples/mcts/options.h"
#include "client/examples/mcts/player.h"
#include "client/examples/mcts/report.h"
#include "client/examples/mcts/rollout.h"
#include "client/examples/mcts/tree.h"

namespace spillgate::mcts {
namespace {

constexpr auto kNeverStop = [] { return false; };

TEST(Rollout, PlaysForAsManyMovesAsItWasAskedFor) {
  const Scores scores = Evaluate(Board(), 6000, 3, kNeverStop);
  EXPECT_EQ(scores.size(), 4u);
  EXPECT_NEAR(GamesOf(scores), GamesExpected(Board(), 6000), 5);
  for (const MoveScore& move : scores) {
    EXPECT_GT(move.games, 0u);
    EXPECT_LE(move.points, 2 * move.games);
  }
  EXPECT_EQ(scores, Evaluate(Board(), 6000, 3, kNeverStop));
  EXPECT_NE(scores, Evaluate(Board(), 6000, 4, kNeverStop));
  EXPECT_EQ(GamesOf(Evaluate(Board(), 1, 3, kNeverStop)), 1u);
  // Games are shorter near the end, so there are more of them.
  const Board late = Opening(40, 1);
  EXPECT_GT(GamesOf(Evaluate(late, 6000, 3, kNeverStop)), 200u);
}

TEST(Rollout, StopsWhenItIsToldTo) {
  const std::uint32_t games = GamesOf(Evaluate(Board(), 100'000, 3, [] { return true; }));
  EXPECT_GE(games, 8u);
  EXPECT_LE(games, 9u) << "it looks every 512 moves";
}

// c1 takes all that White has; anything else lets it live.
TEST(Rollout, PrefersTheMoveThatWinsAtOnce) {
  Board board{1ULL << 0 | 1ULL << 16, 1ULL << 1 | 1ULL << 9};
  const Scores scores = Evaluate(board, 20'000, 1, kNeverStop);
  ASSERT_GE(scores.size(), 2u);
  const auto best = std::max_element(
      scores.begin(), scores.end(), [](const auto& a, const auto& b) { return a.games < b.games; });
  EXPECT_GT(best->games, GamesOf(scores) / 2);
}

TEST(Rollout, TravelsAsBytes) {
  const Question question{Play(Board(), 19), 77, 128, 3};
  const auto back = DecodeQuestion(Encode(question));
  ASSERT_TRUE(back.has_value());
  EXPECT_EQ(back->board, question.board);
  EXPECT_EQ(back->seed, 77u);
  EXPECT_EQ(back->moves, 128u);
  EXPECT_EQ(back->parts, 3u);
  const Scores scores = Evaluate(question.board, 3000, 1, kNeverStop);
  EXPECT_EQ(DecodeScores(Encode(scores)), scores);
  EXPECT_EQ(DecodeScores(""), Scores());
}

TEST(Rollout, RefusesBytesThatAreNone) {
  const std::string question = Encode(Question{Board(), 1, 1, 1});
  EXPECT_FALSE(DecodeQuestion("").has_value());
  EXPECT_FALSE(DecodeQuestion(question.substr(1)).has_value());
  EXPECT_FALSE(DecodeQuestion(question + "x").has_value());
  EXPECT_FALSE(DecodeQuestion(Encode(Question{Board{1, 1}, 1, 1, 1})).has_value());
  EXPECT_FALSE(DecodeQuestion(Encode(Question{Board(), 1, kMostMoves + 1, 1})).has_value());
  EXPECT_FALSE(DecodeQuestion(Encode(Question{Board(), 1, 1, 0})).has_value());
  EXPECT_FALSE(DecodeQuestion(Encode(Question{Board(), 1, 1, kMostParts + 1})).has_value());
  EXPECT_FALSE(DecodeScores("12345").has_value());
  EXPECT_FALSE(DecodeScores(Encode(Scores{{.square = 65, .games = 1, .points = 1}})).has_value());
  EXPECT_FALSE(DecodeScores(Encode(Scores{{.square = 1, .games = 1, .points = 3}})).has_value());
}

TEST(Rollout, AddsOnlyScoresOfTheSamePosition) {
  const Scores one = Evaluate(Board(), 2000, 1, kNeverStop);
  const Scores two = Evaluate(Board(), 2000, 2, kNeverStop);
  Scores sum = NoScores(Board());
  EXPECT_TRUE(Add(one, sum));
  EXPECT_TRUE(Add(two, sum));
  EXPECT_EQ(GamesOf(sum), GamesOf(one) + GamesOf(two));
  EXPECT_FALSE(Add(Evaluate(Play(Board(), 19), 2000, 1, kNeverStop), sum));
  EXPECT_EQ(GamesOf(sum), GamesOf(one) + GamesOf(two));
}

constexpr std::uint32_t kMoves = 2000;  // of an evaluation, in these tests

Scores Answer(const Tree& tree, Tree::Leaf leaf, std::uint64_t seed) {
  return Evaluate(tree.BoardOf(leaf), kMoves, seed, kNeverStop);
}

TEST(Tree, CountsEachGameOnceInAnyOrderOfAnswers) {
  Tree tree(Board(), {.moves = kMoves});
  Random random(1);
  std::deque<Tree::Leaf> under_way;
  std::uint64_t answered = 0;
  for (int i = 0; i < 300; ++i) {
    while (under_way.size() < 5) {
      const auto leaf = tree.Choose();
      if (!leaf) break;
      under_way.push_back(*leaf);
    }
    ASSERT_FALSE(under_way.empty());
    const std::size_t pick = random.Below(static_cast<std::uint32_t>(under_way.size()));
    const Tree::Leaf leaf = under_way[pick];
    under_way.erase(under_way.begin() + static_cast<std::ptrdiff_t>(pick));
    if (i % 7 == 0) {
      tree.GiveUp(leaf);
    } else {
      const Scores scores = Answer(tree, leaf, random.Next());
      ASSERT_TRUE(tree.Learn(leaf, scores));
      answered += GamesOf(scores);
    }
    EXPECT_EQ(tree.games(), answered);
  }
  EXPECT_GT(tree.size(), 300u);
}

TEST(Tree, DoesNotChooseAPositionThatIsUnderWay) {
  Tree tree(Board(), {.moves = kMoves});
  const auto root = tree.Choose();
  ASSERT_TRUE(root.has_value());
  EXPECT_FALSE(tree.Choose().has_value()) << "there is only the root, and it is under way";
  tree.GiveUp(*root);
  ASSERT_EQ(tree.Choose(), root);
  EXPECT_FALSE(tree.Learn(*root, Evaluate(Play(Board(), 19), kMoves, 1, kNeverStop)));
  ASSERT_TRUE(tree.Learn(*root, Answer(tree, *root, 1)));
  std::set<Tree::Leaf> chosen;
  for (int i = 0; i < 4; ++i) {
    const auto leaf = tree.Choose();
    ASSERT_TRUE(leaf.has_value());
    EXPECT_TRUE(chosen.insert(*leaf).second);
  }
  EXPECT_FALSE(tree.Choose().has_value()) << "all four moves are under way";
}

TEST(Tree, AlwaysHasALegalMove) {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    const Board board = Opening(20, seed);
    Tree fresh(board, {});
    const Scores moves = NoScores(board);
    EXPECT_EQ(fresh.BestMove(), static_cast<int>(moves.front().square));
    const auto leaf = fresh.Choose();
    ASSERT_TRUE(leaf.has_value());
    ASSERT_TRUE(fresh.Learn(*leaf, Answer(fresh, *leaf, seed)));
    const int best = fresh.BestMove();
    EXPECT_TRUE(std::any_of(moves.begin(), moves.end(), [&](const MoveScore& move) {
      return static_cast<int>(move.square) == best;
    }));
  }
}

// Near the end all is known: the search has to find what a complete one does.
TEST(Tree, KnowsTheEndOfTheGame) {
  const std::function<int(const Board&)> solve = [&](const Board& board) -> int {
    const Scores moves = NoScores(board);
    if (moves.empty()) return static_cast<int>(Points(board));
    int best = 0;
    for (const MoveScore& move : moves) {
      best = std::max(best, 2 - solve(Play(board, static_cast<int>(move.square))));
    }
    return best;
  };
  int compared = 0;
  for (std::uint64_t seed = 1; compared < 20 && seed < 1000; ++seed) {
    Board board;
    Random random(seed);
    while (std::popcount(board.own | board.other) < 58 && !IsOver(board)) {
      const Scores moves = NoScores(board);
      board = Play(
          board,
          static_cast<int>(moves[random.Below(static_cast<std::uint32_t>(moves.size()))].square));
    }
    if (NoScores(board).size() < 2) continue;
    ++compared;
    Tree tree(board, {.moves = kMoves});
    for (int i = 0; i < 2000; ++i) {
      const auto leaf = tree.Choose();
      if (!leaf) break;
      ASSERT_TRUE(tree.Learn(*leaf, Answer(tree, *leaf, random.Next())));
    }
    EXPECT_EQ(2 - solve(Play(board, tree.BestMove())), solve(board)) << "seed " << seed;
  }
  EXPECT_EQ(compared, 20);
}

TEST(Match, PlaysEachOpeningOnceWithEachColour) {
  // Plays its first legal move, and notes what it was asked.
  class First final : public Player {
   public:
    Move Think(const Board& board) override {
      asked.push_back(board);
      return {.square = static_cast<int>(NoScores(board).front().square),
              .took = std::chrono::milliseconds(1),
              .games = 10};
    }
    std::vector<Board> asked;
  };
  First one;
  First two;
  std::uint32_t after = 0;
  const MatchReport report = PlayMatch(one, two, {.games = 6, .opening = 5, .seed = 9},
                                       [&](const MatchReport&) { ++after; });
  EXPECT_EQ(after, 6u);
  EXPECT_EQ(report.won + report.lost + report.drawn, 6u);
  EXPECT_EQ(report.won, report.lost) << "the same games, with the players swapped";
  EXPECT_EQ(report.first.moves, one.asked.size());
  EXPECT_EQ(report.first.moves + report.second.moves, one.asked.size() + two.asked.size());
  EXPECT_DOUBLE_EQ(report.first.rollouts_per_move(), 10);
  EXPECT_DOUBLE_EQ(RolloutRatio(report), 1);
}

TEST(Report, ComplainsOfWhatCheckIsThereFor) {
  Options options;
  MatchReport report;
  report.won = 60;
  report.lost = 40;
  report.first.moves = 10;
  report.first.rollouts = 1600;
  report.second.moves = 10;
  report.second.rollouts = 1000;
  report.first.took.assign(10, std::chrono::milliseconds(50));
  EXPECT_EQ(Complaint(report, options), "");
  EXPECT_EQ(ToJson(report, options).find("{\"games\":100,\"won\":60,"), 0u);
  MatchReport even = report;
  even.won = 40;
  EXPECT_NE(Complaint(even, options), "");
  MatchReport slow = report;
  slow.first.rollouts = 1400;
  EXPECT_NE(Complaint(slow, options), "");
  MatchReport late = report;
  late.first.took[3] = options.search.move_time + options.slack + Nanos(1);
  EXPECT_NE(Complaint(late, options), "");
  EXPECT_EQ(LateMoves(late.first, options), 1u);
}

TEST(Options, SaysWhatIsWrong) {
  const auto parse = [](std::vector<const char*> words, Options& options) {
    words.insert(words.begin(), "mcts");
    return Parse(static_cast<int>(words.size()), const_cast<char**>(words.data()), options);
  };
  Options options;
  EXPECT_EQ(parse({"--games", "2", "--move-ms", "20", "-o", "json", "--check"}, options), "");
  EXPECT_EQ(options.match.games, 2u);
  EXPECT_TRUE(options.json && options.check);
  EXPECT_EQ(options.search.tree.moves, options.search.moves * options.search.parts);
  EXPECT_NE(parse({"--games", "0"}, options).find("--games is \"0\""), std::string::npos);
  EXPECT_NE(parse({"--games", "2x"}, options), "");
  EXPECT_NE(parse({"--nonsense", "1"}, options).find("--nonsense"), std::string::npos);
  EXPECT_NE(parse({"-o", "xml"}, options), "");
  EXPECT_NE(parse({"--games"}, options), "");
  EXPECT_NE(parse({"--move-ms", "2", "--spare-us", "2000"}, options), "");
}

// On one thread, with a clock that moves with each look: it ends in time, and has a move.
TEST(OneThread, EndsInTime) {
  class TickingClock final : public Clock {
   public:
    [[nodiscard]] Instant Now() const override { return Instant(Nanos(++looks_ * 100'000)); }

   private:
    mutable std::int64_t looks_ = 10'000;
  };
  const TickingClock clock;
  SearchOptions options;
  OneThread player(clock, options, 1);
  const Move move = player.Think(Board());
  EXPECT_NE(Moves(Board()) & (1ULL << move.square), 0u);
  EXPECT_GT(move.games, 100u);
  EXPECT_LE(move.took, options.move_time);
  EXPECT_GE(move.took, options.move_time - options.spare);
}

}  // namespace
}  // namespace spillgate::mcts
