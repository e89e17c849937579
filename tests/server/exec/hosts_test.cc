// What tasks may rely on wherever they run: on threads of the node and in worker processes.
#include "server/exec/hosts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "core/base/format.h"
#include "tests/server/exec/fake_node.h"

namespace spillgate::testing {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::AnyOf;
using ::testing::HasSubstr;

FakeNode::Options OptionsFor(Host host) {
  FakeNode::Options options;
  options.threads.threads = 2;
  for (const char* name : {"noop", "echo", "sum", "concat", "hash", "fail", "attempt", "remaining",
                           "sleep", "spin", "fib", "spawn", "first_of", "deadlock", "tree"}) {
    options.hosts[name] = host;
  }
  options.workers.kill_grace = 5s;  // a machine may be slow; who stops at once is not affected
  return options;
}

// Where tasks run, and whether some are started before a slot is free for them.
struct Hosted {
  Host host;
  bool prefetch = false;
};

class OnBothHosts : public ::testing::TestWithParam<Hosted> {
 protected:
  static FakeNode::Options DefaultOptions() {
    FakeNode::Options options = OptionsFor(GetParam().host);
    options.prefetch = GetParam().prefetch;
    return options;
  }

  // Ends the node, and holds it to what it promises whatever happened.
  static void CheckLedger(FakeNode& node) {
    EXPECT_TRUE(node.Stop());
    const Ledger ledger = node.ledger();
    EXPECT_EQ(ledger.starts, ledger.reports);
    EXPECT_EQ(ledger.strays, 0);
    EXPECT_LE(ledger.resumed, ledger.blocked);
    EXPECT_TRUE(node.Until([&node] { return !node.hosts().busy(); }));
  }
};

INSTANTIATE_TEST_SUITE_P(, OnBothHosts,
                         ::testing::Values(Hosted{Host::kThread}, Hosted{Host::kThread, true},
                                           Hosted{Host::kWorker}),
                         [](const auto& test) {
                           if (test.param.prefetch) return "ThreadsAhead";
                           return test.param.host == Host::kThread ? "Threads" : "Workers";
                         });

TEST_P(OnBothHosts, FunctionsReturnValues) {
  FakeNode node(DefaultOptions());
  EXPECT_EQ(node.Call("noop").value, "");
  EXPECT_EQ(node.Call("sum", {"1", "41"}).value, "42");
  EXPECT_EQ(node.Call("concat", {"a", "", "bc"}).value, "abc");
  EXPECT_EQ(node.Call("attempt").value, "1");
  const std::string large(100'000, 'x');
  const Ended echo = node.Call("echo", {"first", large, ""}, {.returns = 3});
  EXPECT_EQ(echo.fate, Fate::kDone);
  EXPECT_EQ(echo.value, "first");
  EXPECT_THAT(echo.further, ::testing::ElementsAre(large, ""));
  EXPECT_EQ(node.Call("remaining").value, "-1");
  const Ended left = node.Call("remaining", {}, {.deadline = 60s});
  EXPECT_GT(std::stol(left.value), 1'000'000);
  EXPECT_LE(std::stol(left.value), 60'000'000);
  CheckLedger(node);
}

TEST_P(OnBothHosts, FailuresSayWhy) {
  FakeNode node(DefaultOptions());
  const Ended failed = node.Call("fail", {"no such row"});
  EXPECT_EQ(failed.fate, Fate::kFailed);
  EXPECT_EQ(failed.reason, Reason::kTaskError);
  EXPECT_EQ(failed.message, "no such row");
  EXPECT_EQ(node.Call("sum", {"1", "x"}).fate, Fate::kFailed);
  const Ended too_many = node.Call("echo", {"a", "b"});
  EXPECT_THAT(too_many.message, HasSubstr("submitted with 1 returns"));
  CheckLedger(node);
}

// As many tasks as fib(13), nearly all of them waiting for others, on two slots.
TEST_P(OnBothHosts, RecursionByGetRunsOnTwoSlots) {
  FakeNode node(DefaultOptions());
  const Ended fib = node.Call("fib", {"12"});
  EXPECT_EQ(fib.fate, Fate::kDone) << fib.message;
  EXPECT_EQ(fib.value, "144");
  const Ledger ledger = node.ledger();
  EXPECT_EQ(ledger.starts - ledger.held_up, 465);
  EXPECT_GT(ledger.blocked, 0);
  CheckLedger(node);
}

TEST_P(OnBothHosts, RecursionByGetRunsOnOneStack) {
  FakeNode::Options options = DefaultOptions();
  options.slots = 1;
  options.threads.threads = 1;
  options.threads.extra_blocked = 0;
  options.workers.max = 1;
  FakeNode node(std::move(options));
  EXPECT_EQ(node.Call("fib", {"9"}).value, "34");
  EXPECT_GT(node.ledger().nested, 0);
  CheckLedger(node);
}

// Without running anything in place, neither as the scheduler says nor by themselves.
TEST_P(OnBothHosts, RecursionByGetRunsOnExtraThreadsOrWorkers) {
  FakeNode::Options options = DefaultOptions();
  options.slots = 1;
  options.offers = false;
  options.threads = {.threads = 1, .extra_blocked = 24, .nested_stack = 1};
  options.workers.max = 25;
  options.workers.nested_stack = 1;
  FakeNode node(std::move(options));
  EXPECT_EQ(node.Call("fib", {"6"}).value, "8");
  EXPECT_EQ(node.ledger().nested, 0);
  CheckLedger(node);
}

TEST_P(OnBothHosts, AwaitedTasksRunInPlaceWhenSlotsAreTaken) {
  FakeNode::Options options = DefaultOptions();
  options.slots = 1;
  FakeNode node(std::move(options));
  EXPECT_EQ(node.Call("spawn", {"4", "3"}).value, "64");
  EXPECT_GT(node.ledger().nested, 0);
  CheckLedger(node);
}

TEST_P(OnBothHosts, WideSpawnsTakeSeveralFrames) {
  FakeNode node(DefaultOptions());
  EXPECT_EQ(node.Call("spawn", {"3000", "1"}).value, "3000");
  CheckLedger(node);
}

TEST_P(OnBothHosts, TreesSayHowManyOfTheirTasksRan) {
  FakeNode node(DefaultOptions());
  EXPECT_EQ(node.Call("tree", {"spin", "10", "3", "2", "a7"}).value, "a713");
  EXPECT_EQ(node.Call("tree", {"sleep", "0", "1", "4", "a"}).value, "a5");
  EXPECT_EQ(node.Call("tree", {"spin", "10", "3", "0", "a"}).value, "a1");
  EXPECT_EQ(node.Call("tree", {"walk", "10", "3", "2", "a"}).reason, Reason::kTaskError);
  EXPECT_EQ(node.Call("tree", {"spin", "10", "3", "2"}).reason, Reason::kTaskError);
  CheckLedger(node);
}

TEST_P(OnBothHosts, SpawnsWaitForRoom) {
  FakeNode::Options options = DefaultOptions();
  options.window = 12;
  FakeNode node(std::move(options));
  EXPECT_EQ(node.Call("spawn", {"10", "1", "100"}).value, "10");
  const TaskId first = node.Submit("spawn", {"8", "1", "1000"});
  const TaskId second = node.Submit("spawn", {"8", "1", "1000"});
  EXPECT_EQ(node.Await(first).value, "8");
  EXPECT_EQ(node.Await(second).value, "8");
  CheckLedger(node);
}

TEST_P(OnBothHosts, WaitsForTheFirstAndCancelsTheRest) {
  FakeNode::Options options = DefaultOptions();
  options.slots = 4;
  options.threads.threads = 4;
  options.workers.max = 6;
  FakeNode node(std::move(options));
  const Ended ended = node.Call("first_of", {"1", "3", "20000", "30000000"}, {.returns = 2});
  EXPECT_EQ(ended.fate, Fate::kDone) << ended.message;
  EXPECT_GE(std::stoi(ended.value), 1);
  EXPECT_EQ(std::stoi(ended.value) + std::stoi(ended.further.at(0)), 3);
  // Nobody is in time.
  const Ended late = node.Call("first_of", {"2", "2", "30000000", "1000"}, {.returns = 2});
  EXPECT_EQ(late.value, "0");
  EXPECT_EQ(late.further.at(0), "2");
  CheckLedger(node);
}

TEST_P(OnBothHosts, DeadlinesEndWhatWaitsAndWhatLooks) {
  FakeNode node(DefaultOptions());
  EXPECT_EQ(node.Call("noop").fate, Fate::kDone);  // a thread or worker is there
  for (const char* function : {"sleep", "spin"}) {
    const Ended ended = node.Call(function, {"60000000"}, {.deadline = 200ms});
    EXPECT_EQ(ended.fate, Fate::kExpired) << ended.message;
    EXPECT_EQ(ended.reason, Reason::kDeadline);
    EXPECT_EQ(ended.message, "its deadline passed while it ran");
    EXPECT_TRUE(ended.deaths.empty());
  }
  CheckLedger(node);
}

// Of this process: whether none of them runs, or would.
bool ExecThreadsAreParked() {
  for (const auto& thread : std::filesystem::directory_iterator("/proc/self/task")) {
    std::ifstream file(thread.path() / "stat");
    std::string stat;
    std::getline(file, stat);
    if (stat.find("(sg-exec) ") != std::string::npos && stat.find(") S ") == std::string::npos) {
      return false;
    }
  }
  return true;
}

TEST(Hosts, AThreadParksAlsoWhenAnAnswerComesTooLateForItsTask) {
  FakeNode node(OptionsFor(Host::kThread));
  // The second of its children ends when nobody waits for it any more.
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(node.Call("spawn", {"2", "1", "60000000"}, {.deadline = 20ms}).fate, Fate::kExpired);
  }
  EXPECT_TRUE(node.Until(&ExecThreadsAreParked, 20s));
}

TEST_P(OnBothHosts, ChildrenDoNotOutliveTheDeadlineOfTheirParent) {
  FakeNode node(DefaultOptions());
  const Ended ended = node.Call("spawn", {"2", "1", "60000000"}, {.deadline = 100ms});
  EXPECT_EQ(ended.fate, Fate::kExpired) << ended.message;
  CheckLedger(node);  // which waits for the children
}

TEST_P(OnBothHosts, CancelEndsWhatRunsWhatWaitsAndWhatHasNotBegun) {
  FakeNode::Options options = DefaultOptions();
  options.slots = 3;
  options.threads.threads = 1;
  options.threads.extra_blocked = 0;
  options.workers.max = 1;
  FakeNode node(std::move(options));
  const TaskId runs = node.Submit("spin", {"60000000"});
  const TaskId waits = node.Submit("noop", {});
  ASSERT_TRUE(node.Until([&] { return node.Running(runs) && node.Running(waits); }));
  EXPECT_TRUE(node.Until([&] { return node.hosts().busy(); }));
  node.Cancel(waits);
  const Ended unbegun = node.Await(waits);
  EXPECT_EQ(unbegun.fate, Fate::kCancelled);
  EXPECT_EQ(unbegun.message, "cancelled before it ran");
  node.Cancel(runs);
  const Ended ended = node.Await(runs);
  EXPECT_EQ(ended.fate, Fate::kCancelled);
  // A thread that has taken it counts as busy a moment before it begins.
  EXPECT_THAT(ended.message, AnyOf("cancelled while it ran", "cancelled before it ran"));
  EXPECT_TRUE(ended.deaths.empty());
  CheckLedger(node);
}

TEST_P(OnBothHosts, CancelGoesDownToTheChildrenOfABlockedTask) {
  FakeNode node(DefaultOptions());
  const TaskId id = node.Submit("spawn", {"2", "2", "60000000"});
  ASSERT_TRUE(node.Until([&] { return node.Blocked(id); }));
  node.Cancel(id);
  EXPECT_EQ(node.Await(id).fate, Fate::kCancelled);
  CheckLedger(node);
}

// Those that may be made count, so that it is the same before the first and after the last.
TEST_P(OnBothHosts, TellHowManyMoreCouldBegin) {
  FakeNode node(DefaultOptions());
  const auto left = [&] {
    const Executor::PlacesLeft all = node.hosts().Left();
    return GetParam().host == Host::kWorker ? all.workers : all.threads;
  };
  std::int32_t before = 0;
  node.OnLoop([&] { before = left(); });
  EXPECT_GT(before, 0);
  const TaskId id = node.Submit("spin", {"60000000"});
  const auto runs = [&] {
    return (node.hosts().thread_counts().busy + node.hosts().worker_counts().busy) == 1;
  };
  ASSERT_TRUE(node.Until(runs));
  EXPECT_TRUE(node.Until([&] { return left() == before - 1; }));
  node.Cancel(id);
  EXPECT_EQ(node.Await(id).fate, Fate::kCancelled);
  EXPECT_TRUE(node.Until([&] { return left() == before; }));
  CheckLedger(node);
}

// On the node's thread.
bool AllWait(FakeNode& node) {
  Signals signals;
  const Instant now{std::chrono::seconds(7)};
  node.hosts().TellWhetherAllWait(signals, now);
  const Instant told = signals.all_waited_at;
  EXPECT_TRUE(told == now || told == kNever);
  return told != kNever;
}

TEST_P(OnBothHosts, AllWaitIfSomeAreBlockedAndNoneIsBusy) {
  FakeNode::Options options = DefaultOptions();
  options.window = 1;  // for a spawn there is no room
  FakeNode node(std::move(options));
  node.OnLoop([&] { EXPECT_FALSE(AllWait(node)) << "there are none"; });
  const TaskId blocked = node.Submit("spawn", {"1", "1", "0"});
  EXPECT_TRUE(node.Until([&] { return AllWait(node); }));
  const TaskId busy = node.Submit("spin", {"60000000"});
  EXPECT_TRUE(node.Until([&] { return node.hosts().busy() && !AllWait(node); }));
  node.Cancel(busy);
  EXPECT_EQ(node.Await(busy).fate, Fate::kCancelled);
  EXPECT_TRUE(node.Until([&] { return AllWait(node); }));
  node.Cancel(blocked);
  EXPECT_EQ(node.Await(blocked).fate, Fate::kCancelled);
  EXPECT_TRUE(node.Until([&] { return !AllWait(node); }));
  CheckLedger(node);
}

TEST(Hosts, AWorkerThatStartsIsSomethingThatMoves) {
  const std::string program = ::testing::TempDir() + "never_says_hello";
  std::ofstream(program) << "#!/bin/sh\nexec sleep 60\n";
  std::filesystem::permissions(program, std::filesystem::perms::owner_all);
  FakeNode::Options options = OptionsFor(Host::kThread);
  options.window = 1;
  options.hosts["noop"] = Host::kWorker;
  options.workers.program = program;
  options.workers.prestart = 0;
  options.workers.hello_within = 60s;
  options.workers.kill_grace = 1ms;
  FakeNode node(std::move(options));
  (void)node.Submit("spawn", {"1", "1", "0"});
  ASSERT_TRUE(node.Until([&] { return AllWait(node); }));
  const TaskId waits = node.Submit("noop", {});
  EXPECT_TRUE(node.Until([&] { return node.hosts().worker_counts().starting == 1; }));
  node.OnLoop([&] { EXPECT_FALSE(AllWait(node)); });
  node.Cancel(waits);
  EXPECT_TRUE(node.Stop());
}

TEST_P(OnBothHosts, WaitingForAnAncestorIsAnErrorAtOnce) {
  FakeNode node(DefaultOptions());
  const Ended ended = node.Call("deadlock");
  EXPECT_EQ(ended.fate, Fate::kDone) << ended.message;
  EXPECT_THAT(ended.value, AllOf(HasSubstr(Format("{}", static_cast<int>(Reason::kOwnAncestor))),
                                 HasSubstr("which it is a part of")));
  CheckLedger(node);
}

TEST_P(OnBothHosts, TheNewestGetFailsWhenNothingCanRun) {
  FakeNode::Options options = DefaultOptions();
  options.threads = {.threads = 1, .extra_blocked = 0, .nested_stack = 1, .nested_patience = 20ms};
  options.workers.max = 1;
  options.workers.nested_stack = 1;
  options.workers.nested_patience = 20ms;
  FakeNode node(std::move(options));
  const TaskId id = node.Submit("fib", {"2"});
  const Ended ended = node.Await(id);
  EXPECT_EQ(ended.fate, Fate::kFailed);
  EXPECT_THAT(ended.message, AllOf(HasSubstr("are blocked"), HasSubstr(ToString(id)),
                                   HasSubstr("raise workers.")));
  EXPECT_EQ(node.Call("sum", {"1", "2"}).value, "3");  // what waited runs, and so does the next
  CheckLedger(node);
}

TEST_P(OnBothHosts, UnknownFunctionsOfChildrenAreNamed) {
  FakeNode::Options options = DefaultOptions();
  options.libraries.push_back(LibraryPath("test_greeter"));
  FakeNode node(std::move(options));
  const Ended ended = node.Call("relay", {"gret", "you"});
  EXPECT_EQ(ended.fate, Fate::kFailed);
  EXPECT_THAT(ended.message, HasSubstr("no function \"gret\""));
  CheckLedger(node);
}

TEST_P(OnBothHosts, WallTimesAreWithoutTheWaits) {
  FakeNode node(DefaultOptions());
  const Ended slow = node.Call("sleep", {"50000"});
  EXPECT_GE(slow.wall, 50ms);
  const Instant begin = node.clock().Now();
  const Ended waited = node.Call("spawn", {"1", "1", "200000"});
  EXPECT_GE(node.clock().Now() - begin, 200ms);
  EXPECT_LT(waited.wall, 150ms);
  CheckLedger(node);
}

TEST_P(OnBothHosts, StopEndsEverything) {
  FakeNode node(DefaultOptions());
  std::vector<TaskId> ids;
  for (int i = 0; i < 6; ++i) ids.push_back(node.Submit("sleep", {"60000000"}));
  const TaskId tree = node.Submit("spawn", {"2", "1", "60000000"});
  ASSERT_TRUE(node.Until([&] { return node.hosts().busy(); }));
  CheckLedger(node);
  EXPECT_EQ(node.Await(ids[0]).reason, Reason::kDrained);
  (void)node.Await(tree, 0ms);
  // What comes after that is turned away.
  const Ended late = node.Await(ids[5]);
  EXPECT_EQ(late.reason, Reason::kDrained);
  EXPECT_THAT(late.message, HasSubstr("the node is stopping"));
}

}  // namespace
}  // namespace spillgate::testing
