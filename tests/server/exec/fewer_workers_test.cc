// Worker processes whose greatest number a reload makes less.
#include <gtest/gtest.h>

#include "schema/worker_messages.h"
#include "tests/server/exec/fake_node.h"

namespace spillgate::testing {
namespace {

using namespace std::chrono_literals;

class FewerWorkersTest : public ::testing::Test {
 protected:
  static FakeNode::Options TwoWorkers() {
    FakeNode::Options options;
    options.slots = 8;
    options.libraries.push_back(LibraryPath("test_greeter"));
    options.workers.program = WorkerProgram();
    options.workers.max = 2;
    options.workers.idle = std::chrono::hours(1);
    return options;
  }
  void Reload(std::uint32_t most) {
    node.OnLoop([&] {
      WorkerOptions options = TwoWorkers().workers;
      options.max = most;
      node.hosts().Apply(Nanos(0), options);
    });
  }
  [[nodiscard]] TaskId Nap() { return node.Submit("nap", {}); }
  [[nodiscard]] bool HasBegun(TaskId nap) {
    return node.Until([&] { return node.Children(nap) == 1; }, 20s);
  }
  [[nodiscard]] bool HasWorkers(std::uint32_t count) {
    return node.Until([&] { return node.hosts().processes() == count; }, 20s);
  }
  void End(TaskId nap) {
    node.Cancel(nap);
    EXPECT_EQ(node.Await(nap).fate, Fate::kCancelled);
  }

  FakeNode node{TwoWorkers()};
};

// There always is something that waits for a worker, so that none is idle for long.
TEST_F(FewerWorkersTest, LeaveUnderLoadWhenTheirRunEnds) {
  const TaskId first = Nap();
  const TaskId second = Nap();
  ASSERT_TRUE(HasBegun(first));
  ASSERT_TRUE(HasBegun(second));
  const TaskId third = Nap();
  const TaskId fourth = Nap();
  Reload(1);
  node.OnLoop([&] { EXPECT_EQ(node.hosts().worker_counts().busy, 2U) << "they go on"; });
  End(first);
  ASSERT_TRUE(HasWorkers(1));
  node.OnLoop([&] {
    EXPECT_EQ(node.Children(third) + node.Children(fourth), 0U);
    EXPECT_EQ(node.hosts().worker_counts().busy, 1U);
  });
  for (const TaskId nap : {second, third, fourth}) {
    EXPECT_TRUE(HasBegun(nap));
    End(nap);
  }
  EXPECT_EQ(node.Call("greet", {"you"}).value, "hello you");
  node.OnLoop([&] {
    EXPECT_EQ(node.hosts().processes(), 1U);
    EXPECT_EQ(node.hosts().worker_counts().started, 2U);
    EXPECT_EQ(node.hosts().worker_counts().died, 0U);
  });
  Reload(2);
  const TaskId nap = Nap();
  EXPECT_TRUE(HasBegun(nap));
  EXPECT_EQ(node.Call("greet", {"you"}).value, "hello you") << "there are two again";
  End(nap);
}

TEST_F(FewerWorkersTest, OfIdleAndBlockedOnesTheIdleLeave) {
  wire::OutBuffer blocked;
  wire::Encode(wire::Blocked{.task = {7, 1}}, 1, blocked);
  const TaskId hangs = node.Submit("say", {std::string(AsText(blocked.view()))});
  ASSERT_TRUE(node.Until([&] { return node.Blocked(hangs); }));
  EXPECT_EQ(node.Call("greet", {"you"}).value, "hello you");
  ASSERT_TRUE(HasWorkers(2));
  Reload(1);
  EXPECT_TRUE(HasWorkers(1));
  node.OnLoop([&] { EXPECT_EQ(node.hosts().worker_counts().blocked, 1U); });
  EXPECT_TRUE(node.Running(hangs));
}

}  // namespace
}  // namespace spillgate::testing
