// Worker processes: what becomes of tasks, of the node and of the other tasks when one misbehaves.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "core/base/format.h"
#include "schema/worker_messages.h"
#include "tests/server/exec/fake_node.h"

namespace spillgate::testing {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::StartsWith;

FakeNode::Options DefaultOptions() {
  FakeNode::Options options;
  options.libraries.push_back(LibraryPath("test_greeter"));
  options.workers.kill_grace = 100ms;
  return options;
}

// Ends the node, and holds it to what it promises whatever happened.
void CheckLedger(FakeNode& node) {
  EXPECT_TRUE(node.Stop());
  const Ledger ledger = node.ledger();
  EXPECT_EQ(ledger.starts, ledger.reports);
  EXPECT_EQ(ledger.strays, 0);
}

pid_t PidOf(FakeNode& node) {
  return std::stoi(node.Call("where").value);
}

// Gone, or dead and not waited for by whoever has inherited it.
bool IsGone(pid_t pid) {
  std::ifstream stat(Format("/proc/{}/stat", pid));
  std::string line;
  if (!std::getline(stat, line)) return true;
  return line.substr(line.rfind(')') + 2, 1) == "Z";
}

// A task, the first of its node, that has begun for sure, and hangs from then on.
TaskId StartHanging(FakeNode& node) {
  wire::OutBuffer blocked;
  wire::Encode(wire::Blocked{.task = {7, 1}}, 1, blocked);
  const TaskId id = node.Submit("say", {std::string(AsText(blocked.view()))});
  EXPECT_TRUE(node.Until([&] { return node.Blocked(id); }));
  return id;
}

TEST(Workers, ACrashSaysHowAndWithWhichLastWords) {
  FakeNode node(DefaultOptions());
  const Ended crashed = node.Call("crash");
  EXPECT_EQ(crashed.fate, Fate::kFailed);
  EXPECT_EQ(crashed.reason, Reason::kWorkerDied);
  // A sanitizer takes the signal first, and exits.
  EXPECT_THAT(crashed.message, ::testing::AnyOf(StartsWith("killed by SIGSEGV (11)"),
                                                StartsWith("exited with status ")));
  EXPECT_EQ(node.Call("exit", {"7"}).message, "exited with status 7");
  EXPECT_THAT(node.Call("crash", {"9"}).message, StartsWith("killed by SIGKILL (9)"));
  EXPECT_EQ(node.Call("greet", {"you"}).value, "hello you");
  CheckLedger(node);
  EXPECT_GE(node.ledger().gone, 3);
}

TEST(Workers, ARunGetsTheResultsOfWhatItHasSpawnedItself) {
  FakeNode::Options options = DefaultOptions();
  options.retries = 1;
  FakeNode node(std::move(options));
  const TaskId stray = node.Submit("stray", {"1"});
  const Ended ended = node.Await(stray);
  EXPECT_EQ(ended.value, "hello you.hello 2.hello you.") << ended.message;
  EXPECT_EQ(ended.runs, 2);
  node.OnLoop([&] {
    EXPECT_EQ(node.Children(stray), 5U) << "two of the second run's are those of the first";
  });
  CheckLedger(node);
}

TEST(Workers, ATaskWhoseWorkerDiedRunsAgain) {
  FakeNode::Options options = DefaultOptions();
  options.retries = 3;
  FakeNode node(std::move(options));
  const Ended ended = node.Call("crash", {"6", "2"});
  EXPECT_EQ(ended.fate, Fate::kDone) << ended.message;
  EXPECT_EQ(ended.value, "3");
  EXPECT_EQ(ended.deaths.size(), 2u);
  const Ended poison = node.Call("crash", {"6"});
  EXPECT_EQ(poison.fate, Fate::kFailed);
  EXPECT_EQ(poison.runs, 4);
  CheckLedger(node);
}

// The worker of a task in the middle of a tree of them: what runs on the same stack dies with it,
// what runs elsewhere goes on.
TEST(Workers, TreesSurviveTheDeathOfAnyWorker) {
  FakeNode::Options options = DefaultOptions();
  options.retries = 20;
  options.hosts = {{"spawn", Host::kWorker}, {"fib", Host::kWorker}};
  options.workers.max = 5;
  FakeNode node(std::move(options));
  for (int round = 0; round < 5; ++round) {
    const TaskId id = node.Submit("fib", {"11"});
    for (int kills = 0; kills < 4; ++kills) {
      // A worker that is asked where it is, and killed thereafter, may have other work by then.
      kill(PidOf(node), SIGKILL);
    }
    const Ended ended = node.Await(id);
    EXPECT_EQ(ended.value, "89") << ended.message;
  }
  CheckLedger(node);
}

TEST(Workers, AllThatRunsOnOneStackEndsWithItsWorker) {
  FakeNode::Options options = DefaultOptions();
  options.slots = 1;
  options.workers.max = 1;
  FakeNode node(std::move(options));
  const TaskId id = node.Submit("relay", {"crash", "9"});
  const Ended ended = node.Await(id, 20s);
  // Its child killed the worker, for there is no other: it was not told that the child failed.
  EXPECT_EQ(ended.reason, Reason::kWorkerDied) << ended.message;
  EXPECT_EQ(node.Call("greet", {"you"}).value, "hello you");
  CheckLedger(node);
}

TEST(Workers, WhatWasSaidBeforeTheEndCounts) {
  FakeNode node(DefaultOptions());
  for (int number = 1; number <= 20; ++number) {
    const std::vector<ByteView> values{AsBytes("my result")};
    wire::OutBuffer done;
    wire::Encode(wire::Done{.task = {7, static_cast<std::uint64_t>(number)}}, values, 0, done);
    const Ended ended = node.Call("farewell", {std::string(AsText(done.view()))});
    EXPECT_EQ(ended.value, "my result") << ended.message;
    // The next one shall not be sent to a worker that is about to end.
    ASSERT_TRUE(node.Until([&] { return node.ledger().gone >= number; }));
  }
  CheckLedger(node);
}

// The node is busy with something else until it has died, so that both are there to be seen at
// once.
TEST(Workers, WhatWasSaidBeforeTheEndCountsThoughItIsReadAfterIt) {
  FakeNode::Options options = DefaultOptions();
  options.workers.max = 1;
  FakeNode node(std::move(options));
  const pid_t pid = PidOf(node);
  const int ended = static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
  ASSERT_GE(ended, 0);
  const std::vector<ByteView> values{AsBytes("my result")};
  wire::OutBuffer done;
  wire::Encode(wire::Done{.task = {7, 2}}, values, 0, done);
  kill(pid, SIGSTOP);
  const TaskId id = node.Submit("farewell", {std::string(AsText(done.view()))});
  ASSERT_EQ(id, (TaskId{7, 2}));
  node.OnLoop([&] {
    kill(pid, SIGCONT);
    pollfd end{.fd = ended, .events = POLLIN, .revents = 0};
    EXPECT_EQ(poll(&end, 1, 60'000), 1);
  });
  close(ended);
  const Ended result = node.Await(id, 20s);
  EXPECT_EQ(result.value, "my result") << result.message;
  CheckLedger(node);
}

TEST(Workers, AHangingTaskIsKilledAfterTheGrace) {
  FakeNode node(DefaultOptions());
  const TaskId id = StartHanging(node);
  node.Cancel(id);
  const Ended ended = node.Await(id);
  EXPECT_EQ(ended.fate, Fate::kCancelled);
  EXPECT_THAT(ended.message, HasSubstr("did not end a task within 100 ms of being asked to"));
  EXPECT_EQ(node.Call("greet", {"you"}).value, "hello you");
  CheckLedger(node);
}

TEST(Workers, AHangingTaskIsKilledAfterItsDeadline) {
  FakeNode node(DefaultOptions());
  EXPECT_EQ(node.Call("greet", {"you"}).fate, Fate::kDone);  // a worker is there
  const Ended ended = node.Call("hang", {}, {.deadline = 300ms});
  EXPECT_EQ(ended.fate, Fate::kExpired);
  EXPECT_THAT(ended.message, HasSubstr("within 100 ms of its deadline"));
  CheckLedger(node);
}

TEST(Workers, WhatSleepsInTheKernelIsInterruptedBeforeItIsKilled) {
  FakeNode::Options options = DefaultOptions();
  options.workers.kill_grace = 2s;
  options.workers.max = 1;
  FakeNode node(std::move(options));
  const pid_t worker = PidOf(node);
  const TaskId nap = node.Submit("nap", {});
  ASSERT_TRUE(node.Until([&] { return node.Children(nap) == 1; }));
  node.Cancel(nap);
  EXPECT_EQ(node.Await(nap).message, "cancelled while it ran");
  const TaskId stubborn = node.Submit("stubborn", {});
  ASSERT_TRUE(node.Until([&] { return node.Children(stubborn) == 1; }));
  node.Cancel(stubborn);
  EXPECT_EQ(node.Await(stubborn).value, "done all the same");
  EXPECT_EQ(PidOf(node), worker);
  CheckLedger(node);
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)  // whose shadows are larger
TEST(Workers, MemoryBeyondTheLimitIsAFailureOfTheTaskAlone) {
  FakeNode::Options options = DefaultOptions();
  options.workers.max = 1;
  FakeNode node(std::move(options));
  const pid_t worker = PidOf(node);
  const std::string bytes = Format("{}", 256 << 20);
  const Ended ended = node.Call("alloc", {bytes}, {.memory = 64 << 20});
  EXPECT_EQ(ended.fate, Fate::kFailed);
  EXPECT_THAT(ended.message, StartsWith("out of memory after "));
  EXPECT_EQ(node.Call("alloc", {bytes}).value, bytes);  // the limit was that task's
  EXPECT_EQ(PidOf(node), worker);
  CheckLedger(node);
}

TEST(Workers, TheProcessHasALimitToo) {
  FakeNode::Options options = DefaultOptions();
  options.workers.memory = 256 << 20;
  FakeNode node(std::move(options));
  EXPECT_THAT(node.Call("alloc", {Format("{}", 1 << 30)}).message, StartsWith("out of memory"));
  EXPECT_EQ(node.Call("greet", {"you"}).value, "hello you");
  CheckLedger(node);
}
#endif

TEST(Workers, AFloodOfOutputDisturbsNobodyAndLeavesItsTail) {
  FakeNode::Options options = DefaultOptions();
  options.slots = 2;
  options.workers.max = 2;
  options.workers.stderr_tail = 4096;
  FakeNode node(std::move(options));
  const std::string bytes = Format("{}", 64 << 20);
  const TaskId flood = node.Submit("flood", {bytes});
  for (int i = 0; i < 50; ++i) EXPECT_EQ(node.Call("greet", {"you"}).value, "hello you");
  EXPECT_GE(std::stol(node.Await(flood).value), 64 << 20);
  CheckLedger(node);
}

TEST(Workers, TheLastOutputIsThatOfTheTaskThatDied) {
  FakeNode::Options options = DefaultOptions();
  options.workers.max = 1;
  FakeNode node(std::move(options));
  EXPECT_EQ(node.Call("flood", {"100"}).fate, Fate::kDone);
  EXPECT_EQ(node.Call("exit", {"3"}).message, "exited with status 3");
  EXPECT_THAT(node.Call("last_words", {"out of ideas\n", "7"}).message,
              StartsWith("exited with status 7; its last output:\nout of ideas"));
  CheckLedger(node);
}

TEST(Workers, ClosingTheConnectionIsTheEndOfAWorker) {
  FakeNode node(DefaultOptions());
  const Ended ended = node.Call("hang_up");
  EXPECT_EQ(ended.reason, Reason::kWorkerDied);
  EXPECT_THAT(ended.message, HasSubstr("closed its connection to the node, and was killed"));
  EXPECT_EQ(node.Call("greet", {"you"}).value, "hello you");
  CheckLedger(node);
}

TEST(Workers, WhatAWorkerLeavesBehindIsKilledWithIt) {
  FakeNode::Options options = DefaultOptions();
  options.workers.max = 1;
  FakeNode node(std::move(options));
  const pid_t orphan = std::stoi(node.Call("orphan").value);
  EXPECT_FALSE(IsGone(orphan));
  EXPECT_EQ(node.Call("exit", {"0"}).message, "exited with status 0");
  EXPECT_TRUE(node.Until([orphan] { return IsGone(orphan); }));
  CheckLedger(node);
}

TEST(Workers, StopLeavesNoProcessBehind) {
  FakeNode::Options options = DefaultOptions();
  options.slots = 4;
  options.workers.prestart = 2;
  FakeNode node(std::move(options));
  const TaskId hangs = StartHanging(node);
  const pid_t worker = PidOf(node);
  CheckLedger(node);
  EXPECT_EQ(node.Await(hangs).reason, Reason::kWorkerDied);
  EXPECT_EQ(node.ledger().gone, 2);
  EXPECT_TRUE(IsGone(worker));
}

TEST(Workers, SomeAreKeptWarmAndTheOthersEndWhenIdle) {
  FakeNode::Options options = DefaultOptions();
  options.slots = 4;
  options.workers.prestart = 1;
  options.workers.max = 4;
  options.workers.idle = 50ms;
  FakeNode node(std::move(options));
  ASSERT_TRUE(node.Until([&] { return node.hosts().processes() == 1; }));
  std::vector<TaskId> naps;
  for (int i = 0; i < 4; ++i) naps.push_back(node.Submit("nap", {}));
  ASSERT_TRUE(node.Until([&] { return node.hosts().processes() == 4; }));
  for (const TaskId id : naps) node.Cancel(id);
  for (const TaskId id : naps) EXPECT_EQ(node.Await(id).fate, Fate::kCancelled);
  EXPECT_TRUE(node.Until([&] { return node.hosts().processes() == 1; }));
  const pid_t kept = PidOf(node);
  kill(kept, SIGKILL);  // a warm one that dies is replaced without being asked for
  EXPECT_TRUE(node.Until([&] { return IsGone(kept) && node.hosts().processes() == 1; }));
  EXPECT_NE(PidOf(node), kept);
  CheckLedger(node);
}

TEST(Workers, CountsTellWhatThereIsAndHowManyDied) {
  FakeNode::Options options = DefaultOptions();
  options.slots = 2;
  options.workers.prestart = 0;
  options.workers.max = 3;
  options.workers.idle = 50ms;
  FakeNode node(std::move(options));
  const auto counts = [&node] { return node.hosts().worker_counts(); };
  const TaskId nap = node.Submit("nap", {});
  EXPECT_TRUE(node.Until([&] { return counts().busy == 1 && counts().starting == 0; }));
  EXPECT_EQ(node.Call("exit", {"3"}).reason, Reason::kWorkerDied);
  EXPECT_TRUE(node.Until([&] { return counts().died == 1; }));
  node.Cancel(nap);
  EXPECT_EQ(node.Await(nap).fate, Fate::kCancelled);
  EXPECT_TRUE(node.Until([&] { return counts().busy == 0; }));
  node.OnLoop([&] {
    EXPECT_EQ(counts().limit, 3U);
    EXPECT_GE(counts().started, 2U);
    EXPECT_EQ(counts().blocked, 0U);
  });
  EXPECT_TRUE(node.Until([&] { return node.hosts().processes() == 0; })) << "idle for too long";
  node.OnLoop([&] { EXPECT_EQ(counts().died, 1U) << "who leaves when asked has not died"; });
  CheckLedger(node);
}

TEST(Workers, ArgumentsThatNoFrameCanCarryFailTheirTask) {
  FakeNode node(DefaultOptions());
  // Six values of 3 MB each, passed as objects.
  const Ended ended = node.Call("gather", {Format("{}", 3'000'000), "6"});
  EXPECT_EQ(ended.fate, Fate::kFailed);
  EXPECT_THAT(ended.message, HasSubstr("the most for a worker is 16777216"));
  EXPECT_EQ(node.Call("gather", {Format("{}", 3'000'000), "5"}).value, "15000000");
  EXPECT_THAT(node.Call("blob", {"20000000"}).message, HasSubstr("its values have 20000000 bytes"));
  CheckLedger(node);
}

TEST(Workers, MoreThanMayBeOnItsWayIsTakenInTurns) {
  FakeNode::Options options = DefaultOptions();
  options.workers.egress = 100'000;
  FakeNode node(std::move(options));
  EXPECT_EQ(node.Call("hoard", {"1000000", "40"}).value, "40000000");
  CheckLedger(node);
}

TEST(Workers, AskingForTooMuchAtOnceIsAFailureOfTheTask) {
  FakeNode::Options options = DefaultOptions();
  options.workers.egress_most = 4'000'000;
  options.retries = 5;
  FakeNode node(std::move(options));
  const Ended ended = node.Call("hoard", {"1000000", "400"});
  EXPECT_EQ(ended.fate, Fate::kFailed);
  EXPECT_EQ(ended.reason, Reason::kTooLarge);
  EXPECT_EQ(ended.runs, 1);
  EXPECT_EQ(node.Call("greet", {"you"}).value, "hello you");
  CheckLedger(node);
}

TEST(Workers, ResultsOfOneAreArgumentsOfAnother) {
  FakeNode node(DefaultOptions());
  EXPECT_EQ(node.Call("chain", {"you"}).value, "hello hello you");
  EXPECT_THAT(node.Call("relay", {"throw"}).message, HasSubstr("no such row"));
  EXPECT_THAT(node.Call("relay", {"exit", "4"}).message, HasSubstr("exited with status 4"));
  CheckLedger(node);
}

}  // namespace
}  // namespace spillgate::testing
