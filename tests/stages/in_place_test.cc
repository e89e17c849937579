// Scheduling: what a blocked task awaits, and would run in its place.
#include "tests/stages/scheduling_bench.h"

namespace spillgate::testing {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class InPlaceTest : public SchedulingBench {
 protected:
  InPlaceTest() : SchedulingBench(6, {.amount = {2000, 1000}}) {}

  const FunctionId gpu = bench.functions.Add("gpu", [](std::uint32_t id) {
    Function function{.id = id, .name = "gpu", .host = Host::kWorker};
    function.shape.amount[kGpu] = 1000;
    return function;
  });
};

TEST_F(InPlaceTest, AnAwaitedChildWaitsForASlotOfItsFunctionUnlessNothingElseMoves) {
  Resolve(1, one);
  Resolve(2, single);
  Resolve(3, single);
  Handle(Lent(0, RunNotice::Kind::kBlocked, {Bench::kSession, 3}));
  EXPECT_EQ(PlacedSeqs(), (Seqs{1, 2})) << "its function is at its limit";
  bench.clock.Advance(seconds(2));
  stage.Tick(bench.now());
  EXPECT_EQ(PlacedSeqs(), (Seqs{1, 2})) << "the other one runs, and will end";
  bench.signals.all_wait = true;
  stage.Tick(bench.now());
  EXPECT_EQ(PlacedSeqs(), (Seqs{1, 2, 3})) << "only it can free the thread of its parent";
}

// Those that run share the CPUs, and its parent had one.
TEST_F(InPlaceTest, AnAwaitedChildWaitsForACpuSlotButNotForLong) {
  Resolve(1, two);
  Resolve(2, two);
  Handle(Lent(0, RunNotice::Kind::kBlocked, {Bench::kSession, 3}));
  EXPECT_EQ(PlacedSeqs(), (Seqs{1, 2})) << "the child is not here yet";
  Resolve(3, one);
  EXPECT_EQ(PlacedSeqs(), (Seqs{1, 2}));
  bench.clock.Advance(milliseconds(2));
  stage.Tick(bench.now());
  EXPECT_EQ(PlacedSeqs(), (Seqs{1, 2, 3}));
  EXPECT_EQ(stage.free().amount[kCpu], -1000);
}

TEST_F(InPlaceTest, AndForAGpuForAsLongAsAnotherHasIt) {
  Resolve(1, one);
  Resolve(2, gpu);
  Resolve(3, gpu);
  Handle(Lent(0, RunNotice::Kind::kBlocked, {Bench::kSession, 3}));
  bench.clock.Advance(seconds(2));
  stage.Tick(bench.now());
  EXPECT_EQ(PlacedSeqs(), (Seqs{1, 2}));
  Handle(Freed(1));
  EXPECT_EQ(PlacedSeqs(), (Seqs{1, 2, 3}));
}

}  // namespace
}  // namespace spillgate::testing
