// Success, failure, cancel and expiry compete for one register: the first that is published wins, a
// different one that comes later is dropped and counted.
#include "stages/publication.h"
#include "tests/stages/bench.h"

namespace spillgate::testing {
namespace {

using std::chrono::milliseconds;

class LateOutcomeTest : public ::testing::Test {
 protected:
  LateOutcomeTest()
      : inbox("publication", 0, {}, flow::MakeController("none")),
        stage(bench.shared, bench.tally.publication[0],
              {.object_ready = ready.back(),
               .cancel = {},
               .room_freed = {},
               .done = flow::Departure(&inbox)}) {}

  // Publishes this end of the task; what is counted as late since the beginning.
  std::uint64_t Publish(TaskPtr task, Outcome outcome) {
    task->outcome = std::move(outcome);
    EXPECT_TRUE(bench.in_flight.Reserve(1, 0));
    EXPECT_TRUE(inbox.Reserve(1, 0));
    std::vector<Publication::In> batch = BatchOf<Publication::In>(Finished{std::move(task)});
    stage.Handle(batch, bench.now());
    return bench.tally.publication[0].late.get();
  }
  [[nodiscard]] Fate FateOf(std::uint64_t seq) {
    return bench.Find({Bench::kSession, seq})->outcome.fate;
  }
  // A task whose cancel was asked for.
  [[nodiscard]] TaskPtr Cancelled(std::uint64_t seq) {
    TaskPtr task = bench.Accept(seq, function);
    bench.MarkCancelled(task->id);
    return task;
  }

  Bench bench;
  const FunctionId function = bench.AddFunction("f", 1000);
  flow::Inbox<Publication::In> inbox;
  Probe<ObjectReady> ready;
  Publication stage;
};

TEST_F(LateOutcomeTest, ACancelThatARunDidNotHeedIsDroppedAndCounted) {
  EXPECT_EQ(Publish(bench.Accept(1, function), Bench::Done("in time")), 0U);
  EXPECT_EQ(Publish(Cancelled(2), Bench::Done("its run did not look")), 1U);
  EXPECT_EQ(FateOf(2), Fate::kDone);
  EXPECT_EQ(Publish(Cancelled(3), Bench::Failed(Reason::kTaskError)), 2U);
}

TEST_F(LateOutcomeTest, TheSameOutcomeTwiceIsNotCounted) {
  Outcome cancelled = Bench::Failed(Reason::kCancelled);
  cancelled.fate = Fate::kCancelled;
  EXPECT_EQ(Publish(Cancelled(1), std::move(cancelled)), 0U);
}

TEST_F(LateOutcomeTest, ADeadlineThatPassesBeforeTheResultIsHereIsDroppedAndCounted) {
  TaskPtr slow = bench.Accept(1, function);
  slow->deadline = bench.now();
  bench.clock.Advance(milliseconds(1));
  EXPECT_EQ(Publish(std::move(slow), Bench::Done("after its deadline")), 1U);
  EXPECT_EQ(FateOf(1), Fate::kDone);

  TaskPtr expired = bench.Accept(2, function);
  expired->deadline = bench.now() - milliseconds(1);
  Outcome outcome = Bench::Failed(Reason::kDeadline);
  outcome.fate = Fate::kExpired;
  EXPECT_EQ(Publish(std::move(expired), std::move(outcome)), 1U);
}

}  // namespace
}  // namespace spillgate::testing
