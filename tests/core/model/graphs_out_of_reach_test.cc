// A graph that its client opened is of use as a whole: what its runs show of it can put it out of
// reach of its deadline, and then it is dropped.
#include <string>
#include <vector>

#include "tests/core/model/ready_bench.h"

namespace spillgate::testing {
namespace {

using std::chrono::milliseconds;

class GraphsOutOfReachTest : public ReadyBench {
 protected:
  explicit GraphsOutOfReachTest(std::int64_t slots = 1)
      : ReadyBench({.amount = {slots * kOneSlot}}), total_{.amount = {slots * kOneSlot}} {
    ready_.SetTotal(total_);
    graph_ = MakeRoot({.seq = 1});
    graph_->explicit_open = true;
    graph_->deadline = now_ + milliseconds(30);
    graph_->parked_ns = Nanos(milliseconds(8)).count();
    for (const std::uint64_t seq : {1, 2, 3}) Push(graph_, seq, graph_->deadline);
    behind_ = &Push(MakeRoot({.seq = 100}), 100, kNever);
  }

  Task& Push(const RootPtr& root, std::uint64_t seq, Instant deadline, TaskId parent = {}) {
    TaskPtr task = MakeTask(root, {.deadline = deadline});
    task->id = {1, seq};
    task->parent = parent;
    Task& pushed = *task;
    ready_.Push(std::move(task), now_);
    return pushed;
  }
  // The graph's next one runs for so long, where 1 ms was foreseen; what is dropped instead.
  std::string Run(Nanos took, Nanos foreseen = milliseconds(1)) {
    std::vector<TaskPtr> dropped;
    const TaskPtr task = ready_.Pop(total_, now_, &dropped);
    std::string text = task == nullptr ? "none" : std::to_string(task->id.seq);
    for (const TaskPtr& each : dropped) text += ", dropped " + std::to_string(each->id.seq);
    if (task == nullptr) return text;
    ready_.Pay(*task);
    ready_.Begun(*task->function, *task->shape);
    now_ += took;
    ready_.Ended(*task->function, *task->shape);
    ReadySet::Fared(*task->root, foreseen, took);
    return text;
  }

  const Resources total_;
  RootPtr graph_;
  Task* behind_ = nullptr;  // of another root, and there is time for it
};

class OnFourSlotsTest : public GraphsOutOfReachTest {
 protected:
  OnFourSlotsTest() : GraphsOutOfReachTest(4) {}
};

// After the first run it is taken to take (5 + 1) / 2 times as long as was foreseen: the ten
// milliseconds that are left are thirty then.
TEST_F(GraphsOutOfReachTest, IsDroppedWholeWhenItsRunsShowThatItCannotBeInTime) {
  EXPECT_EQ(Run(milliseconds(5)), "1") << "when nothing is known";
  EXPECT_EQ(Run(milliseconds(1)), "100, dropped 2, dropped 3");
  EXPECT_TRUE(graph_->ready.doomed);
}

TEST_F(GraphsOutOfReachTest, IsRunWhileWhatIsLeftFits) {
  EXPECT_EQ(Run(milliseconds(2)), "1") << "(2 + 1) / 2 times the ten";
  EXPECT_EQ(Run(milliseconds(2)), "2");
  EXPECT_EQ(Run(milliseconds(2)), "3");
  EXPECT_FALSE(graph_->ready.doomed);
}

// One that takes long, as everybody knew, says nothing of the others.
TEST_F(GraphsOutOfReachTest, WhatTookAsLongAsWasForeseenSaysNothing) {
  EXPECT_EQ(Run(milliseconds(15), milliseconds(15)), "1");
  EXPECT_EQ(Run(milliseconds(1)), "2");
}

// Of those that wait for no other each may be of use by itself; and so what nobody put together.
TEST_F(GraphsOutOfReachTest, WhatIsNoGraphIsJudgedTaskByTask) {
  graph_->parked_ns = 0;
  EXPECT_EQ(Run(milliseconds(20)), "1");
  EXPECT_EQ(Run(milliseconds(1)), "2");
  graph_->parked_ns = Nanos(milliseconds(8)).count();
  graph_->explicit_open = false;
  EXPECT_EQ(Run(milliseconds(1)), "3");
}

// Its parent may do without it.
TEST_F(GraphsOutOfReachTest, AChildDoomsNoGraph) {
  EXPECT_EQ(Run(milliseconds(2)), "1");
  EXPECT_EQ(Run(milliseconds(2)), "2");
  EXPECT_EQ(Run(milliseconds(2)), "3");
  Push(graph_, 4, graph_->deadline, {1, 3});
  graph_->parked_ns = Nanos(milliseconds(80)).count();
  EXPECT_EQ(Run(milliseconds(1)), "4");
}

TEST_F(GraphsOutOfReachTest, TriesWhereNothingElseWaits) {
  EXPECT_EQ(Run(milliseconds(15)), "1");
  (void)ready_.Remove(*behind_);
  EXPECT_EQ(Run(milliseconds(1)), "2");
}

TEST_F(OnFourSlotsTest, WhatIsLeftIsSharedOutOverTheSlots) {
  EXPECT_EQ(Run(milliseconds(9)), "1") << "fifty milliseconds, on four";
  EXPECT_EQ(Run(milliseconds(9)), "2");
  graph_->parked_ns = Nanos(milliseconds(80)).count();
  EXPECT_EQ(Run(milliseconds(1)), "100, dropped 3");
}

}  // namespace
}  // namespace spillgate::testing
