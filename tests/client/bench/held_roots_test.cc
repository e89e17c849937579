// Which root goes next when a client that cooperates has credit for one.
#include "client/bench/held_roots.h"

#include <gmock/gmock.h>

#include <vector>

namespace spillgate::bench {
namespace {

using std::chrono::milliseconds;
using testing::ElementsAre;

class Held : public testing::Test {
 protected:
  void Add(std::uint32_t root, int came_ms, int slack_ms = 10) {
    const Instant came = begin_ + milliseconds(came_ms);
    const Instant deadline = slack_ms == 0 ? kNever : came + milliseconds(slack_ms);
    held_.Add({.root = root, .came = came, .deadline = deadline});
  }
  std::vector<std::uint32_t> Take(int count, int at_ms) {
    std::vector<std::uint32_t> taken;
    for (int i = 0; i < count; ++i) {
      taken.push_back(held_.Next(begin_ + milliseconds(at_ms)).root);
      held_.TakeNext(begin_ + milliseconds(at_ms));
    }
    return taken;
  }

  const Instant begin_ = Instant() + std::chrono::hours(1);
  HeldRoots held_;
};

TEST_F(Held, GoInOrderWhileThereIsTime) {
  for (int i = 0; i < 4; ++i) Add(i, i);
  EXPECT_THAT(Take(2, 4), ElementsAre(0, 1));
  EXPECT_THAT(Take(2, 6), ElementsAre(2, 3)) << "what waited for longer has left";
}

TEST_F(Held, GoNewestFirstOnceTheOldestIsLate) {
  for (int i = 0; i < 4; ++i) Add(i, i);
  EXPECT_THAT(Take(2, 5), ElementsAre(3, 2));
  Add(4, 5);
  EXPECT_THAT(Take(2, 5), ElementsAre(4, 1));
}

TEST_F(Held, AreInOrderAgainWhenTheLateHaveExpired) {
  Add(0, 0);
  Add(1, 9);
  Add(2, 10);
  EXPECT_THAT(Take(3, 10), ElementsAre(0, 1, 2)) << "the first has expired, and is in nobody's way";
}

TEST_F(Held, CountFromWhenTheyFirstCame) {
  Add(1, 1);
  Add(0, 0);  // was refused
  EXPECT_THAT(Take(2, 4), ElementsAre(0, 1));
}

TEST_F(Held, AreNeverLateWithoutADeadline) {
  Add(0, 0, 0);
  Add(1, 1, 0);
  EXPECT_THAT(Take(2, 3'600'000), ElementsAre(0, 1));
}

}  // namespace
}  // namespace spillgate::bench
