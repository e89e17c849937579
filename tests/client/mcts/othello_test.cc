#include "client/examples/mcts/othello.h"

#include <gtest/gtest.h>

#include <bit>
#include <string_view>

namespace spillgate::mcts {
namespace {

// Rows from 8 down to 1, as boards are printed: x is to move, o the other.
Board Draw(std::string_view rows) {
  Board board{0, 0};
  int square = 56;
  for (const char c : rows) {
    if (c == '/') {
      square -= 16;
      continue;
    }
    if (c == 'x') board.own |= 1ULL << square;
    if (c == 'o') board.other |= 1ULL << square;
    ++square;
  }
  return board;
}

std::uint64_t Squares(std::initializer_list<const char*> names) {
  std::uint64_t squares = 0;
  for (const char* name : names) squares |= 1ULL << ParseSquare(name).value();
  return squares;
}

// The published numbers of lines of play from the beginning; passes count as moves.
TEST(Othello, CountsAsManyLinesAsThereAre) {
  constexpr std::uint64_t kLines[] = {1, 4, 12, 56, 244, 1396, 8200, 55'092, 390'216, 3'005'288};
  for (int depth = 0; depth < 10; ++depth) EXPECT_EQ(CountLines(Board(), depth), kLines[depth]);
}

TEST(Othello, BlackBeginsWithFourMoves) {
  EXPECT_EQ(Moves(Board()), Squares({"d3", "c4", "f5", "e6"}));
  EXPECT_EQ(Lead(Board()), 0);
}

TEST(Othello, FlipsEachLineThatEndsAtAnOwnDisc) {
  const Board before = Draw(
      "......../"
      "x..x..../"
      ".o.o.o../"
      "..ooo.../"
      "xoo.ox../"
      "..ooo.../"
      ".o.x.x../"
      "o.......");
  const std::uint64_t d4 = Squares({"d4"});
  const Board after = Play(before, ParseSquare("d4").value());
  // The line to the north-east ends at an empty square, that to the south-west at the edge.
  const std::uint64_t flipped = Squares({"c5", "b6", "d5", "d6", "b4", "c4", "e4", "d3", "e3"});
  EXPECT_EQ(after.other, before.own | d4 | flipped);
  EXPECT_EQ(after.own, before.other & ~flipped);
}

TEST(Othello, DoesNotWrapAroundTheEdges) {
  // A line that leaves at h and comes back at a is none.
  EXPECT_EQ(Moves(Draw("......../......../......../......ox/......../......../......../........")),
            Squares({"f5"}));
  EXPECT_EQ(Moves(Draw("......../......../......../xo....../......../......../......../........")),
            Squares({"c5"}));
  EXPECT_EQ(Moves(Draw("......../......../......o./.......x/......../......../......../........")),
            Squares({"f7"}));
  EXPECT_EQ(Moves(Draw("......../......../.......o/x......./......../......../......../........")),
            0u);
  EXPECT_EQ(Moves(Draw("......../......../o......./.......x/......../......../......../........")),
            0u);
  EXPECT_EQ(Moves(Draw("......ox/......../......../......../......../......../......../........")),
            Squares({"f8"}));
  EXPECT_EQ(Moves(Draw("......../......../......../......../......../......../......../xoooooo.")),
            Squares({"h1"}));
}

TEST(Othello, PassesWhenOnlyTheOtherHasAMove) {
  const Board board =
      Draw("......../......../......../......../......../......../......../oox.....");
  EXPECT_EQ(Moves(board), 0u);
  EXPECT_EQ(Moves(Draw("......../......../......../......../......../......../......../.xo.....")),
            Squares({"d1"}));
  const Board stuck =
      Draw("......../......../......../......../......../......../......../ox......");
  EXPECT_FALSE(IsOver(stuck)) << "the other can take b1 by c1";
  EXPECT_EQ(Play(stuck, kPass), (Board{stuck.other, stuck.own}));
  EXPECT_EQ(CountLines(stuck, 2), CountLines(Play(stuck, kPass), 1));
}

TEST(Othello, IsOverWhenNobodyCanMove) {
  const Board wiped =
      Draw("......../......../......../...x..../......../......../......../........");
  EXPECT_TRUE(IsOver(wiped));
  EXPECT_EQ(Points(wiped), 2u);
  EXPECT_EQ(Points(Play(wiped, kPass)), 0u);
  EXPECT_EQ(CountLines(wiped, 5), 1u);
  const Board full{0x00000000ffffffffULL, 0xffffffff00000000ULL};
  EXPECT_TRUE(IsOver(full));
  EXPECT_EQ(Points(full), 1u);
}

// The shortest game there is: nine moves, and White has nothing left.
TEST(Othello, PlaysTheShortestGame) {
  Board board;
  for (const char* name : {"e6", "f4", "e3", "f6", "g5", "d6", "e7", "f5", "c5"}) {
    const int square = ParseSquare(name).value();
    ASSERT_NE(Moves(board) & (1ULL << square), 0u) << name;
    board = Play(board, square);
  }
  EXPECT_TRUE(IsOver(board));
  EXPECT_EQ(board.own, 0u);
  EXPECT_EQ(std::popcount(board.other), 13);
}

TEST(Othello, PlaysOutToTheEndAndTheSameForASeed) {
  Random a(7);
  Random b(7);
  std::uint32_t points = 0;
  std::uint32_t moves = 0;
  std::uint32_t same_moves = 0;
  for (int i = 0; i < 2000; ++i) {
    const std::uint32_t one = PlayOut(Board(), a, moves);
    EXPECT_EQ(one, PlayOut(Board(), b, same_moves));
    EXPECT_LE(one, 2u);
    points += one;
  }
  EXPECT_EQ(moves, same_moves);
  EXPECT_NEAR(moves / 2000.0, 61, 1.5);  // nearly all games fill the board, some with passes
  // Neither side is much better off at random: White wins a little more.
  EXPECT_GT(points, 1700u);
  EXPECT_LT(points, 2050u);
  const Board won = Draw("......../......../......../...x..../......../......../......../........");
  EXPECT_EQ(PlayOut(won, a, moves), 2u);
  EXPECT_EQ(PlayOut(Play(won, kPass), a, moves), 0u);
}

TEST(Othello, NamesSquares) {
  for (int square = 0; square <= kPass; ++square) {
    EXPECT_EQ(ParseSquare(SquareName(square)), square);
  }
  EXPECT_EQ(SquareName(0), "a1");
  EXPECT_EQ(SquareName(63), "h8");
  for (const char* bad : {"", "a", "i1", "a9", "a0", "a11", "Pass"}) EXPECT_FALSE(ParseSquare(bad));
}

}  // namespace
}  // namespace spillgate::mcts
