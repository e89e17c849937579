// Cancels of many tasks and roots: what they answer, and that they cost what there is to cancel.
#include <utility>
#include <vector>

#include "tests/stages/publication_bench.h"

namespace spillgate::testing {
namespace {

using std::chrono::milliseconds;

class CancelsTest : public PublicationBench {
 protected:
  RootPtr Open(std::uint64_t seq) { return Open(Id(seq)); }
  RootPtr Open(TaskId id) {
    MutexLock lock(bench.table.mutex());
    RootPtr root = bench.table.MakeRoot();
    root->id = id;
    root->session = id.session;
    root->explicit_open = true;
    bench.table.AddRoot(root);
    return root;
  }
  TaskPtr Add(std::uint64_t seq, const RootPtr& root) {
    TaskPtr task = bench.Accept(seq, function);
    MutexLock lock(bench.table.mutex());
    --task->root->unfinished;
    ++root->unfinished;
    task->root = task->record->root = root;
    return task;
  }
  TaskPtr Spawn(const TaskPtr& parent, std::uint64_t seq) {
    return bench.Accept(TaskId{kChildBit, seq}, function, {}, parent->record);
  }
  void Cancel(const std::vector<TaskId>& ids) { Ask(wire::Cancel{.ids = ids}, 3); }
  [[nodiscard]] static Outcome Cancelled() {
    Outcome outcome = Bench::Failed(Reason::kCancelled);
    outcome.fate = Fate::kCancelled;
    return outcome;
  }
  [[nodiscard]] std::size_t OpenRoots() {
    MutexLock lock(bench.table.mutex());
    return bench.table.open_roots();
  }

  Answered& answered = bench.answered;
};

TEST_F(CancelsTest, EachIdIsAnsweredHoweverOftenItIsThere) {
  const RootPtr root = Open(100);
  Open(101);
  TaskPtr first = Add(1, root);
  TaskPtr second = Add(2, root);
  TaskPtr child = Spawn(second, 1);
  TaskPtr alone = bench.Accept(3, function);
  TaskPtr other = bench.Accept(4, function);
  Publish(bench.Accept(5, function), Bench::Done("five"));
  // The empty root goes with its first mention.
  Cancel({Id(100), Id(3), Id(5), Id(101), Id(100), Id(99), Id(3), Id(1), Id(101), Id(100)});
  ASSERT_EQ(answered.cancels.size(), 1U);
  EXPECT_EQ(answered.cancels[0].count, 7U);
  EXPECT_EQ(answered.cancels[0].already_done, 3U);
  EXPECT_EQ(cancelled.events.size(), 4U) << "each once";
  for (const TaskPtr* task : {&first, &second, &child, &alone}) {
    EXPECT_TRUE((*task)->record->cancelled);
  }
  EXPECT_FALSE(other->record->cancelled);

  Cancel({Id(100), Id(1)});
  EXPECT_EQ(answered.cancels[1].count, 2U) << "it is there until the last of its tasks has ended";
  EXPECT_EQ(cancelled.events.size(), 4U);
  for (TaskPtr* task : {&child, &second, &first}) Publish(std::move(*task), Cancelled());
  EXPECT_EQ(OpenRoots(), 0U);
  Cancel({Id(100), Id(1)});
  EXPECT_EQ(answered.cancels[2].already_done, 2U);
}

TEST_F(CancelsTest, ARootThatItsClientHasClosedIsCancelledToo) {
  const RootPtr root = Open(100);
  TaskPtr task = Add(1, root);
  {
    MutexLock lock(bench.table.mutex());
    bench.table.CloseRoot(*root);
  }
  Cancel({Id(100)});
  EXPECT_EQ(answered.cancels[0].count, 1U);
  EXPECT_TRUE(task->record->cancelled);
}

// A look at the tasks of a session for each of its roots would leave none for the next session.
TEST_F(CancelsTest, OneLookAtTheTasksOfASessionServesAllRootsOfAPass) {
  constexpr std::uint64_t kRoots = 500;
  std::vector<TaskPtr> tasks;
  std::vector<TaskId> ids;
  for (std::uint64_t i = 0; i < kRoots; ++i) {
    tasks.push_back(Add(i + 1, Open(1000 + i)));
    tasks.push_back(Spawn(tasks.back(), i + 1));
    ids.push_back(Id(1000 + i));
  }
  constexpr SessionId kNext = Bench::kSession + 1;
  {
    MutexLock lock(bench.table.mutex());
    bench.table.NewSession(kNext);
  }
  const RootPtr last = Open(TaskId{kNext, 1});
  {
    MutexLock lock(bench.table.mutex());
    Session& session = *bench.table.FindSession(kNext);
    Record& top = bench.table.Accept({kNext, 2}, session, last, nullptr);
    bench.table.Accept({kChildBit | kNext, 3}, session, last, &top);
  }
  const std::vector<TaskId> some(ids.begin(), ids.begin() + kRoots / 2);
  Handle(Request(wire::Cancel{.ids = some}, 3), Request(wire::Cancel{.ids = ids}, 4),
         Request(wire::Cancel{.ids = {&last->id, 1}}, 5, kNext));
  EXPECT_EQ(answered.cancels.at(0).count, kRoots / 2);
  EXPECT_EQ(answered.cancels.at(1).count, kRoots);
  EXPECT_EQ(answered.cancels.at(2).count, 1U);
  EXPECT_EQ(cancelled.events.size(), tasks.size() + 2);
  EXPECT_TRUE(stage.Idle());
}

TEST_F(CancelsTest, ATreeThatIsNamedAgainAndAgainIsGoneThroughOnce) {
  constexpr std::size_t kTree = 9000;
  TaskPtr top = bench.Accept(1, function);
  std::vector<TaskPtr> children;
  for (std::uint64_t i = 0; i < kTree; ++i) children.push_back(Spawn(top, i));
  TaskPtr behind = bench.Accept(2, function);
  for (int pass = 1; pass <= 3; ++pass) {
    Cancel(std::vector<TaskId>(2000, Id(1)));
    EXPECT_EQ(answered.cancels.back().count, 2000U);
    Cancel(std::vector<TaskId>(2000, Id(2)));
    TickAfter(milliseconds(1));
  }
  EXPECT_EQ(cancelled.events.size(), kTree + 2);
  EXPECT_TRUE(stage.Idle());
}

TEST_F(CancelsTest, WhatHasEndedBelowATaskIsPassedInPieces) {
  TaskPtr top = bench.Accept(1, function);
  const TaskPtr running = Spawn(top, 0);  // the first, so that it is come to last
  for (std::uint64_t i = 1; i <= 50'000; ++i) bench.Settle(Spawn(top, i), Bench::Done("x"));
  Cancel({Id(1)});
  EXPECT_EQ(cancelled.events.size(), 1U);
  EXPECT_FALSE(stage.Idle());
  TickAfter(milliseconds(1));
  EXPECT_EQ(cancelled.events.size(), 2U);
  EXPECT_TRUE(stage.Idle());
}

TEST_F(CancelsTest, WhatIsBelowACancelledTaskIsCancelledThoughThatEndsFirst) {
  constexpr std::size_t kTree = 5000;
  std::vector<TaskPtr> tops;
  for (const std::uint64_t seq : {1, 2}) tops.push_back(bench.Accept(seq, function));
  std::vector<TaskPtr> children;
  for (const TaskPtr& top : tops) {
    for (std::uint64_t i = 0; i < kTree; ++i) children.push_back(Spawn(top, children.size()));
  }
  Cancel({Id(1), Id(2)});
  EXPECT_LT(cancelled.events.size(), kTree);
  Publish(std::move(tops[0]), Cancelled());
  Publish(std::move(tops[1]), Bench::Done("its cancel had not begun"));
  for (int pass = 0; pass < 3; ++pass) TickAfter(milliseconds(1));
  for (const TaskPtr& child : children) EXPECT_TRUE(child->record->cancelled);
  EXPECT_EQ(cancelled.events.size(), 2 * kTree + 1);
  EXPECT_TRUE(stage.Idle());
}

}  // namespace
}  // namespace spillgate::testing
