// How long roots take that grow, as publication sees them end.
#include "tests/stages/publication_bench.h"

namespace spillgate::testing {
namespace {

using std::chrono::milliseconds;

class RootSpansOfNodeTest : public PublicationBench {
 protected:
  // A root whose own task runs.
  TaskPtr Begin(std::uint64_t seq) {
    TaskPtr task = bench.Accept(seq, function);
    task->root->id = task->id;
    task->root->function = function;
    task->begun = bench.now();
    return task;
  }
  TaskPtr Spawn(const Task& parent, std::uint64_t seq) {
    return bench.Accept({Bench::kSession | kChildBit, seq}, other, {}, parent.record);
  }
  [[nodiscard]] Nanos P95() const { return bench.root_spans.P95(function, TaskClass::kNormal); }

  const FunctionId other = bench.AddFunction("g", 1000);
};

TEST_F(RootSpansOfNodeTest, AreFromTheBeginningToTheEndOfTheLast) {
  TaskPtr root = Begin(1);
  TaskPtr child = Spawn(*root, 2);
  TaskPtr last = Spawn(*root, 3);
  bench.clock.Advance(milliseconds(1));
  Publish(std::move(child), Bench::Done("child"));
  Publish(std::move(root), Bench::Done("root"));
  EXPECT_EQ(P95(), Nanos(0)) << "a child of it runs on";
  bench.clock.Advance(milliseconds(7));
  Publish(std::move(last), Bench::Done("last"));
  EXPECT_GE(P95(), milliseconds(8));
  EXPECT_LE(P95(), milliseconds(10));
  EXPECT_EQ(bench.root_spans.P95(other, TaskClass::kNormal), Nanos(0)) << "no root began with it";
}

TEST_F(RootSpansOfNodeTest, WhoWaitsForItsChildrenEndsLast) {
  TaskPtr root = Begin(1);
  TaskPtr child = Spawn(*root, 2);
  bench.clock.Advance(milliseconds(4));
  Publish(std::move(child), Bench::Failed(Reason::kTaskError));
  EXPECT_EQ(P95(), Nanos(0));
  bench.clock.Advance(milliseconds(4));
  Publish(std::move(root), Bench::Failed(Reason::kDeadline));
  EXPECT_GE(P95(), milliseconds(8)) << "it would have taken longer";
}

TEST_F(RootSpansOfNodeTest, SayNothingOfRootsOfOneTaskAndOfThoseThatNeverBegan) {
  TaskPtr root = Begin(1);
  bench.clock.Advance(milliseconds(8));
  Publish(std::move(root), Bench::Done("root"));
  TaskPtr dropped = Begin(2);
  TaskPtr child = Spawn(*dropped, 3);
  dropped->begun = kNever;
  Publish(std::move(dropped), Bench::Failed(Reason::kCancelled));
  Publish(std::move(child), Bench::Failed(Reason::kCancelled));
  EXPECT_EQ(P95(), Nanos(0));
}

}  // namespace
}  // namespace spillgate::testing
