#include "client/examples/mcts/rollout.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

namespace spillgate::mcts {
namespace {

constexpr std::uint32_t kLooksBetween = 512;  // moves between two looks at `stop`: 30 us
constexpr std::uint32_t kLeastCharge = 8;     // moves that a game counts as, at least
constexpr double kExplore = 1.4;              // of UCB1, in points of a game; sqrt(2), as it says
constexpr std::uint32_t kPointsPerGame = 2;

// The move that deserves the next game: each once, then by its upper confidence bound.
std::size_t NextMove(const Scores& scores, std::uint32_t games) {
  if (games < scores.size()) return games;
  const double log_games = std::log(static_cast<double>(games));
  std::size_t best = 0;
  double best_bound = -1;
  for (std::size_t i = 0; i < scores.size(); ++i) {
    const double played = scores[i].games;
    const double bound = scores[i].points / played + kExplore * std::sqrt(log_games / played);
    if (bound > best_bound) {
      best_bound = bound;
      best = i;
    }
  }
  return best;
}

}  // namespace

std::uint64_t GamesOf(const Scores& scores) {
  std::uint64_t games = 0;
  for (const MoveScore& move : scores) games += move.games;
  return games;
}

Scores NoScores(const Board& board) {
  Scores scores;
  for (std::uint64_t moves = Moves(board); moves != 0; moves &= moves - 1) {
    scores.push_back({.square = static_cast<std::uint32_t>(std::countr_zero(moves))});
  }
  if (scores.empty() && !IsOver(board)) scores.push_back({.square = kPass});
  return scores;
}

Scores Evaluate(const Board& board, std::uint32_t moves, std::uint64_t seed,
                const std::function<bool()>& stop) {
  Scores scores = NoScores(board);
  if (scores.empty()) return scores;
  Random random(seed);
  std::uint32_t games = 0;
  std::uint32_t next_look = kLooksBetween;
  for (std::uint32_t spent = 0; spent < moves; ++games) {
    if (spent >= next_look) {
      if (stop()) break;
      next_look = spent + kLooksBetween;
    }
    MoveScore& move = scores[NextMove(scores, games)];
    std::uint32_t made = 1;
    const std::uint32_t theirs = PlayOut(Play(board, static_cast<int>(move.square)), random, made);
    ++move.games;
    move.points += kPointsPerGame - theirs;
    spent += std::max(made, kLeastCharge);
  }
  return scores;
}

std::uint32_t GamesExpected(const Board& board, std::uint32_t moves) {
  const auto left = static_cast<std::uint32_t>(kPass - std::popcount(board.own | board.other));
  return std::max(1U, moves / std::max(left, kLeastCharge));
}

bool Add(const Scores& more, Scores& into) {
  if (more.size() != into.size()) return false;
  for (std::size_t i = 0; i < more.size(); ++i) {
    if (more[i].square != into[i].square) return false;
  }
  for (std::size_t i = 0; i < more.size(); ++i) {
    into[i].games += more[i].games;
    into[i].points += more[i].points;
  }
  return true;
}

std::uint64_t SeedOfPart(const Question& question, std::uint32_t part) {
  return Random(question.seed + part).Next();
}

// As they lie in memory: node, workers and player share a machine, or at least its byte order.
std::string Encode(const Question& question) {
  return {reinterpret_cast<const char*>(&question), sizeof(question)};
}

std::optional<Question> DecodeQuestion(std::string_view bytes) {
  Question question;
  if (bytes.size() != sizeof(question)) return std::nullopt;
  std::memcpy(&question, bytes.data(), sizeof(question));
  if ((question.board.own & question.board.other) != 0) return std::nullopt;
  if (question.moves > kMostMoves) return std::nullopt;
  if (question.parts == 0 || question.parts > kMostParts) return std::nullopt;
  return question;
}

std::string Encode(const Scores& scores) {
  return {reinterpret_cast<const char*>(scores.data()), scores.size() * sizeof(MoveScore)};
}

std::optional<Scores> DecodeScores(std::string_view bytes) {
  if (bytes.size() % sizeof(MoveScore) != 0 || bytes.size() > (kPass + 1) * sizeof(MoveScore)) {
    return std::nullopt;
  }
  Scores scores(bytes.size() / sizeof(MoveScore));
  if (!bytes.empty()) std::memcpy(scores.data(), bytes.data(), bytes.size());
  for (const MoveScore& move : scores) {
    if (move.square > kPass || move.points > std::uint64_t{2} * move.games) {
      return std::nullopt;
    }
  }
  return scores;
}

}  // namespace spillgate::mcts
