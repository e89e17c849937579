// What the ready set drops instead of giving it resources: what cannot end by its deadline any
// more, and with it all of a root of which nothing has begun.
#include <string>
#include <vector>

#include "tests/core/model/ready_bench.h"

namespace spillgate::testing {
namespace {

using std::chrono::milliseconds;

const Resources kTotal{.amount = {1000}};

class OutOfReachTest : public ReadyBench {
 protected:
  OutOfReachTest() : ReadyBench(kTotal) {
    for (int i = 0; i < 4; ++i) costs_.LearnSpan(1, milliseconds(8));
  }

  RootPtr NewRoot(Instant deadline) {
    Root* root = roots_.Make();
    root->home = &roots_;
    root->tenant = 1;
    root->deadline = deadline;
    return RootPtr(root);
  }
  Task& Push(const RootPtr& root, std::uint64_t seq, const Function& function) {
    TaskPtr task(tasks_.Make());
    task->home = &tasks_;
    task->id = {1, seq};
    task->root = root;
    task->function = &function;
    task->shape = &function.shape;
    task->deadline = root->deadline;
    Task& pushed = *task;
    ready_.Push(std::move(task), now_);
    return pushed;
  }
  Task& Push(const RootPtr& root, std::uint64_t seq) { return Push(root, seq, function_); }
  Task& PushAlone(std::uint64_t seq, Nanos left) { return Push(NewRoot(now_ + left), seq); }

  // "2, dropped 1": the number of the task that is next, and of those that are dropped before it.
  std::string Next() {
    std::vector<TaskPtr> dropped;
    const TaskPtr task = ready_.Pop(kTotal, now_, &dropped);
    std::string text = task == nullptr ? "none" : std::to_string(task->id.seq);
    if (task != nullptr) {
      ready_.Pay(*task);
      ready_.Begun(*task->function, *task->shape);
      ready_.Ended(*task->function, *task->shape);
    }
    for (const TaskPtr& each : dropped) text += ", dropped " + std::to_string(each->id.seq);
    return text;
  }

  const Function unknown_{.id = 2, .name = "unknown", .shape = {.amount = {1000}}};
};

TEST_F(OutOfReachTest, WhatCannotEndInTimeIsDroppedAndPaysForNothing) {
  PushAlone(1, milliseconds(5));
  PushAlone(2, milliseconds(20));
  PushAlone(3, milliseconds(20));
  const std::int64_t behind = account_.At(TaskClass::kNormal, 1).tag.get();
  EXPECT_EQ(Next(), "2, dropped 1");
  EXPECT_EQ(account_.At(TaskClass::kNormal, 1).tag.get() - behind, Nanos(CostModel::kPrior).count())
      << "only what runs is paid for";
  now_ += milliseconds(15);
  PushAlone(4, milliseconds(9));
  EXPECT_EQ(Next(), "4, dropped 3") << "it waited for too long";
}

TEST_F(OutOfReachTest, NothingIsDroppedUnlessAskedForNorWithoutADeadlineNorOfUnknownCost) {
  PushAlone(1, milliseconds(5));
  Push(NewRoot(kNever), 2);
  Push(NewRoot(now_ + milliseconds(1)), 3, unknown_);
  PushAlone(4, milliseconds(50));
  EXPECT_EQ(ready_.Pop(kTotal, now_)->id.seq, 1U);
  now_ += milliseconds(1);
  EXPECT_EQ(Next(), "2");
  EXPECT_EQ(Next(), "3") << "it is not past its deadline";
  EXPECT_EQ(Next(), "4");
}

TEST_F(OutOfReachTest, TheLastOneTriesSoThatACostOnceTooHighDoesNotStaySo) {
  PushAlone(1, milliseconds(5));
  PushAlone(2, milliseconds(5));
  EXPECT_EQ(Next(), "2, dropped 1");
  for (int i = 0; i < 4; ++i) costs_.LearnSpan(1, milliseconds(1));
  PushAlone(3, milliseconds(5));
  PushAlone(4, milliseconds(5));
  EXPECT_EQ(Next(), "3") << "half of its runs took no longer";
}

TEST_F(OutOfReachTest, WhatNeverHadAChanceTriesNowAndThen) {
  const RootPtr others = NewRoot(kNever);
  for (int i = 0; i < 200; ++i) Push(others, 1);
  int tried = 0;
  for (std::uint64_t seq = 2; seq <= 200; ++seq) {
    PushAlone(seq, milliseconds(5));
    tried += Next() == std::to_string(seq) ? 1 : 0;
    now_ += milliseconds(10);
  }
  EXPECT_NEAR(tried, 7, 1) << "two seconds, a 32nd of which may be wasted";
}

TEST_F(OutOfReachTest, WhatHasWaitedForTooLongDoesNotTry) {
  const RootPtr others = NewRoot(kNever);
  for (int i = 0; i < 100; ++i) Push(others, 1);
  for (int i = 0; i < 64; ++i) EXPECT_EQ(Next(), "1") << "its first tasks";
  for (std::uint64_t seq = 2; seq <= 10; ++seq) {
    PushAlone(seq, milliseconds(400));
    now_ += milliseconds(395);
    const std::string next = Next() + "; " + Next();
    EXPECT_NE(next.find("1, dropped " + std::to_string(seq)), std::string::npos) << next;
  }
}

TEST_F(OutOfReachTest, ARootGoesWholeBeforeItsFirstTaskByItsLongestChain) {
  const RootPtr root = NewRoot(now_ + milliseconds(20));
  root->path_ns = Nanos(milliseconds(24)).count();
  for (std::uint64_t seq = 1; seq <= 3; ++seq) Push(root, seq);
  Push(NewRoot(kNever), 4);
  EXPECT_EQ(Next(), "4, dropped 1, dropped 2, dropped 3");
  EXPECT_TRUE(root->ready.doomed);
  EXPECT_TRUE(ready_.empty());
}

TEST_F(OutOfReachTest, OnceARootHasBegunEachOfItsTasksIsJudgedAlone) {
  const RootPtr root = NewRoot(now_ + milliseconds(20));
  for (std::uint64_t seq = 1; seq <= 3; ++seq) Push(root, seq);
  const RootPtr other = NewRoot(kNever);
  other->cls = TaskClass::kSheddable;  // waits for all of these
  Push(other, 4);
  EXPECT_EQ(Next(), "1");
  root->path_ns = Nanos(milliseconds(24)).count();
  EXPECT_EQ(Next(), "2") << "its own time is enough";
  now_ += milliseconds(15);
  Push(root, 5, unknown_);
  EXPECT_EQ(Next(), "5, dropped 3");
  EXPECT_FALSE(root->ready.doomed);
}

TEST_F(OutOfReachTest, AChildOrATaskWithADeadlineOfItsOwnDoesNotTakeItsRootAlong) {
  const RootPtr root = NewRoot(now_ + milliseconds(50));
  Push(root, 1).parent = {1, 9};
  Push(NewRoot(now_ + milliseconds(90)), 2);
  const RootPtr other = NewRoot(now_ + milliseconds(90));
  TaskPtr hasty(tasks_.Make());
  hasty->home = &tasks_;
  hasty->id = {1, 3};
  hasty->root = other;
  hasty->function = &function_;
  hasty->shape = &function_.shape;
  hasty->deadline = now_ + milliseconds(5);
  ready_.Push(std::move(hasty), now_);
  Push(other, 4);
  now_ += milliseconds(45);
  EXPECT_EQ(Next(), "2, dropped 1");
  EXPECT_FALSE(root->ready.doomed);
  Push(NewRoot(kNever), 5);
  EXPECT_EQ(Next(), "4, dropped 3");
  EXPECT_FALSE(other->ready.doomed);
}

TEST_F(OutOfReachTest, OnePassDropsSoManyAtMost) {
  for (std::uint64_t seq = 0; seq < ReadySet::kMostDropped + 5; ++seq) {
    PushAlone(seq + 1, milliseconds(5));
  }
  std::vector<TaskPtr> dropped;
  EXPECT_EQ(ready_.Pop(kTotal, now_, &dropped), nullptr);
  EXPECT_EQ(dropped.size(), ReadySet::kMostDropped);
  dropped.clear();
  EXPECT_NE(ready_.Pop(kTotal, now_, &dropped), nullptr);
  EXPECT_EQ(dropped.size(), 4U);
}

}  // namespace
}  // namespace spillgate::testing
