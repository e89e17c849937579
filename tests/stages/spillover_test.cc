#include "stages/spillover.h"

#include "tests/stages/bench.h"

namespace spillgate::testing {
namespace {

using std::chrono::milliseconds;
using In = Spillover::In;

class CountingPeers final : public PeerLink {
 public:
  [[nodiscard]] bool HasPeers() const override { return true; }
  void Offer(const Task& task, Instant) override { offers.push_back(task.id); }
  std::vector<TaskId> offers;
};

class SpilloverTest : public ::testing::Test {
 protected:
  SpilloverTest()
      : stage(peers, {.answer_timeout = milliseconds(10), .most_offers = 3},
              {.finished = finished.emit([this](Finished&& e) { stage.Keep(std::move(e)); }),
               .returned = returned.back(),
               .departed = flow::Departure(nullptr)}) {}

  template <class... Events>
  void Handle(Events&&... events) {
    std::vector<In> batch = BatchOf<In>(std::forward<Events>(events)...);
    stage.Handle(batch, bench.now());
  }
  void Answer(PeerAnswer answer) { Handle(PeerAnswered{{id, answer}}); }

  Bench bench;
  const TaskId id{Bench::kSession, 1};
  const FunctionId function = bench.AddFunction("f", 1000);
  CountingPeers peers;
  Probe<Finished> finished;
  Probe<Returned> returned;
  Spillover stage;
};

TEST_F(SpilloverTest, ATaskIsKeptUntilThePeerHasItAndThenForwarded) {
  Handle(Spilled{bench.Accept(1, function)});
  EXPECT_EQ(peers.offers.size(), 1U);
  EXPECT_TRUE(finished.events.empty());
  Answer(PeerAnswer::kAccepted);
  ASSERT_EQ(finished.events.size(), 1U);
  EXPECT_EQ(finished.events[0].task->outcome.fate, Fate::kForwarded);
  Answer(PeerAnswer::kAccepted);  // late, of an offer that has ended
  EXPECT_EQ(finished.events.size(), 1U);
}

TEST_F(SpilloverTest, ARefusedTaskReturns) {
  Handle(Spilled{bench.Accept(1, function)});
  Answer(PeerAnswer::kRefused);
  ASSERT_EQ(returned.events.size(), 1U);
  EXPECT_TRUE(returned.events[0].task->outcome.open());
}

TEST_F(SpilloverTest, ALostAnswerIsAskedForAgainThreeTimesInAll) {
  Handle(Spilled{bench.Accept(1, function)});
  Answer(PeerAnswer::kUnknown);
  Answer(PeerAnswer::kUnknown);
  EXPECT_EQ(peers.offers.size(), 3U);
  EXPECT_TRUE(returned.events.empty());
  Answer(PeerAnswer::kUnknown);
  EXPECT_EQ(peers.offers.size(), 3U);
  EXPECT_EQ(returned.events.size(), 1U);
}

TEST_F(SpilloverTest, SilenceIsALostAnswer) {
  Handle(Spilled{bench.Accept(1, function)});
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(returned.events.empty());
    bench.clock.Advance(milliseconds(11));
    stage.Tick(bench.now());
  }
  EXPECT_EQ(peers.offers.size(), 3U);
  EXPECT_EQ(returned.events.size(), 1U);
}

TEST_F(SpilloverTest, ACancelWaitsForTheAnswerOfWhomMayHaveIt) {
  Handle(Spilled{bench.Accept(1, function)});
  bench.MarkCancelled(id);
  Handle(CancelAsked{id});
  EXPECT_TRUE(finished.events.empty());
  Answer(PeerAnswer::kRefused);
  ASSERT_EQ(finished.events.size(), 1U);
  EXPECT_EQ(finished.events[0].task->outcome.fate, Fate::kCancelled);
  EXPECT_TRUE(returned.events.empty());
}

TEST_F(SpilloverTest, ACancelThatCameTooLateDoesNotUndoTheForwarding) {
  Handle(Spilled{bench.Accept(1, function)});
  Handle(CancelAsked{id});
  Answer(PeerAnswer::kAccepted);
  ASSERT_EQ(finished.events.size(), 1U);
  EXPECT_EQ(finished.events[0].task->outcome.fate, Fate::kForwarded);
}

TEST_F(SpilloverTest, AnEndThatCouldNotPassIsHandedOnAtTheNextTick) {
  finished.full = true;
  Handle(Spilled{bench.Accept(1, function)});
  Answer(PeerAnswer::kAccepted);
  EXPECT_TRUE(finished.events.empty());
  finished.full = false;
  stage.Tick(bench.now());
  EXPECT_EQ(finished.events.size(), 1U);
}

TEST_F(SpilloverTest, FlushGivesUpWhatIsOnOffer) {
  Handle(Spilled{bench.Accept(1, function)});
  stage.Flush(bench.now());
  ASSERT_EQ(finished.events.size(), 1U);
  EXPECT_EQ(finished.events[0].task->outcome.reason, Reason::kDrained);
}

}  // namespace
}  // namespace spillgate::testing
