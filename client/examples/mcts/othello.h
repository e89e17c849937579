// The rules of Othello on 8x8, on bitboards, and random play to the end of a game. Square 0 is a1,
// 7 is h1, 63 is h8. Plain values and pure functions, for the player, the functions that tasks run
// and the tests; any thread. Knows nothing of Spillgate.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace spillgate::mcts {

// A small seeded generator (splitmix64): equal seeds give equal games.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}
  [[nodiscard]] std::uint64_t Next() {
    std::uint64_t x = (state_ += 0x9e3779b97f4a7c15ULL);
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
    return x ^ (x >> 31);
  }
  // 0 to `bound` - 1.
  [[nodiscard]] std::uint32_t Below(std::uint32_t bound) {
    return static_cast<std::uint32_t>(((Next() >> 32) * bound) >> 32);
  }

 private:
  std::uint64_t state_;
};

// A position, as the player to move sees it.
struct Board {
  std::uint64_t own = 0x0000000810000000ULL;    // e4 and d5: Black moves first
  std::uint64_t other = 0x0000001008000000ULL;  // d4 and e5
  friend bool operator==(const Board&, const Board&) = default;
};

inline constexpr int kPass = 64;  // the move of a player who has no square

// The squares that the player to move may play, one bit each.
[[nodiscard]] std::uint64_t Moves(const Board& board);
// After a legal move or kPass; the other player is to move.
[[nodiscard]] Board Play(const Board& board, int square);
// Neither player has a square.
[[nodiscard]] bool IsOver(const Board& board);
// Discs of the player to move, less those of the other.
[[nodiscard]] int Lead(const Board& board);

// Points of a finished game for the player to move: 2 for a win, 1 for a draw.
[[nodiscard]] std::uint32_t Points(const Board& board);
// Both play at random to the end; adds to `moves` how many moves that took. Points for the player
// to move now.
[[nodiscard]] std::uint32_t PlayOut(Board board, Random& random, std::uint32_t& moves);

// Lines of play of `depth` moves; a pass is a move, and a finished game has one line.
[[nodiscard]] std::uint64_t CountLines(const Board& board, int depth);

// "d3", or "pass".
[[nodiscard]] std::string SquareName(int square);
[[nodiscard]] std::optional<int> ParseSquare(std::string_view name);

}  // namespace spillgate::mcts
