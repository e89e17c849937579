// Workers that say what a worker may not, and programs that are no workers.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

#include "core/base/format.h"
#include "schema/submit.h"
#include "schema/worker_messages.h"
#include "tests/server/exec/fake_node.h"

namespace spillgate::testing {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

FakeNode::Options DefaultOptions() {
  FakeNode::Options options;
  options.libraries.push_back(LibraryPath("test_greeter"));
  return options;
}

void CheckLedger(FakeNode& node) {
  EXPECT_TRUE(node.Stop());
  EXPECT_EQ(node.ledger().starts, node.ledger().reports);
  EXPECT_EQ(node.ledger().strays, 0);
}

template <class Message>
std::string FrameOf(const Message& message, std::uint32_t correlation = 1) {
  wire::OutBuffer out;
  wire::Encode(message, correlation, out);
  return std::string(AsText(out.view()));
}

std::string DoneOf(TaskId task, std::size_t values) {
  const std::vector<ByteView> bytes(values, AsBytes("x"));
  wire::OutBuffer out;
  wire::Encode(wire::Done{.task = task}, bytes, 0, out);
  return std::string(AsText(out.view()));
}

std::string SubmitOf(TaskId parent, bool child) {
  wire::SubmitWriter writer;
  const wire::ChildPreamble preamble{.parent = parent};
  writer.Begin({.function = 1, .first_seq = 1}, child ? &preamble : nullptr);
  writer.BeginTask();
  wire::OutBuffer out;
  writer.Finish(1, 0, out);
  return std::string(AsText(out.view()));
}

// What the node knows the second task of a test by.
constexpr TaskId kThis{7, 2};
constexpr TaskId kOther{7, 1};

struct Rogue {
  const char* name;
  std::string says;
  const char* dies_because;
};

void PrintTo(const Rogue& rogue, std::ostream* out) {
  *out << rogue.name;
}

class RogueWorkers : public ::testing::TestWithParam<Rogue> {};

// Its task is run again, elsewhere, and nobody else notices.
TEST_P(RogueWorkers, AreKilledAndTheirTaskIsRetried) {
  FakeNode::Options options = DefaultOptions();
  options.retries = 1;
  FakeNode node(std::move(options));
  EXPECT_EQ(node.Call("greet", {"you"}).value, "hello you");
  const Ended ended = node.Call("say", {GetParam().says});
  EXPECT_EQ(ended.fate, Fate::kFailed);
  EXPECT_EQ(ended.reason, Reason::kWorkerDied);
  ASSERT_EQ(ended.deaths.size(), 2u);
  EXPECT_THAT(ended.deaths[0], HasSubstr(GetParam().dies_because));
  EXPECT_EQ(node.Call("greet", {"you"}).value, "hello you");
  CheckLedger(node);
}

std::vector<Rogue> Rogues() {
  std::string malformed = DoneOf(kThis, 1);
  malformed[24] = '\x7f';  // where its table is
  std::string huge = DoneOf(kThis, 1);
  huge[11] = '\x7f';  // its payload would have 2 GB
  return {
      {"Garbage", "this is no frame, and long enough to see that it is none", "what is no frame"},
      {"HugeFrame", huge, "what is no frame"},
      {"MalformedDone", malformed, "malformed frame"},
      {"DoneOfAnother", DoneOf(kOther, 1), "which it does not run"},
      {"DoneWithManyValues", DoneOf(kThis, 3), "with 3 values, it was to return 1"},
      {"DoneWithoutValues", DoneOf(kThis, 0), "with 0 values, it was to return 1"},
      {"DoneWhileBlocked", FrameOf(wire::Blocked{.task = kThis}) + DoneOf(kThis, 1),
       "which it does not run"},
      {"DoneTwice", DoneOf(kThis, 3) + DoneOf(kThis, 3), "with 3 values"},
      {"BlockedAnother", FrameOf(wire::Blocked{.task = kOther}), "which it does not run"},
      {"BlockedWithoutNumber", FrameOf(wire::Blocked{.task = kThis}, 0), "blocked without a task"},
      {"BlockedTwice",
       FrameOf(wire::Blocked{.task = kThis}, 1) + FrameOf(wire::Blocked{.task = kThis}, 2),
       "twice"},
      {"ResumedUnblocked", FrameOf(wire::Resumed{.task = kThis}), "which is not blocked"},
      {"ResumedAnother", FrameOf(wire::Resumed{.task = kOther}), "which is not blocked"},
      {"HelloAgain", FrameOf(wire::WorkerHello{}), "said worker_hello, which workers do not"},
      {"Client", FrameOf(wire::Hello{}), "said hello, which workers do not"},
      {"Node", FrameOf(wire::Interrupt{.task = kThis}), "said interrupt, which workers do not"},
      {"UnaskedAnswer", FrameOf(wire::Registered{.function = 1}), "that it was not asked"},
      {"ChildOfAnother", SubmitOf(kOther, true), "which it runs"},
      {"NoChild", SubmitOf(kThis, false), "which it runs"},
  };
}

INSTANTIATE_TEST_SUITE_P(, RogueWorkers, ::testing::ValuesIn(Rogues()),
                         [](const auto& test) { return test.param.name; });

TEST(Questions, WhatTasksMayNotAskIsRefusedAndNoDeath) {
  FakeNode node(DefaultOptions());
  const TaskId id = node.Submit("say", {FrameOf(wire::Stats{.what = "status"})});
  ASSERT_TRUE(node.Until([&] { return node.hosts().busy(); }));
  EXPECT_EQ(node.Call("greet", {"you"}).value, "hello you");
  node.Cancel(id);
  EXPECT_THAT(node.Await(id).message, HasSubstr("did not end a task"));
  CheckLedger(node);
}

// A task that was sent to run in the place of a blocked one has not begun when that goes on: it
// runs elsewhere, once.
TEST(Questions, WhatHasNotBegunWhenATaskResumesRunsElsewhere) {
  FakeNode::Options options = DefaultOptions();
  options.slots = 1;
  options.workers.prestart = 1;
  options.workers.max = 2;
  FakeNode node(std::move(options));
  TaskId first;
  node.OnLoop([&] {
    first = node.Submit("say", {FrameOf(wire::Blocked{.task = kOther, .awaited = kThis}),
                                FrameOf(wire::Resumed{.task = kOther})});
    EXPECT_EQ(first, kOther);
    EXPECT_EQ(node.Submit("greet", {"you"}), kThis);  // has no slot until the first names it
  });
  const Ended second = node.Await(kThis);
  EXPECT_EQ(second.value, "hello you");
  EXPECT_EQ(second.runs, 1);
  EXPECT_EQ(node.ledger().nested, 1);
  EXPECT_EQ(node.ledger().resumed, 1);
  node.Cancel(first);
  EXPECT_EQ(node.Await(first).deaths.size(), 1u);
  CheckLedger(node);
}

TEST(Questions, LoadingALibraryTakesABoundedTime) {
  FakeNode::Options options;
  options.libraries.push_back(LibraryPath("test_hangs_at_load"));
  options.workers.load_within = 100ms;
  FakeNode node(std::move(options));
  const Ended ended = node.Call("nothing");
  EXPECT_EQ(ended.reason, Reason::kWorkerDied);
  EXPECT_THAT(ended.message, HasSubstr("took longer than 100 ms to load"));
  EXPECT_THAT(ended.message, HasSubstr("libtest_hangs_at_load.so, and was killed"));
  CheckLedger(node);
}

class Programs : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "exec_test.XXXXXX").string();
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  // A shell script in the place of the worker program.
  [[nodiscard]] std::string Script(const std::string& text) const {
    const std::filesystem::path path = folder_ / "program";
    std::ofstream(path) << "#!/bin/sh\n" << text << "\n";
    std::filesystem::permissions(path, std::filesystem::perms::owner_all);
    return path;
  }

  static Ended CallWith(const std::string& program) {
    FakeNode::Options options;
    options.workers.program = program;
    options.workers.hello_within = 200ms;
    FakeNode node(std::move(options));
    const Ended ended = node.Call("crash");
    EXPECT_EQ(ended.deaths.size(), 0u);
    EXPECT_EQ(ended.reason, Reason::kNoWorker);
    EXPECT_THAT(ended.message, HasSubstr(program));
    EXPECT_THAT(ended.message, HasSubstr("workers.program"));
    EXPECT_EQ(node.ledger().turned_away, 1);
    // While it is known to be broken, nobody waits for it.
    EXPECT_EQ(node.Call("exit").message, ended.message);
    CheckLedger(node);
    return ended;
  }

  std::filesystem::path folder_;
};

TEST_F(Programs, MissingOnesAreNamed) {
  const std::string missing = folder_ / "missing";
  const Ended ended = CallWith(missing);
  EXPECT_EQ(ended.fate, Fate::kFailed);
  EXPECT_THAT(ended.message, HasSubstr(Format("cannot start {}: No such file", missing)));
}

TEST_F(Programs, OnesThatEndAtOnceAreQuoted) {
  const Ended ended = CallWith(Script("echo 'wrong machine' >&2; exit 9"));
  EXPECT_THAT(ended.message, HasSubstr("exited with status 9"));
  EXPECT_THAT(ended.message, HasSubstr("before it said hello"));
  EXPECT_THAT(ended.message, HasSubstr("its last output:\nwrong machine"));
}

TEST_F(Programs, OnesThatSayNothingAreKilled) {
  const Ended ended = CallWith(Script("exec tail -f /dev/null"));
  EXPECT_THAT(ended.message, HasSubstr("did not say hello within 200 ms, and was killed"));
}

TEST_F(Programs, OnesThatSaySomethingElseAreKilled) {
  const Ended ended =
      CallWith(Script("echo 'I am no worker at all, hello' >&3; tail -f /dev/null"));
  EXPECT_THAT(ended.message, HasSubstr("sent what is no frame, and was killed"));
}

TEST_F(Programs, OnesThatEchoAreKilled) {
  const Ended ended = CallWith(Script("cat <&3 >&3"));
  EXPECT_THAT(ended.message, HasSubstr("said greeting in the place of hello"));
}

// A start that fails now and then is no reason to turn anybody away.
TEST_F(Programs, OnesThatFailAtFirstAreTriedAgain) {
  const std::string mark = folder_ / "tried";
  FakeNode::Options options;
  options.workers.program = Script(Format(
      "if [ ! -e {0} ]; then touch {0}; exit 1; fi\nexec {1} \"$@\"", mark, WorkerProgram()));
  FakeNode node(std::move(options));
  EXPECT_EQ(node.Call("exit", {"5"}).message, "exited with status 5");
  CheckLedger(node);
}

}  // namespace
}  // namespace spillgate::testing
