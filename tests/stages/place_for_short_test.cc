// Scheduling with more threads than CPU slots: a short task has a place beside a long run.
#include "core/embedded/no_peers.h"
#include "stages/scheduling.h"
#include "tests/stages/bench.h"

namespace spillgate::testing {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class PlaceForShortTest : public ::testing::TestWithParam<std::int64_t> {
 protected:
  static Shared& WithTarget(Bench& bench) {
    bench.limits.target_delay_ns[Index(TaskClass::kNormal)] = Nanos(milliseconds(20)).count();
    return bench.shared;
  }
  PlaceForShortTest()
      : stage(WithTarget(bench), peers,
              {.total = bench.account.total(), .names = {}, .most_slots = GetParam()},
              {.placed =
                   placed.emit([this](Placed&& e) { stage.Unplace(std::move(e), bench.now()); }),
               .spilled = spilled.emit([this](Spilled&& e) { stage.KeepSpilled(std::move(e)); }),
               .finished = finished.emit([this](Finished&& e) { stage.Keep(std::move(e)); })}) {
    Resolve(1, brief);
    End(0, milliseconds(1));
    Resolve(2, lengthy);
    End(1, seconds(5));
    Resolve(3, lengthy);  // has both slots
    for (std::uint64_t seq = 4; seq <= 6; ++seq) Resolve(seq, brief);
    Resolve(7, lengthy);
  }

  void Resolve(std::uint64_t seq, FunctionId function) {
    std::vector<Scheduling::In> batch =
        BatchOf<Scheduling::In>(Resolved{bench.Accept(seq, function)});
    stage.Handle(batch, bench.now());
  }
  void End(std::size_t placed_at, Nanos cost) {
    const Task& task = *placed.events[placed_at].task;
    std::vector<Scheduling::In> batch =
        BatchOf<Scheduling::In>(SlotFreed{.held = *task.shape,
                                          .function = task.function,
                                          .root = task.root,
                                          .estimated = task.estimate,
                                          .cost = cost});
    stage.Handle(batch, bench.now());
  }
  [[nodiscard]] std::vector<std::uint64_t> PlacedSeqs() const {
    std::vector<std::uint64_t> seqs;
    for (const Placed& event : placed.events) seqs.push_back(event.task->id.seq);
    return seqs;
  }
  using Seqs = std::vector<std::uint64_t>;

  Bench bench;
  const FunctionId brief = bench.AddFunction("brief", kOneSlot);
  const FunctionId lengthy = bench.AddFunction("lengthy", 2 * kOneSlot);
  NoPeers peers;
  Probe<Placed> placed;
  Probe<Spilled> spilled;
  Probe<Finished> finished;
  Scheduling stage;
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

}  // namespace
}  // namespace spillgate::testing
