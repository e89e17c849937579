#include "client/examples/mcts/othello.h"

#include <bit>

namespace spillgate::mcts {
namespace {

constexpr std::uint64_t kNotA = 0xfefefefefefefefeULL;  // all files but a
constexpr std::uint64_t kNotH = 0x7f7f7f7f7f7f7f7fULL;
constexpr int kFile = 8;  // squares along each line

// One step of all discs in a direction; what leaves the board is gone.
template <int direction>
constexpr std::uint64_t Step(std::uint64_t discs) {
  constexpr std::uint64_t kKept = (direction & 7) == 0   ? ~0ULL
                                  : (direction & 7) == 1 ? kNotA
                                                         : kNotH;
  if constexpr (direction > 0) {
    return (discs << direction) & kKept;
  } else {
    return (discs >> -direction) & kKept;
  }
}
static_assert(Step<1>(1ULL << 7) == 0 && Step<-1>(1ULL << 8) == 0);
static_assert(Step<9>(1ULL << 7) == 0 && Step<-9>(1ULL << 16) == 0);
static_assert(Step<7>(1ULL << 8) == 0 && Step<-7>(1ULL << 15) == 0);
static_assert(Step<-8>(1ULL << 8) == 1 && Step<8>(1ULL << 56) == 0);

// The other's discs in one unbroken line from `from` on; at most six lie between two others.
template <int direction>
std::uint64_t Line(std::uint64_t from, std::uint64_t other) {
  std::uint64_t line = Step<direction>(from) & other;
  line |= Step<direction>(line) & other;
  line |= Step<direction>(line) & other;
  line |= Step<direction>(line) & other;
  line |= Step<direction>(line) & other;
  return line | (Step<direction>(line) & other);
}

template <int direction>
std::uint64_t MovesIn(const Board& board) {
  return Step<direction>(Line<direction>(board.own, board.other));
}

template <int direction>
std::uint64_t FlipsIn(const Board& board, std::uint64_t played) {
  const std::uint64_t line = Line<direction>(played, board.other);
  return (Step<direction>(line) & board.own) != 0 ? line : 0;
}

Board After(const Board& board, std::uint64_t played) {
  const std::uint64_t flips = FlipsIn<1>(board, played) | FlipsIn<-1>(board, played) |
                              FlipsIn<8>(board, played) | FlipsIn<-8>(board, played) |
                              FlipsIn<7>(board, played) | FlipsIn<-7>(board, played) |
                              FlipsIn<9>(board, played) | FlipsIn<-9>(board, played);
  return {board.other & ~flips, board.own | flips | played};
}

}  // namespace

std::uint64_t Moves(const Board& board) {
  return (MovesIn<1>(board) | MovesIn<-1>(board) | MovesIn<8>(board) | MovesIn<-8>(board) |
          MovesIn<7>(board) | MovesIn<-7>(board) | MovesIn<9>(board) | MovesIn<-9>(board)) &
         ~(board.own | board.other);
}

Board Play(const Board& board, int square) {
  if (square == kPass) return {board.other, board.own};
  return After(board, 1ULL << square);
}

bool IsOver(const Board& board) {
  return Moves(board) == 0 && Moves(Play(board, kPass)) == 0;
}

int Lead(const Board& board) {
  return std::popcount(board.own) - std::popcount(board.other);
}

std::uint32_t Points(const Board& board) {
  const int lead = Lead(board);
  return lead > 0 ? 2 : lead == 0 ? 1 : 0;
}

std::uint32_t PlayOut(Board board, Random& random, std::uint32_t& moves_made) {
  bool swapped = false;
  bool passed = false;
  for (;;) {
    std::uint64_t moves = Moves(board);
    if (moves == 0) {
      if (passed) break;
      passed = true;
      board = Play(board, kPass);
    } else {
      passed = false;
      const auto count = static_cast<std::uint32_t>(std::popcount(moves));
      for (std::uint32_t skip = random.Below(count); skip > 0; --skip) moves &= moves - 1;
      board = After(board, moves & -moves);
    }
    swapped = !swapped;
    ++moves_made;
  }
  const std::uint32_t points = Points(board);
  return swapped ? 2 - points : points;
}

std::uint64_t CountLines(const Board& board, int depth) {
  if (depth == 0) return 1;
  std::uint64_t moves = Moves(board);
  if (moves == 0) {
    return IsOver(board) ? 1 : CountLines(Play(board, kPass), depth - 1);
  }
  std::uint64_t lines = 0;
  for (; moves != 0; moves &= moves - 1) {
    lines += CountLines(After(board, moves & -moves), depth - 1);
  }
  return lines;
}

std::string SquareName(int square) {
  if (square == kPass) return "pass";
  return {static_cast<char>('a' + square % kFile), static_cast<char>('1' + square / kFile)};
}

std::optional<int> ParseSquare(std::string_view name) {
  if (name == "pass") return kPass;
  if (name.size() != 2 || name[0] < 'a' || name[0] > 'h' || name[1] < '1' || name[1] > '8') {
    return std::nullopt;
  }
  return (name[1] - '1') * kFile + (name[0] - 'a');
}

}  // namespace spillgate::mcts
