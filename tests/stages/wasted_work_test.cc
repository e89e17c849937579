// What publication counts of slot time: for nothing, and saved.
#include <utility>

#include "tests/stages/publication_bench.h"

namespace spillgate::testing {
namespace {

class WastedWorkTest : public PublicationBench {};

TEST_F(WastedWorkTest, SlotTimeOfARootThatWasNotDoneInTimeIsWastedAndOfWhatDidNotBeginSaved) {
  const auto end = [&](TaskPtr task, Outcome outcome, Nanos spent) {
    task->spent = spent;
    if (spent > Nanos(0)) task->begun = bench.now();
    Publish(std::move(task), std::move(outcome));
    return std::pair(bench.tally.publication[0].wasted_ns[Index(TaskClass::kNormal)].get(),
                     bench.tally.publication[0].saved_ns[Index(TaskClass::kNormal)].get());
  };
  const auto expired = [] {
    Outcome outcome = Bench::Failed(Reason::kDeadline);
    outcome.fate = Fate::kExpired;
    return outcome;
  };
  using Work = std::pair<std::uint64_t, std::uint64_t>;
  EXPECT_EQ(end(bench.Accept(1, function), Bench::Done("in time"), Nanos(100)), Work(0, 0));
  TaskPtr late = bench.Accept(2, function);
  late->deadline = bench.now() - Nanos(1);
  EXPECT_EQ(end(std::move(late), Bench::Done("too late"), Nanos(30)), Work(30, 0));
  EXPECT_EQ(end(bench.Accept(3, function), expired(), Nanos(0)), Work(30, 0)) << "cost not known";
  bench.costs.Learn(function, Nanos(500));
  EXPECT_EQ(end(bench.Accept(4, function), expired(), Nanos(0)), Work(30, 500));
  EXPECT_EQ(end(bench.Accept(5, function), expired(), Nanos(7)), Work(37, 500));

  TaskPtr parent = bench.Accept(6, function);
  const auto child = [&](std::uint64_t seq) {
    return bench.Accept(TaskId{kChildBit | 6, seq}, function, {}, parent->record);
  };
  TaskPtr last = child(3);
  EXPECT_EQ(end(child(1), Bench::Done("for its parent"), Nanos(1000)), Work(37, 500));
  EXPECT_EQ(end(child(2), expired(), Nanos(2000)), Work(37, 500)) << "its parent goes on";
  EXPECT_EQ(end(std::move(parent), Bench::Failed(Reason::kTaskError), Nanos(4)), Work(3041, 500));
  EXPECT_EQ(end(std::move(last), Bench::Done("for nobody"), Nanos(10)), Work(3051, 500));
}

}  // namespace
}  // namespace spillgate::testing
