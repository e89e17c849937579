// How long a running task keeps its slot while its node has not answered. The clock moves when the
// task waits.
#include "server/exec/task_client.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string_view>
#include <vector>

#include "schema/frame.h"
#include "schema/replies.h"

namespace spillgate {
namespace {

using std::chrono::microseconds;

// A node that lets in whatever is spawned, so long after it was asked.
class SlowNode final : public TaskLink {
 public:
  void Send(RunState& /*run*/, Buffer frame) override {
    asked_ = frame;
    answers_at_ = After(clock.Now(), takes);
  }
  Pumped Pump(Instant until) override {
    clock.Advance(std::min(until, answers_at_) - clock.Now());
    if (clock.Now() < answers_at_) return Pumped::kTime;
    Answer();
    return Pumped::kWoken;
  }
  void Look() override {}
  void Block(RunState& /*run*/, TaskId /*awaited*/, bool for_room) override {
    EXPECT_TRUE(for_room);
    blocked_after.push_back(clock.Now() - (answers_at_ - takes));
  }
  void Resume(RunState& /*run*/) override { ++resumed; }
  FunctionId FindFunction(RunState& /*run*/, std::string_view /*name*/) override { return 1; }

  ManualClock clock;
  Nanos takes{0};
  TaskClient* client = nullptr;
  std::vector<Nanos> blocked_after;
  int resumed = 0;

 private:
  void Answer() {
    const std::vector<wire::Verdict> verdicts{
        {.count = 1,
         .correlation = wire::View(asked_.view()).header.correlation,
         .status = wire::VerdictStatus::kAccepted}};
    wire::OutBuffer out;
    wire::WriteVerdicts(verdicts, 0, out);
    EXPECT_TRUE(client->Deliver(out.view()));
  }

  Buffer asked_;
  Instant answers_at_{};
};

class SpawnPatienceTest : public ::testing::Test {
 protected:
  SpawnPatienceTest() { node_.client = &client_; }

  // After how long the slot was given away; none if it was not.
  std::vector<Nanos> Spawn(Nanos takes) {
    node_.takes = takes;
    node_.blocked_after.clear();
    const std::uint32_t no_args = 0;
    const std::string_view name = "noop";
    sg_submission group{};
    group.size = sizeof(group);
    group.function = {.data = name.data(), .size = name.size()};
    group.count = 1;
    group.arg_counts = &no_args;
    std::vector<sg_future> out(1);
    std::uint32_t accepted = 0;
    const Answer answer = client_.Submit(run_, group, out, accepted);
    EXPECT_EQ(answer.reason, Reason::kNone) << answer.message;
    EXPECT_EQ(accepted, 1U);
    return node_.blocked_after;
  }

  static constexpr Nanos kPatience = microseconds(20);
  SlowNode node_;
  TaskClient client_{node_, node_.clock, kPatience, nullptr};
  StopSign stop_;
  RunState run_{.task = {1, 1}, .stop = &stop_, .attempt = 1};
};

using Times = std::vector<Nanos>;

// A root that began meanwhile would stand before its own children.
TEST_F(SpawnPatienceTest, ThatChildrenAreLetInTakesAMoment) {
  EXPECT_EQ(Spawn(5 * kPatience), Times{});
  EXPECT_EQ(Spawn(15 * kPatience), Times{10 * kPatience});
  EXPECT_EQ(node_.resumed, 1);
}

// Of a root that spawns more than it may have under way, each spawn waits.
TEST_F(SpawnPatienceTest, WhoHasHadToWaitForRoomIsLessPatient) {
  (void)Spawn(15 * kPatience);
  EXPECT_EQ(Spawn(5 * kPatience), Times{kPatience});
  EXPECT_EQ(Spawn(kPatience / 2), Times{});
  EXPECT_EQ(Spawn(5 * kPatience), Times{}) << "there is room again";
}

}  // namespace
}  // namespace spillgate
