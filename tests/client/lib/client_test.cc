// The client against a node on a socket: threads, waiting, and connections that go wrong.
#include "client/lib/client.h"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include <fstream>
#include <future>
#include <mutex>

#include "client/lib/address.h"
#include "schema/auth.h"
#include "tests/client/lib/fake_node.h"

namespace spillgate::client {
namespace {

using wire::FrameType;

class ClientTest : public testing::Test {
 protected:
  ClientOptions OptionsOf(const FakeNode& node) {
    ClientOptions options;
    options.address = node.address();
    options.seed = 7;
    return options;
  }
  Client Connect(const FakeNode& node) { return Connect(OptionsOf(node)); }
  static Client Connect(const ClientOptions& options) {
    Result<Client> client = Client::Connect(options);
    EXPECT_TRUE(client.ok()) << (client.ok() ? "" : client.error().message);
    return std::move(client).value();
  }
  static Function Echo(Client& client) {
    Result<Function> function = client.Find("echo");
    EXPECT_TRUE(function.ok());
    return function.value();
  }
  static std::string Text(const Result<Value>& value) {
    return value.ok() ? std::string(AsText(value.value().view()))
                      : "failed: " + value.error().message;
  }
};

TEST_F(ClientTest, OneTaskThereAndBack) {
  FakeNode node;
  node.Start();
  Client client = Connect(node);
  const Function echo = Echo(client);
  for (int i = 0; i < 100; ++i) {
    const std::string text = std::to_string(i);
    const Future future = client.Submit(echo, {text});
    EXPECT_EQ(Text(future.Get(10s)), text);
    EXPECT_TRUE(future.ready());
    EXPECT_TRUE(future.has_value());
    EXPECT_EQ(future.failure(), nullptr);
  }
  EXPECT_EQ(client.stats().submitted, 100U);
  EXPECT_EQ(client.stats().outstanding, 0U);
  EXPECT_EQ(client.node().name, "fake");
}

TEST_F(ClientTest, ABatchIsAFewFrames) {
  FakeNode node;
  node.Start();
  Client client = Connect(node);
  const Function echo = Echo(client);
  std::vector<Future> futures(5000);
  client.SubmitBatch(echo, {}, futures);
  for (const Result<Value>& result : client.Get(futures, 10s)) EXPECT_TRUE(result.ok());
  EXPECT_LE(client.stats().frames, 3U);
}

TEST_F(ClientTest, QuickSubmissionsShareFramesByThemselves) {
  FakeNode node;
  node.Start();
  Client client = Connect(node);
  const Function echo = Echo(client);
  std::vector<Future> futures;
  for (int i = 0; i < 20'000; ++i) futures.push_back(client.Submit(echo, {"x"}));
  for (const Result<Value>& result : client.Get(futures, 10s)) EXPECT_EQ(Text(result), "x");
  EXPECT_LT(client.stats().frames, 10'000U);
}

TEST_F(ClientTest, ManyThreadsUseOneClient) {
  FakeNode node;
  node.Start();
  Client client = Connect(node);
  const Function echo = Echo(client);
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 300; ++i) {
        const std::string text = std::to_string(t) + "/" + std::to_string(i);
        const Future future = client.Submit(echo, {text});
        ASSERT_EQ(Text(future.Get(20s)), text);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(client.stats().outstanding, 0U);
}

TEST_F(ClientTest, NobodyNeedsToWaitForATaskToEnd) {
  FakeNode node;
  node.Start();
  Client client = Connect(node);
  const Function echo = Echo(client);
  std::promise<std::string> promise;
  Future future = client.Submit(echo, {"called"});
  future.Then([&] { promise.set_value(std::string(AsText(future.bytes()))); });
  EXPECT_EQ(promise.get_future().get(), "called");
  int now_and_here = 0;
  future.Then([&] { ++now_and_here; });
  EXPECT_EQ(now_and_here, 1);
}

TEST_F(ClientTest, CallbacksMaySubmit) {
  FakeNode node;
  node.Start();
  Client client = Connect(node);
  const Function echo = Echo(client);
  std::promise<std::string> promise;
  Future first = client.Submit(echo, {"1"});
  Future second;
  first.Then([&] {
    second = client.Submit(echo, {"2"});
    second.Then([&] { promise.set_value(std::string(AsText(second.bytes()))); });
  });
  EXPECT_EQ(promise.get_future().get(), "2");
}

TEST_F(ClientTest, WaitIsOverWhenEnoughAreReady) {
  std::atomic<int> held{0};
  FakeNode node([&](const Sent& frame, wire::OutBuffer& out) {
    if (frame.type() != FrameType::kSubmit || frame.ask().level != Level::kSync) return false;
    const wire::Verdict verdict{.first_seq = frame.ask().first_seq,
                                .count = frame.ask().count,
                                .correlation = frame.correlation()};
    wire::WriteVerdicts({&verdict, 1}, 0, out);
    ++held;
    return true;
  });
  node.Start();
  Client client = Connect(node);
  const Function echo = Echo(client);
  std::vector<Future> futures;
  for (int i = 0; i < 3; ++i) futures.push_back(client.Submit(echo, {"x"}));
  futures.push_back(client.Submit(echo, {}, {.level = Level::kSync}));  // never ends
  Result<Ready> ready = client.Wait(futures, 3, 10s);
  ASSERT_TRUE(ready.ok());
  EXPECT_EQ(ready.value().count, 3U);
  EXPECT_FALSE(ready.value().timed_out);
  EXPECT_FALSE(ready.value().ready[3]);
  ready = client.Wait(futures, 4, 20ms);
  EXPECT_TRUE(ready.value().timed_out);
  EXPECT_EQ(ready.value().count, 3U);
  const Result<Value> late = futures[3].Get(20ms);
  ASSERT_FALSE(late.ok());
  EXPECT_EQ(late.error().kind, FailureKind::kTimeout);
  EXPECT_FALSE(futures[3].ready());
  EXPECT_EQ(held, 1);
}

TEST_F(ClientTest, ValuesThatAreNotPushedAreWaitedForAndFetched) {
  FakeNode node;
  node.Start();
  Client client = Connect(node);
  const Function echo = Echo(client);
  std::vector<Future> futures(3);
  client.SubmitBatch(echo, {}, futures, {.returns = 2, .push = false});
  const Result<Ready> ready = client.Wait(futures, 3, 10s);
  ASSERT_TRUE(ready.ok());
  EXPECT_EQ(ready.value().count, 3U);
  EXPECT_FALSE(futures[0].has_value());
  for (const Result<Value>& value : client.Get(futures, 10s)) EXPECT_EQ(Text(value), "fetched");
  EXPECT_EQ(Text(futures[1].Get(10s, 1)), "further");
  EXPECT_EQ(Text(client.Get(futures[1].object(1), 10s)), "further");
}

TEST_F(ClientTest, QuestionsAreAnswered) {
  FakeNode node;
  node.Start();
  Client client = Connect(node);
  EXPECT_TRUE(client.Ping().ok());
  EXPECT_EQ(client.StatsOf("stages").value(), "{\"ok\":true}");
  EXPECT_EQ(client.MakeShape("cpu=1").value().id, 3U);
  EXPECT_EQ(client.Drain(1s).value().left, 0U);
  const TaskId id{kSession, 1};
  EXPECT_EQ(client.Cancel({&id, 1}).value().count, 1U);
  Future put = client.Put(AsBytes("value"));
  const Result<Ready> ready = client.Wait({&put, 1}, 1, 10s);
  EXPECT_EQ(ready.value().count, 1U);
  EXPECT_EQ(Text(put.Get(10s)), "fetched");
  Result<Root> root = client.OpenRoot({.deadline = 1s});
  ASSERT_TRUE(root.ok());
  const Future inside = client.Submit(Echo(client), {"in"}, {.root = &root.value()});
  EXPECT_EQ(Text(inside.Get(10s)), "in");
}

TEST_F(ClientTest, ASilentNodeTimesOut) {
  FakeNode node([](const Sent& frame, wire::OutBuffer&) {
    return frame.type() != FrameType::kHello;  // hears, and says nothing
  });
  node.Start();
  ClientOptions options = OptionsOf(node);
  options.request_timeout = 30ms;
  Client client = Connect(options);
  EXPECT_EQ(client.Find("echo").error().kind, FailureKind::kTimeout);
  EXPECT_EQ(client.Ping().error().kind, FailureKind::kTimeout);
  EXPECT_EQ(client.OpenRoot().error().kind, FailureKind::kTimeout);
  EXPECT_EQ(client.Get(ObjectId{{kSession, 1}, 0}, 0ms).error().kind, FailureKind::kTimeout);
}

// Its tasks go under the number that it was opened with, and none before.
TEST_F(ClientTest, ARootThatIsRefusedForNowIsOpenedALittleLater) {
  int asked = 0;
  std::uint64_t opened = 0;
  std::uint64_t joined = 0;
  FakeNode node([&](const Sent& frame, wire::OutBuffer& out) {
    if (frame.type() == FrameType::kSubmit) joined = frame.ask().root;
    if (frame.type() != FrameType::kOpenRoot) return false;
    opened = wire::DecodeOpenRoot(frame.view())->seq;
    if (++asked > 2) return false;
    const wire::Verdict refusal{.first_seq = opened,
                                .count = 1,
                                .correlation = frame.correlation(),
                                .retry_after_us = 2000,
                                .reason = Reason::kBacklog,
                                .status = wire::VerdictStatus::kRejected};
    wire::WriteVerdicts({&refusal, 1}, 0, out);
    return true;
  });
  node.Start();
  Client client = Connect(node);
  const Result<Root> root = client.OpenRoot();
  ASSERT_TRUE(root.ok()) << root.error().message;
  const Future inside = client.Submit(Echo(client), {"in"}, {.root = &root.value()});
  EXPECT_EQ(Text(inside.Get(10s)), "in");
  EXPECT_EQ(client.stats().retried, 2U);
  node.Stop();
  EXPECT_EQ(asked, 3);
  EXPECT_EQ(root.value().number(), opened);
  EXPECT_EQ(joined, opened);
}

TEST_F(ClientTest, ARootThatOpensAfterItsCallIsOverIsClosed) {
  std::optional<Sent> open;
  std::uint64_t closed = 0;
  FakeNode node([&](const Sent& frame, wire::OutBuffer& out) {
    if (frame.type() == FrameType::kOpenRoot) {
      open = frame;
      return true;
    }
    if (frame.type() == FrameType::kCloseRoot) closed = wire::DecodeCloseRoot(frame.view())->seq;
    if (frame.type() == FrameType::kPing && closed == 0) {
      const wire::Verdict late{.first_seq = wire::DecodeOpenRoot(open->view())->seq,
                               .count = 1,
                               .correlation = open->correlation()};
      wire::WriteVerdicts({&late, 1}, 0, out);
    }
    return false;
  });
  node.Start();
  ClientOptions options = OptionsOf(node);
  options.request_timeout = 30ms;
  Client client = Connect(options);
  EXPECT_EQ(client.OpenRoot().error().kind, FailureKind::kTimeout);
  // The verdict comes before the first answer, and the close is said before the second question.
  while (!client.Ping().ok()) {
  }
  client.Flush();
  while (!client.Ping().ok()) {
  }
  node.Stop();
  EXPECT_EQ(closed, wire::DecodeOpenRoot(open->view())->seq);
}

TEST_F(ClientTest, TheClientsOwnBoundWaitsOrFails) {
  FakeNode node([](const Sent& frame, wire::OutBuffer&) {
    return frame.type() == FrameType::kSubmit;  // no verdict
  });
  node.Start();
  ClientOptions options = OptionsOf(node);
  options.max_outstanding = 10;
  options.request_timeout = 30ms;
  {
    Client client = Connect(options);
    const Function echo = Echo(client);
    std::vector<Future> futures(11);
    client.SubmitBatch(echo, {}, futures);
    EXPECT_FALSE(futures[9].ready());
    ASSERT_NE(futures[10].failure(), nullptr);
    EXPECT_EQ(futures[10].failure()->kind, FailureKind::kExhausted);
  }
  node.Stop();
}

TEST_F(ClientTest, TheBoundOpensAsTasksEnd) {
  FakeNode node;
  node.Start();
  ClientOptions options = OptionsOf(node);
  options.max_outstanding = 16;
  Client client = Connect(options);
  const Function echo = Echo(client);
  std::vector<Future> futures(1000);
  client.SubmitBatch(echo, {}, futures);
  for (const Result<Value>& result : client.Get(futures, 20s)) ASSERT_TRUE(result.ok());
}

TEST_F(ClientTest, FuturesOutliveTheirClient) {
  FakeNode node([](const Sent& frame, wire::OutBuffer&) {
    return frame.type() == FrameType::kSubmit && frame.ask().level == Level::kSync;
  });
  node.Start();
  Future done;
  Future open;
  {
    Client client = Connect(node);
    const Function echo = Echo(client);
    done = client.Submit(echo, {"v"});
    EXPECT_TRUE(done.Get(10s).ok());
    open = client.Submit(echo, {}, {.level = Level::kSync});
  }
  EXPECT_EQ(AsText(done.bytes()), "v");
  ASSERT_NE(open.failure(), nullptr);
  EXPECT_TRUE(open.failure()->kind == FailureKind::kOutcomeUnknown ||
              open.failure()->kind == FailureKind::kUnavailable);
  EXPECT_FALSE(open.Get(1s).ok());
}

}  // namespace
}  // namespace spillgate::client
