#include "core/flow/arrival_marks.h"

#include <gtest/gtest.h>

#include <deque>
#include <random>

namespace spillgate::flow {
namespace {

using std::chrono::milliseconds;

Instant At(int ms) {
  return Instant(milliseconds(ms));
}

TEST(ArrivalMarks, KnowSinceWhenTheOldestIsThere) {
  ArrivalMarks marks;
  EXPECT_EQ(marks.Oldest(), kNever);
  marks.Note(0, 0, At(1));
  EXPECT_EQ(marks.Oldest(), kNever);
  marks.Note(10, 0, At(2));
  marks.Note(10, 4, At(3));
  EXPECT_EQ(marks.Oldest(), At(2));
  marks.Note(20, 9, At(4));
  EXPECT_EQ(marks.Oldest(), At(2));
  marks.Note(20, 10, At(5));  // the first ten have left
  EXPECT_EQ(marks.Oldest(), At(4));
  marks.Note(20, 20, At(6));
  EXPECT_EQ(marks.Oldest(), kNever);
  marks.Note(50, 49, At(7));  // came and went between two ticks, but for one
  EXPECT_EQ(marks.Oldest(), At(7));
}

TEST(ArrivalMarks, AStuckEventStaysExactHoweverManyComeAfterIt) {
  ArrivalMarks marks;
  marks.Note(100, 99, At(5));
  for (int ms = 6; ms < 100'000; ++ms) {
    marks.Note(100 + static_cast<std::uint64_t>(ms), 99, At(ms));
    ASSERT_EQ(marks.Oldest(), At(5));
  }
}

// Against a queue that remembers everything: never older than it is, and not much younger.
TEST(ArrivalMarks, FollowAQueueThatGrowsAndDrains) {
  std::mt19937_64 random(7);
  ArrivalMarks marks;
  std::deque<int> queue;
  std::uint64_t arrived = 0;
  std::uint64_t left = 0;
  int compared = 0;
  for (int ms = 1; ms < 20'000; ++ms) {
    const bool growing = (ms / 2000) % 2 == 0;
    for (std::uint64_t n = random() % (growing ? 20 : 8); n > 0; --n, ++arrived)
      queue.push_back(ms);
    for (std::uint64_t n = random() % (growing ? 8 : 20); n > 0 && !queue.empty(); --n, ++left) {
      queue.pop_front();
    }
    marks.Note(arrived, left, At(ms));
    if (queue.empty()) {
      ASSERT_EQ(marks.Oldest(), kNever) << ms;
      continue;
    }
    const int age = ms - queue.front();
    const auto told = std::chrono::duration_cast<milliseconds>(At(ms) - marks.Oldest()).count();
    ASSERT_LE(told, age) << ms;
    ASSERT_GE(told * 3 + 3, age * 2) << ms;
    ++compared;
  }
  EXPECT_GT(compared, 5000);
}

}  // namespace
}  // namespace spillgate::flow
