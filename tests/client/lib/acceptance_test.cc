// What a client learns before a task ends: that the node has accepted it, or refused it, and what a
// silent node leaves open.
#include <gmock/gmock.h>

#include "client/lib/client.h"
#include "tests/client/lib/fake_node.h"

namespace spillgate::client {
namespace {

using wire::FrameType;

// Keeps the first Submit without a verdict until it is pinged, and never has a result for it.
class Hesitant {
 public:
  explicit Hesitant(wire::VerdictStatus status, Reason reason = Reason::kNone)
      : status_(status),
        reason_(reason),
        node([this](const Sent& frame, wire::OutBuffer& out) { return On(frame, out); }) {
    node.Start();
  }
  [[nodiscard]] Client Connect() const {
    Result<Client> client =
        Client::Connect({.address = node.address(), .retry = {.most = 0}, .seed = 7});
    EXPECT_TRUE(client.ok());
    return std::move(client).value();
  }

 private:
  bool On(const Sent& frame, wire::OutBuffer& out) {
    if (frame.type() == FrameType::kSubmit) {
      held_.emplace(frame);
      return true;
    }
    if (frame.type() == FrameType::kPing && held_.has_value()) {
      const wire::Verdict verdict{.first_seq = held_->ask().first_seq,
                                  .count = held_->ask().count,
                                  .correlation = held_->correlation(),
                                  .reason = reason_,
                                  .status = status_,
                                  .level = held_->ask().level};
      wire::WriteVerdicts({&verdict, 1}, 0, out);
      held_.reset();
    }
    return false;
  }

  const wire::VerdictStatus status_;
  const Reason reason_;
  std::optional<Sent> held_;

 public:
  FakeNode node;
};

TEST(Acceptance, IsToldWhenTheNodePromisesItNotWhenTheTaskEnds) {
  for (const Level level : {Level::kAsync, Level::kSync}) {
    Hesitant hesitant(wire::VerdictStatus::kAccepted);
    Client client = hesitant.Connect();
    const Function echo = client.Find("echo").value();
    const Future future = client.Submit(echo, {"x"}, {.level = level});
    client.Flush();
    Result<Ready> told = client.WaitAccepted({&future, 1}, 1, 20ms);
    ASSERT_TRUE(told.ok());
    EXPECT_TRUE(told.value().timed_out) << "its verdict waits for the disk";
    EXPECT_EQ(told.value().count, 0U);
    EXPECT_FALSE(future.accepted());

    std::thread pings([&] { EXPECT_TRUE(client.Ping().ok()); });
    told = client.WaitAccepted({&future, 1}, 1, 10s);
    pings.join();
    ASSERT_TRUE(told.ok());
    EXPECT_FALSE(told.value().timed_out);
    EXPECT_EQ(told.value().ready, std::vector<bool>{true});
    EXPECT_TRUE(future.accepted());
    EXPECT_FALSE(future.ready()) << "it has not ended";
    EXPECT_EQ(client.WaitAccepted({&future, 1}, 1, 0ms).value().count, 1U);
  }
}

TEST(Acceptance, ARefusalIsAVerdictToo) {
  Hesitant hesitant(wire::VerdictStatus::kRejected, Reason::kInFlight);
  Client client = hesitant.Connect();
  const Function echo = client.Find("echo").value();
  const Future future = client.Submit(echo, {"x"});
  client.Flush();
  EXPECT_TRUE(client.Ping().ok());
  const Result<Ready> told = client.WaitAccepted({&future, 1}, 1, 10s);
  ASSERT_TRUE(told.ok());
  EXPECT_EQ(told.value().count, 1U);
  EXPECT_FALSE(future.accepted());
  ASSERT_NE(future.failure(), nullptr);
  EXPECT_EQ(future.failure()->kind, FailureKind::kShed);
  // The node named no time.
  EXPECT_EQ(future.failure()->retry_after, 1ms);
  EXPECT_THAT(future.failure()->message, testing::HasSubstr("try again after 1 ms"));
}

TEST(Acceptance, WhatHasItsResultWasAcceptedAndSoWasAPut) {
  FakeNode node;
  node.Start();
  Client client = Client::Connect({.address = node.address(), .seed = 7}).value();
  const Function echo = client.Find("echo").value();
  std::vector<Future> futures;
  futures.push_back(client.Submit(echo, {"x"}));
  futures.push_back(client.Put(AsBytes("value"), {.level = Level::kSync}));
  EXPECT_EQ(client.WaitAccepted(futures, 2, 10s).value().count, 2U);
  EXPECT_TRUE(futures[0].Get(10s).ok());
  for (const Future& future : futures) EXPECT_TRUE(future.accepted());
  EXPECT_FALSE(Future().accepted());
  EXPECT_FALSE(client.WaitAccepted(std::vector<Future>(1), 1, 0ms).ok()) << "of nothing";
}

TEST(Waiting, ForObjectsOfANodeThatDoesNotAnswerIsTimedOutAndTellsWhatIsKnown) {
  FakeNode node([](const Sent& frame, wire::OutBuffer&) {
    return frame.type() == FrameType::kWait;  // never answered
  });
  node.Start();
  Client client = Client::Connect({.address = node.address(), .seed = 7}).value();
  const Future done = client.Submit(client.Find("echo").value(), {"x"});
  EXPECT_TRUE(done.Get(10s).ok());
  const std::vector<ObjectId> objects{{{kSession, 77}, 0}, done.object()};
  const Result<Ready> ready = client.Wait(objects, 2, 10ms);
  ASSERT_TRUE(ready.ok()) << ready.error().message;
  EXPECT_TRUE(ready.value().timed_out);
  EXPECT_EQ(ready.value().count, 1U);
  EXPECT_EQ(ready.value().ready, (std::vector<bool>{false, true}));
}

TEST(Waiting, TooManyWaitersIsARefusalThatSaysWhenToTryAgain) {
  FakeNode node([](const Sent& frame, wire::OutBuffer& out) {
    if (frame.type() != FrameType::kWait) return false;
    wire::Encode(wire::Error{.reason = Reason::kTooManyWaiters, .message = "wait for some"},
                 frame.correlation(), out);
    return true;
  });
  node.Start();
  Client client = Client::Connect({.address = node.address(), .seed = 7}).value();
  const ObjectId object{{kSession, 77}, 0};
  const Result<Ready> ready = client.Wait({&object, 1}, 1, 1s);
  ASSERT_FALSE(ready.ok());
  EXPECT_EQ(ready.error().kind, FailureKind::kShed);
  EXPECT_GT(ready.error().retry_after, 0ms);
  EXPECT_THAT(ready.error().message, testing::HasSubstr("try again after 10 ms"));
}

}  // namespace
}  // namespace spillgate::client
