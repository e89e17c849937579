// Success, failure, cancel and expiry compete for one register: the first that is published wins, a
// different one that comes later is dropped and counted.
#include "tests/stages/publication_bench.h"

namespace spillgate::testing {
namespace {

using std::chrono::milliseconds;

class LateOutcomeTest : public PublicationBench {
 protected:
  // Publishes this end of the task; what is counted as late since the beginning.
  std::uint64_t Publish(TaskPtr task, Outcome outcome) {
    PublicationBench::Publish(std::move(task), std::move(outcome));
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
};

TEST_F(LateOutcomeTest, ACancelThatARunDidNotHeedIsDroppedAndCounted) {
  EXPECT_EQ(Publish(bench.Accept(1, function), Bench::Done("in time")), 0U);
  EXPECT_EQ(Publish(Cancelled(2), Bench::Done("its run did not look")), 1U);
  EXPECT_EQ(FateOf(2), Fate::kDone);
  EXPECT_EQ(Publish(Cancelled(3), Bench::Failed(Reason::kTaskError)), 2U);
}

TEST_F(LateOutcomeTest, TheSameOutcomeTwiceIsNotCounted) {
  Outcome outcome = Bench::Failed(Reason::kCancelled);
  outcome.fate = Fate::kCancelled;
  EXPECT_EQ(Publish(Cancelled(1), std::move(outcome)), 0U);
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
