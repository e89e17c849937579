// While the door wants the newest roots to go first.
#include <gtest/gtest.h>

#include <vector>

#include "tests/core/model/ready_bench.h"

namespace spillgate {
namespace {

using Seqs = std::vector<std::uint64_t>;

constexpr Resources kOne{.amount = {1000}};
constexpr Nanos kCost = std::chrono::milliseconds(1);

class NewestFirst : public testing::ReadyBench {
 protected:
  NewestFirst() : ReadyBench(kOne) {}

  void Come(std::uint64_t first, std::uint64_t last) {
    for (std::uint64_t seq = first; seq <= last; ++seq) PushRoot({.seq = seq, .cost = kCost});
  }
  std::uint64_t Serve() {
    const TaskPtr task = PopRoot(kOne);
    if (task == nullptr) return 0;
    now_ += kCost;
    ready_.Ended(function_, function_.shape);
    ready_.Correct(*task->root, task->estimate, kCost);
    return task->root->id.seq;
  }
  Seqs ServeAll() {
    Seqs seqs;
    while (!ready_.empty()) seqs.push_back(Serve());
    return seqs;
  }
};

TEST_F(NewestFirst, OfThoseThatComeWhileItIsSoAndThenTheOthersAsTheyCame) {
  Come(1, 3);
  account_.SetNewestFirst(true);
  Come(4, 6);
  EXPECT_EQ(Serve(), 6U);
  Come(7, 8);
  account_.SetNewestFirst(false);
  Come(9, 10);
  EXPECT_EQ(ServeAll(), (Seqs{8, 7, 5, 4, 1, 2, 3, 9, 10}));
  Come(11, 13);
  EXPECT_EQ(ServeAll(), (Seqs{11, 12, 13})) << "nothing of it is left";
}

// Else each would be begun, and none would end.
TEST_F(NewestFirst, ButWhatHasBegunComesFirst) {
  account_.SetNewestFirst(true);
  const RootPtr fan = MakeRoot({.seq = 1});
  for (int i = 0; i < 3; ++i) PushTask(fan, {.cost = kCost});
  EXPECT_EQ(Serve(), 1U);
  Come(2, 3);
  EXPECT_EQ(ServeAll(), (Seqs{1, 1, 3, 2}));

  const RootPtr chain = MakeRoot({.seq = 4});
  PushTask(chain, {.cost = kCost});
  EXPECT_EQ(Serve(), 4U);
  Come(5, 6);
  PushTask(chain, {.cost = kCost});
  EXPECT_EQ(ServeAll(), (Seqs{4, 6, 5}));
}

TEST_F(NewestFirst, AlsoWhatHadBegunBefore) {
  const RootPtr chain = MakeRoot({.seq = 1});
  PushTask(chain, {.cost = kCost});
  EXPECT_EQ(Serve(), 1U);
  account_.SetNewestFirst(true);
  Come(2, 3);
  PushTask(chain, {.cost = kCost});
  EXPECT_EQ(ServeAll(), (Seqs{1, 3, 2}));
}

TEST_F(NewestFirst, AlsoWhatHadBegunBeforeAndHasTasksThatWait) {
  const RootPtr fan = MakeRoot({.seq = 1});
  for (int i = 0; i < 4; ++i) PushTask(fan, {.cost = kCost});
  EXPECT_EQ(Serve(), 1U);
  account_.SetNewestFirst(true);
  Come(2, 3);
  EXPECT_EQ(ServeAll(), (Seqs{1, 1, 1, 3, 2}));
}

// Where most roots are of one task a few more are much; but it must not stop half way.
TEST_F(NewestFirst, AlsoOneThatIsLargerThanMost) {
  account_.SetNewestFirst(true);
  Come(1, 50);
  EXPECT_EQ(ServeAll().size(), 50U);
  const RootPtr fan = MakeRoot({.seq = 100});
  for (int i = 0; i < 20; ++i) PushTask(fan, {.cost = kCost});
  for (std::uint64_t i = 0; i < 20; ++i) {
    EXPECT_EQ(Serve(), 100U) << i;
    Come(200 + i, 200 + i);
  }
}

// It is no way past a share.
TEST_F(NewestFirst, WithinATenant) {
  account_.SetNewestFirst(true);
  for (std::uint64_t i = 0; i < 10; ++i) {
    PushRoot({.seq = 10 + i, .tenant = 1, .cost = kCost});
    PushRoot({.seq = 20 + i, .tenant = 2, .cost = kCost});
  }
  int of_first = 0;
  for (int i = 0; i < 10; ++i) of_first += Serve() < 20 ? 1 : 0;
  EXPECT_EQ(of_first, 5);
}

// One that is much larger than others gets its share, as without it.
TEST_F(NewestFirst, ALargeRootDoesNotKeepOthersOut) {
  account_.SetNewestFirst(true);
  Come(1, 20);
  EXPECT_EQ(ServeAll().size(), 20U);
  const RootPtr large = MakeRoot({.seq = 100});
  for (int i = 0; i < 400; ++i) PushTask(large, {.cost = kCost});
  for (int i = 0; i < 100; ++i) Serve();
  int of_others = 0;
  for (std::uint64_t i = 0; i < 100; ++i) {
    Come(200 + i, 200 + i);
    of_others += Serve() >= 200 ? 1 : 0;
  }
  EXPECT_GE(of_others, 90);
}

}  // namespace
}  // namespace spillgate
