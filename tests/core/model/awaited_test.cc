// The ready set beside tasks that blocked ones await: whose turn it is.
#include <gtest/gtest.h>

#include <vector>

#include "tests/core/model/ready_bench.h"

namespace spillgate {
namespace {

using std::chrono::milliseconds;
using Rival = ReadySet::Rival;

constexpr Resources kOne{.amount = {1000}};

class AwaitedTest : public testing::ReadyBench {
 protected:
  AwaitedTest() : ReadyBench(kOne) {}

  // A root of one task; the task, which stays in the set.
  Task* Push(const Newcomer& newcomer) {
    TaskPtr task = MakeTask(MakeRoot(newcomer), newcomer);
    Task* held = task.get();
    ready_.Push(std::move(task), now_);
    return held;
  }
  TaskPtr Pop(const std::vector<Task*>& awaited, const ReadySet::Rivals& rivals = kAll) {
    return ready_.PopBeside(awaited, kOne, rivals, now_, &dropped_);
  }

  static constexpr ReadySet::Rivals kAll{Rival::kAny, Rival::kAny, Rival::kAny};
  std::vector<TaskPtr> dropped_;
};

TEST_F(AwaitedTest, TheFirstInOrderOfThoseThatAreStillHere) {
  Task* first = Push({.seq = 1});
  Task* second = Push({.seq = 2});
  Task* third = Push({.seq = 3});
  const TaskPtr gone = ready_.Remove(*first);
  EXPECT_EQ(Pop({third, first, second}).get(), second);
  EXPECT_EQ(Pop({third, first}).get(), third);
  EXPECT_EQ(Pop({first}), nullptr);
}

TEST_F(AwaitedTest, OthersGoBeforeItInTheirTurn) {
  Task* other = Push({.seq = 1});
  Task* awaited = Push({.seq = 2});
  EXPECT_EQ(Pop({awaited}).get(), other);
  EXPECT_EQ(Pop({awaited}).get(), awaited);
}

TEST_F(AwaitedTest, AndAreDroppedIfTheyAreOutOfReach) {
  costs_.LearnSpan(CostKey(function_.id, 0), milliseconds(50));
  Push({.seq = 1, .deadline = now_ + milliseconds(10)});
  Task* awaited = Push({.seq = 2});
  now_ += milliseconds(1);
  EXPECT_EQ(Pop({awaited}).get(), awaited);
  EXPECT_EQ(dropped_.size(), 1U);
}

TEST_F(AwaitedTest, WithoutAPlaceForThoseNothingGoesBeforeTheirTurn) {
  Push({.seq = 1});
  Task* awaited = Push({.seq = 2});
  const std::vector<Task*> all{awaited};
  EXPECT_EQ(ready_.PopBeside(all, kOne, kAll, now_, nullptr), nullptr);
  EXPECT_TRUE(dropped_.empty());
}

// They need the same, but one of them runs in a worker.
TEST_F(AwaitedTest, WhoCouldNotBeginIsNotBeforeWhoCould) {
  static const Function in_worker{.id = 2, .name = "w", .host = Host::kWorker, .shape = kOne};
  static const Function on_thread{.id = 3, .name = "t", .host = Host::kThread, .shape = kOne};
  ready_.Learned(in_worker);
  ready_.Learned(on_thread);
  Push({.seq = 1, .function = &in_worker});
  Task* could = Push({.seq = 2, .function = &on_thread});
  Task* awaited = Push({.seq = 3, .function = &on_thread});
  EXPECT_EQ(Pop({awaited}, {Rival::kAny, Rival::kAny, Rival::kNone}).get(), could);
}

// A less important class has its turn for its least share: an awaited one of another class is not
// to have that.
TEST_F(AwaitedTest, WhatAClassIsOwedIsForItsOwn) {
  std::vector<Task*> important;
  for (std::uint64_t seq = 1; seq <= 60; ++seq) {
    important.push_back(Push({.seq = seq, .cls = TaskClass::kCritical}));
  }
  Task* other = Push({.seq = 100, .cls = TaskClass::kSheddable});
  Task* awaited = Push({.seq = 101, .cls = TaskClass::kSheddable});
  const Task* popped = nullptr;
  std::vector<TaskPtr> kept;
  for (std::size_t i = 0; i < important.size() && popped != other; ++i) {
    const std::vector<Task*> all{important.back(), awaited};
    kept.push_back(Pop(all));
    popped = kept.back().get();
    ASSERT_NE(popped, awaited) << "it is behind one of its class";
    std::erase(important, popped);
  }
  EXPECT_EQ(popped, other) << "after twenty of the others, with five in a hundred";
}

}  // namespace
}  // namespace spillgate
