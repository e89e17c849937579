// Hosts: which function runs where, and what inline functions may do.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "server/exec/hosts.h"
#include "tests/server/exec/fake_node.h"

namespace spillgate::testing {
namespace {

using ::testing::HasSubstr;

void Where(sdk::Context& context) {
  context.Return(std::to_string(getpid()));
}
void Ask(sdk::Context& context) {
  context.Return(context.Get(context.Submit("noop")));
}
void Escape(sdk::Context& /*context*/) {
  throw 42;
}

constexpr sg_function kFunctions[] = {
    sdk::Export<Where>("here", SG_HOST_INLINE), sdk::Export<Where>("thread", SG_HOST_THREAD),
    sdk::Export<Ask>("ask", SG_HOST_INLINE), sdk::Export<Escape>("escape", SG_HOST_INLINE)};
constexpr sg_library kTable{SG_ABI_VERSION, sizeof(sg_function), "here", kFunctions, 4};

FakeNode::Options DefaultOptions() {
  FakeNode::Options options;
  options.tables.push_back(&kTable);
  options.libraries.push_back(LibraryPath("test_greeter"));
  return options;
}

TEST(Routing, FunctionsRunWhereTheyAreHosted) {
  FakeNode node(DefaultOptions());
  const std::string here = std::to_string(getpid());
  EXPECT_EQ(node.Call("here").value, here);
  EXPECT_EQ(node.Call("thread").value, here);
  EXPECT_NE(node.Call("where").value, here);
  EXPECT_EQ(node.ledger().starts, 2);
  EXPECT_TRUE(node.Stop());
}

// Whatever the config says of a function whose library only workers have.
TEST(Routing, WhatIsNotInThisProcessRunsInAWorkerOrNotAtAll) {
  FakeNode::Options options = DefaultOptions();
  options.hosts = {{"where", Host::kThread}, {"greet", Host::kInline}};
  FakeNode node(std::move(options));
  EXPECT_NE(node.Call("where").value, std::to_string(getpid()));
  const Ended greet = node.Call("greet", {"you"});
  EXPECT_EQ(greet.reason, Reason::kUnsupported);
  EXPECT_THAT(greet.message, HasSubstr("its library is not loaded"));
  EXPECT_TRUE(node.Stop());
}

TEST(Routing, InlineFunctionsMayNotWait) {
  FakeNode node(DefaultOptions());
  const Ended ended = node.Call("ask");
  EXPECT_EQ(ended.fate, Fate::kFailed);
  EXPECT_THAT(ended.message, HasSubstr("an inline function may not wait or submit"));
  EXPECT_THAT(node.Call("escape").message, HasSubstr("not a std::exception"));
  EXPECT_TRUE(node.Stop());
}

TEST(Routing, AnswersToNobodyAreDropped) {
  FakeNode node(DefaultOptions());
  wire::OutBuffer out;
  wire::Encode(wire::Error{.reason = Reason::kTimeout, .message = "x"}, 1, out);
  node.OnLoop([&] {
    node.hosts().Deliver(1, out.view());
    node.hosts().Deliver(kTaskConnection | 77, out.view());
    node.hosts().Deliver(kWorkerConnection | 77, out.view());
  });
  EXPECT_EQ(node.Call("thread").fate, Fate::kDone);
  EXPECT_TRUE(node.Stop());
}

// Stages may run on threads that are not the loop's.
TEST(Routing, AnyThreadMayStartInterruptTickAndStop) {
  FakeNode node(DefaultOptions());
  const TaskId id = node.Submit("nap", {});
  ASSERT_TRUE(node.Until([&] { return node.Children(id) == 1; }));
  std::thread other([&] {
    node.hosts().Interrupt(id, Reason::kCancelled, node.clock().Now());
    node.hosts().Tick(node.clock().Now());
  });
  other.join();
  EXPECT_EQ(node.Await(id).fate, Fate::kCancelled);
  std::thread stopper([&] { node.hosts().Stop(); });
  stopper.join();
  EXPECT_TRUE(node.Stop());
}

}  // namespace
}  // namespace spillgate::testing
