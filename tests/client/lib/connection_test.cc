// How connections begin, break, and come back.
#include <gmock/gmock.h>
#include <sys/stat.h>

#include <fstream>
#include <future>

#include "client/lib/spillgate.h"
#include "schema/auth.h"
#include "tests/client/lib/fake_node.h"

namespace spillgate::client {
namespace {

using testing::HasSubstr;
using wire::FrameType;

ClientOptions OptionsOf(const FakeNode& node) {
  ClientOptions options;
  options.address = node.address();
  options.seed = 7;
  return options;
}

Result<Client> ConnectTo(const FakeNode& node) {
  return Client::Connect(OptionsOf(node));
}

Function EchoOf(Client& client) {
  Result<Function> function = client.Find("echo");
  EXPECT_TRUE(function.ok());
  return function.ok() ? function.value() : Function();
}

// A token file that the test may read, and nobody else.
class TokenFile {
 public:
  explicit TokenFile(std::string_view text, mode_t mode = 0600) {
    path_ = testing::TempDir() + "sg-token-XXXXXX";
    const int fd = mkstemp(path_.data());
    EXPECT_EQ(write(fd, text.data(), text.size()), static_cast<ssize_t>(text.size()));
    EXPECT_EQ(fchmod(fd, mode), 0);
    close(fd);
  }
  ~TokenFile() { unlink(path_.c_str()); }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

TEST(Connection, NoNodeIsSaidAtOnce) {
  ClientOptions options;
  options.address = "unix:///nowhere/at/all.sock";
  const Result<Client> client = Client::Connect(options);
  ASSERT_FALSE(client.ok());
  EXPECT_EQ(client.error().kind, FailureKind::kUnavailable);
  EXPECT_EQ(ExitCodeOf(client.error().kind), 69);
  EXPECT_THAT(client.error().message, HasSubstr("/nowhere/at/all.sock"));
}

TEST(Connection, AddressesAreChecked) {
  for (const char* bad : {"", "localhost:7440", "unix://relative", "tcp://", "tcp://host",
                          "tcp://host:0", "tcp://host:99999", "http://host:80"}) {
    EXPECT_FALSE(ParseEndpoint(bad).ok()) << bad;
  }
  EXPECT_FALSE(ParseEndpoint("unix:///" + std::string(108, 'x')).ok());
  for (const char* good : {"unix:///run/x.sock", "tcp://127.0.0.1:7440", "tcp://[::1]:7440",
                           "tcp://node1.local:7440"}) {
    const Result<Endpoint> endpoint = ParseEndpoint(good);
    ASSERT_TRUE(endpoint.ok()) << good;
    EXPECT_EQ(ToString(endpoint.value()), good);
  }
}

TEST(Connection, TheDefaultAddressIsTheUsersOwn) {
  setenv("SPILLGATE_ADDRESS", "tcp://127.0.0.1:1", 1);
  EXPECT_EQ(DefaultAddress(), "tcp://127.0.0.1:1");
  unsetenv("SPILLGATE_ADDRESS");
  setenv("XDG_RUNTIME_DIR", "/run/user/7", 1);
  EXPECT_EQ(DefaultAddress(), "unix:///run/user/7/spillgate/default.sock");
  unsetenv("XDG_RUNTIME_DIR");
  EXPECT_EQ(DefaultAddress(),
            "unix:///tmp/spillgate-" + std::to_string(getuid()) + "/default.sock");
}

TEST(Connection, TheTokenIsProvedAndNotSent) {
  const TokenFile tokens("# who may\nteam-a sesame-sesame-sesame\nteam-b other\n");
  FakeNode node;
  node.auth_required = true;
  node.Start();
  EXPECT_EQ(ConnectTo(node).error().kind, FailureKind::kDenied);
  ClientOptions options = OptionsOf(node);
  options.token_file = tokens.path();
  ASSERT_TRUE(Client::Connect(options).ok());
  node.Stop();
  ASSERT_TRUE(node.hello.has_value());
  EXPECT_EQ(node.hello->name, "team-a");
  EXPECT_EQ(node.hello->mac, wire::HelloMac("sesame-sesame-sesame", node.nonce, 0, "team-a"));
}

TEST(Connection, TokenFilesAreReadWithCare) {
  const TokenFile open_to_all("team-a sesame\n", 0644);
  EXPECT_THAT(ReadToken(open_to_all.path(), "").error().message, HasSubstr("chmod 600"));
  const TokenFile tokens("team-a sesame\nteam-b other\n");
  EXPECT_EQ(ReadToken(tokens.path(), "team-b").value().token.Reveal(), "other");
  EXPECT_FALSE(ReadToken(tokens.path(), "team-c").ok());
  EXPECT_FALSE(ReadToken("/nowhere/tokens", "").ok());
}

TEST(Connection, ARefusedHelloSaysWhy) {
  FakeNode node([](const Sent& frame, wire::OutBuffer& out) {
    wire::Encode(wire::Error{.reason = Reason::kUnauthenticated, .message = "not you"},
                 frame.correlation(), out);
    return true;
  });
  node.Start();
  const Result<Client> client = ConnectTo(node);
  ASSERT_FALSE(client.ok());
  EXPECT_EQ(client.error().kind, FailureKind::kDenied);
  EXPECT_THAT(client.error().message, HasSubstr("not you"));
}

TEST(Connection, WhoDoesNotGreetIsGivenUp) {
  FakeNode node;
  node.greets = false;
  node.Start();
  ClientOptions options = OptionsOf(node);
  options.connect_timeout = 50ms;
  const Result<Client> client = Client::Connect(options);
  ASSERT_FALSE(client.ok());
  EXPECT_EQ(client.error().kind, FailureKind::kUnavailable);
}

TEST(Connection, GarbageIsNoNode) {
  FakeNode node([](const Sent&, wire::OutBuffer& out) {
    out.Append(AsBytes("HTTP/1.1 400 Bad Request\r\n\r\n.."));
    return true;
  });
  node.Start();
  const Result<Client> client = ConnectTo(node);
  ASSERT_FALSE(client.ok());
  EXPECT_EQ(client.error().kind, FailureKind::kProtocol);
}

// ---- lost connections

TEST(Connection, WhatWasUnansweredGoesOnAfterALoss) {
  std::atomic<int> heard{0};
  std::atomic<int> attempt{-1};
  FakeNode* hung = nullptr;
  FakeNode node([&](const Sent& frame, wire::OutBuffer&) {
    if (frame.type() != FrameType::kSubmit) return false;
    attempt = frame.ask().attempt;
    if (++heard > 1) return false;
    hung->hang_up = true;  // hears it, and goes before the verdict
    return true;
  });
  hung = &node;
  node.Start();
  Result<Client> client = ConnectTo(node);
  ASSERT_TRUE(client.ok());
  const Future future = client.value().Submit(EchoOf(client.value()), {"again"});
  const Result<Value> value = future.Get(10s);
  ASSERT_TRUE(value.ok()) << value.error().message;
  EXPECT_EQ(AsText(value.value().view()), "again");
  EXPECT_EQ(attempt, 1);
  EXPECT_EQ(client.value().stats().reconnects, 1U);
}

TEST(Connection, ANewSessionMakesOutcomesUnknown) {
  FakeNode* hung = nullptr;
  FakeNode node([&](const Sent& frame, wire::OutBuffer&) {
    if (frame.type() != FrameType::kSubmit) return false;
    hung->hang_up = true;
    return true;
  });
  hung = &node;
  node.resumes = false;
  node.Start();
  Result<Client> client = ConnectTo(node);
  const Future future = client.value().Submit(EchoOf(client.value()), {"lost"});
  const Result<Value> value = future.Get(10s);
  ASSERT_FALSE(value.ok());
  EXPECT_EQ(value.error().kind, FailureKind::kOutcomeUnknown);
}

TEST(Connection, AFrameThatBreaksOffIsALoss) {
  std::atomic<int> heard{0};
  FakeNode* hung = nullptr;
  FakeNode node([&](const Sent& frame, wire::OutBuffer& out) {
    if (frame.type() != FrameType::kSubmit || ++heard > 1) return false;
    FakeNode::Echo(frame, out);
    out.Truncate(17);  // the verdict whole, the result not
    hung->hang_up = true;
    return true;
  });
  hung = &node;
  node.Start();
  Result<Client> client = ConnectTo(node);
  Future future = client.value().Submit(EchoOf(client.value()), {"half"});
  EXPECT_FALSE(future.Get(200ms).ok());  // accepted: the node pushes it again, this one does not
  EXPECT_EQ(client.value().stats().reconnects, 1U);
  EXPECT_FALSE(future.ready());
}

TEST(Connection, GarbageLaterOnIsALoss) {
  std::atomic<int> heard{0};
  FakeNode node([&](const Sent& frame, wire::OutBuffer& out) {
    if (frame.type() != FrameType::kSubmit || ++heard > 1) return false;
    const wire::Verdict wrong{.first_seq = 99, .count = 7, .correlation = frame.correlation()};
    wire::WriteVerdicts({&wrong, 1}, 0, out);
    return true;
  });
  node.Start();
  Result<Client> client = ConnectTo(node);
  const Future future = client.value().Submit(EchoOf(client.value()), {"v"});
  EXPECT_TRUE(future.Get(10s).ok());
  EXPECT_EQ(client.value().stats().reconnects, 1U);
}

TEST(Connection, OneThatBreaksAgainAndAgainLosesNothing) {
  FakeNode node;
  node.reads_a_connection = 7;
  node.Start();
  Result<Client> client = ConnectTo(node);
  ASSERT_TRUE(client.ok());
  const Function echo = EchoOf(client.value());
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      std::vector<Future> open;
      for (int i = 0; i < 500; ++i) {
        const std::string text = std::to_string(t) + "/" + std::to_string(i);
        open.push_back(client.value().Submit(echo, {text}));
        if (i % 5 != 4) continue;
        for (const Result<Value>& value : client.value().Get(open, 60s)) {
          ASSERT_TRUE(value.ok()) << value.error().message;
        }
        EXPECT_EQ(AsText(open.back().bytes()), text);
        open.clear();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(client.value().stats().outstanding, 0U);
  EXPECT_GE(client.value().stats().reconnects, 5U);
  EXPECT_GT(client.value().stats().resent, 0U);
}

TEST(Connection, ANodeThatSaysNothingIsAskedAndThenLeft) {
  std::atomic<int> pings{0};
  std::atomic<bool> silent{true};
  FakeNode node([&](const Sent& frame, wire::OutBuffer&) {
    if (frame.type() == FrameType::kHello || frame.type() == FrameType::kRegister) return false;
    if (frame.type() == FrameType::kPing) ++pings;
    return silent.load();
  });
  node.Start();
  ClientOptions options = OptionsOf(node);
  options.ping_after = 40ms;
  Result<Client> client = Client::Connect(options);
  const Function echo = EchoOf(client.value());
  const Future future = client.value().Submit(echo, {"v"});
  std::thread([&] {
    while (node.connections < 2) sched_yield();
    silent = false;
  }).join();
  EXPECT_TRUE(future.Get(10s).ok());
  EXPECT_GE(pings, 1);
}

TEST(Connection, ANodeThatStaysAwayFailsWhatIsWaitedFor) {
  Result<Client> client = Failure();
  Future sent;
  {
    FakeNode node(
        [&](const Sent& frame, wire::OutBuffer&) { return frame.type() == FrameType::kSubmit; });
    node.Start();
    ClientOptions options = OptionsOf(node);
    options.lost_after = 100ms;
    options.request_timeout = 10s;
    client = Client::Connect(options);
    sent = client.value().Submit(EchoOf(client.value()), {"v"});
    client.value().Flush();
  }
  const Result<Value> value = sent.Get(10s);
  ASSERT_FALSE(value.ok());
  EXPECT_EQ(value.error().kind, FailureKind::kOutcomeUnknown);
  const Result<Nanos> ping = client.value().Ping();
  ASSERT_FALSE(ping.ok());
  EXPECT_EQ(ping.error().kind, FailureKind::kUnavailable);
}

}  // namespace
}  // namespace spillgate::client
