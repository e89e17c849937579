// Scheduling with more threads than CPU slots: a short task has a place beside a long run.
#include "tests/stages/scheduling_bench.h"

namespace spillgate::testing {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class PlaceForShortTest : public SchedulingBench, public ::testing::WithParamInterface<int> {
 protected:
  PlaceForShortTest() : SchedulingBench(GetParam()) {
    SetTarget(milliseconds(20));
    Resolve(1, one);
    End(0, milliseconds(1));
    Resolve(2, two);
    End(1, seconds(5));
    Resolve(3, two);  // has both slots
    for (std::uint64_t seq = 4; seq <= 6; ++seq) Resolve(seq, one);
    Resolve(7, two);
  }

  void End(std::size_t i, Nanos cost) {
    SlotFreed event = Freed(i);
    event.cost = cost;
    Handle(std::move(event));
  }
};

class OneThreadMore : public PlaceForShortTest {};
INSTANTIATE_TEST_SUITE_P(PlaceForShort, OneThreadMore, ::testing::Values(3));

TEST_P(OneThreadMore, OneAtATimeRunsBesideALongRun) {
  EXPECT_EQ(PlacedSeqs(), (Seqs{1, 2, 3, 4}));
  EXPECT_EQ(stage.free().amount[kCpu], -kOneSlot);
  End(3, milliseconds(1));
  EXPECT_EQ(PlacedSeqs(), (Seqs{1, 2, 3, 4, 5}));
  End(2, seconds(5));
  EXPECT_EQ(PlacedSeqs(), (Seqs{1, 2, 3, 4, 5, 6})) << "which have the two slots now";
  EXPECT_EQ(stage.free().amount[kCpu], 0);
  End(4, milliseconds(1));
  End(5, milliseconds(1));
  EXPECT_EQ(PlacedSeqs(), (Seqs{1, 2, 3, 4, 5, 6, 7}));
  EXPECT_EQ(stage.free().amount[kCpu], 0);
}

class NoThreadMore : public PlaceForShortTest {};
INSTANTIATE_TEST_SUITE_P(PlaceForShort, NoThreadMore, ::testing::Values(2));

TEST_P(NoThreadMore, EverythingWaitsForTheSlots) {
  EXPECT_EQ(PlacedSeqs(), (Seqs{1, 2, 3}));
  EXPECT_EQ(stage.free().amount[kCpu], 0);
}

// One of the two slots is kept for short work; who would have to be done before the other comes
// free need not wait for it.
class ShutOut : public SchedulingBench {
 protected:
  ShutOut() : SchedulingBench(2) {
    SetTarget(milliseconds(20));
    for (const FunctionId function : {one, lengthy}) {
      Resolve(function, function);
      SlotFreed event = Freed(placed.events.size() - 1);
      event.cost = function == one ? milliseconds(1) : milliseconds(5'000);
      Handle(std::move(event));
    }
  }
  [[nodiscard]] Nanos For(Nanos p95) const {
    return bench.account.ShutOutFor(KeptSlot::LengthOf(p95), kOneSlot, bench.now());
  }
  const FunctionId lengthy = bench.AddFunction("lengthy", kOneSlot);
};

TEST_F(ShutOut, ALongRunIsUntilAnotherEndsWhileShortOnesCome) {
  EXPECT_EQ(For(seconds(5)), Nanos(0));
  Resolve(11, lengthy);
  const std::size_t long_one = placed.events.size() - 1;
  EXPECT_EQ(For(seconds(5)), Nanos(0)) << "nothing short comes";
  Resolve(12, one);
  EXPECT_EQ(For(seconds(5)), milliseconds(200)) << "for so long the slot is kept for it";
  EXPECT_EQ(For(milliseconds(50)), Nanos(0)) << "that is not long";
  for (std::uint64_t seq = 20; seq < 60; ++seq) {
    bench.clock.Advance(milliseconds(100));
    Handle(Freed(placed.events.size() - 1));
    Resolve(seq, one);
  }
  EXPECT_EQ(For(seconds(5)), seconds(1)) << "they have come for so long that the run ends first";
  bench.clock.Advance(milliseconds(300));
  Resolve(70, one);
  EXPECT_EQ(For(seconds(1)), milliseconds(200)) << "there was a break";
  Handle(Freed(long_one));
  EXPECT_EQ(For(seconds(5)), Nanos(0)) << "there is room for one";
}

}  // namespace
}  // namespace spillgate::testing
