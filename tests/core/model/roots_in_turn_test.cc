// One slot, and roots of many tasks that come one after the other.
#include <gtest/gtest.h>

#include "tests/core/model/ready_bench.h"

namespace spillgate {
namespace {

using std::chrono::milliseconds;

constexpr Resources kOne{.amount = {1000}};
constexpr Nanos kTask = milliseconds(50);

class RootsInTurnTest : public testing::ReadyBench {
 protected:
  RootsInTurnTest() : ReadyBench(kOne) {}

  RootPtr Come(std::uint64_t seq) {
    RootPtr root = MakeRoot({.seq = seq});
    Push(root);
    return root;
  }
  void Push(const RootPtr& root) { PushTask(root, {.cost = kTask}); }
  // The root of the task that runs next, to its end.
  std::uint64_t Run() {
    const TaskPtr task = PopRoot(kOne);
    now_ += kTask;
    ready_.Ended(function_, function_.shape);
    ready_.Correct(*task->root, task->estimate, kTask);
    return task->root->id.seq;
  }
};

// What the first has had is ahead of its share, and so would they all be.
TEST_F(RootsInTurnTest, WhoBeganEndsBeforeTheNextBegins) {
  const RootPtr first = Come(1);
  RootPtr second;
  RootPtr third;
  for (int runs = 0; runs < 13; ++runs) {
    EXPECT_EQ(Run(), 1U);
    if (runs == 2) second = Come(2);
    if (runs == 6) third = Come(3);
    if (runs < 12) Push(first);
  }
  for (int runs = 0; runs < 13; ++runs) {
    EXPECT_EQ(Run(), 2U) << "after " << runs << " of its tasks";
    if (runs < 12) Push(second);
  }
  EXPECT_EQ(Run(), 3U);
}

}  // namespace
}  // namespace spillgate
