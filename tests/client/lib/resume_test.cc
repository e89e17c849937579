#include <gmock/gmock.h>

#include "tests/client/lib/session_fixture.h"

namespace spillgate::client {
namespace {

using wire::FrameType;

class ResumeTest : public SessionFixture {
 protected:
  void Reconnect(bool resumed, std::uint64_t epoch = 1, SessionId id = kSession) {
    session->OnLost(now);
    session->OnWelcome(WelcomeOf(id, resumed, epoch), now);
    session->EndTurn(now);
  }
};

TEST_F(ResumeTest, WhatHasNoVerdictGoesAgainUnderTheSameNumbers) {
  TaskState* answered = Submit();
  ASSERT_TRUE(Accept(CollectOne(FrameType::kSubmit)));
  TaskState* open = Submit({}, {.deadline = 1s});
  const Sent frame = CollectOne(FrameType::kSubmit);
  TaskState* unsent = Submit();
  now += 100ms;
  Reconnect(true);
  const std::vector<Sent> frames = Collect(FrameType::kSubmit);
  ASSERT_EQ(frames.size(), 2U);
  EXPECT_EQ(frames[0].ask().first_seq, Seq(open));
  EXPECT_EQ(frames[0].ask().attempt, 1);
  EXPECT_EQ(frames[0].ask().remaining_us, 900'000U);
  EXPECT_EQ(frames[1].ask().first_seq, Seq(unsent));
  EXPECT_EQ(frames[1].ask().attempt, 0);
  ASSERT_TRUE(Verdict(frames[0], wire::VerdictStatus::kAcceptedEarlier));
  ASSERT_TRUE(Result(Seq(answered), "a"));
  ASSERT_TRUE(Result(Seq(open), "o"));
  EXPECT_EQ(answered->Look(), Phase::kHere);
  EXPECT_EQ(open->Look(), Phase::kHere);
}

TEST_F(ResumeTest, ResultsThatAreSeenAgainChangeNothing) {
  TaskState* state = Submit({}, {.keep = true});
  ASSERT_TRUE(Accept(CollectOne(FrameType::kSubmit)));
  ASSERT_TRUE(Result(1, "v"));
  Reconnect(true);
  ASSERT_TRUE(Result(1, "v"));
  EXPECT_EQ(session->stats(now).results, 1U);
  EXPECT_EQ(state->Look(), Phase::kHere);
  EXPECT_TRUE(Released().empty());
}

TEST_F(ResumeTest, RequestsAndGetsAreMadeAgain) {
  Request request(FrameType::kPong);
  request.correlation = session->NextCorrelation();
  wire::Encode(wire::Ping{}, request.correlation, request.bytes);
  session->Ask(request);
  TaskState* state = Submit({}, {.push = false});
  std::vector<Sent> frames = Collect();
  ASSERT_TRUE(Accept(frames[0]));
  session->Fetch(*state, kNever);
  (void)CollectOne(FrameType::kGet);
  Reconnect(true);
  frames = Collect();
  ASSERT_EQ(frames.size(), 2U);
  EXPECT_EQ(frames[0].type(), FrameType::kPing);
  EXPECT_EQ(frames[1].type(), FrameType::kGet);
  ASSERT_TRUE(Deliver(wire::Pong{}, request.correlation));
  EXPECT_TRUE(request.waiter.done());
  EXPECT_FALSE(request.failure.has_value());
}

// A release is not answered: an answer to what was said after it shows that it has arrived.
TEST_F(ResumeTest, ReleasesThatMayBeLostAreSaidAgainAndOthersAreNot) {
  TaskState* first = Submit({}, {.push = false});
  TaskState* second = Submit({}, {.push = false});
  ASSERT_TRUE(Accept(CollectOne(FrameType::kSubmit)));
  Drop(first);
  EXPECT_EQ(Released().size(), 1U);
  Reconnect(true);
  std::vector<wire::Range> again = Released();
  ASSERT_EQ(again.size(), 1U) << "nobody knows whether it came";
  EXPECT_EQ(again[0].first, (TaskId{kSession, 1}));

  session->Fetch(*second, kNever);
  const Sent get = CollectOne(FrameType::kGet);
  ASSERT_TRUE(Result(2, "v", get.correlation()));
  again = Released();
  ASSERT_EQ(again.size(), 1U);
  EXPECT_EQ(again[0].first, (TaskId{kSession, 2}));
  Reconnect(true);
  again = Released();
  ASSERT_EQ(again.size(), 1U) << "the answer confirmed the first, not the second";
  EXPECT_EQ(again[0].first, (TaskId{kSession, 2}));

  (void)Submit();
  ASSERT_TRUE(Accept(CollectOne(FrameType::kSubmit)));
  Reconnect(true);
  EXPECT_TRUE(Released().empty());
  Drop(second);
}

TEST_F(ResumeTest, APingOfTheNodeConfirmsNothing) {
  TaskState* state = Submit({}, {.push = false});
  ASSERT_TRUE(Accept(CollectOne(FrameType::kSubmit)));
  Drop(state);
  EXPECT_EQ(Released().size(), 1U);
  ASSERT_TRUE(Deliver(wire::Ping{}, 1'000'000));  // its numbers are its own
  (void)Collect();
  Reconnect(true);
  EXPECT_EQ(Released().size(), 1U);
}

TEST_F(ResumeTest, RootsThatMayBeOpenAreClosedAgain) {
  TaskState* opened = session->OpenRoot({}, now);
  const Sent open = CollectOne(FrameType::kOpenRoot);
  ASSERT_TRUE(Verdict({.first_seq = Seq(opened), .count = 1, .correlation = open.correlation()}));
  session->CloseRoot(kSession, Seq(opened));
  EXPECT_EQ(Collect(FrameType::kCloseRoot).size(), 1U);
  Reconnect(true);
  const Sent again = CollectOne(FrameType::kCloseRoot);
  EXPECT_EQ(wire::DecodeCloseRoot(again.view())->seq, Seq(opened));
  session->OnLost(now);
  session->FailAll({.kind = FailureKind::kUnavailable, .message = "no node for long"});
  session->OnWelcome(WelcomeOf(kSession, true, 1), now);
  EXPECT_EQ(Collect(FrameType::kCloseRoot).size(), 1U) << "the session is still there";
  (void)Submit();
  ASSERT_TRUE(Accept(CollectOne(FrameType::kSubmit)));
  Reconnect(true);
  EXPECT_TRUE(Collect(FrameType::kCloseRoot).empty());
  session->CloseRoot(kSession, Seq(opened));
  (void)Collect();
  Reconnect(false, 1, kSession + 1);
  EXPECT_TRUE(Collect(FrameType::kCloseRoot).empty()) << "that session has no such root";
}

// With nothing else to say, the node is asked now and then, so that little has to be said again.
TEST_F(ResumeTest, WhatIsUnconfirmedIsBounded) {
  std::size_t pings = 0;
  for (std::uint64_t i = 0; i < 3000; ++i) {
    const TaskId id{kSession, 1 + 2 * i};  // no two of them are neighbours
    session->Release({&id, 1});
    for (const Sent& sent : Collect(true)) {
      if (sent.type() != FrameType::kPing) continue;
      ++pings;
      ASSERT_TRUE(Deliver(wire::Pong{}, sent.correlation()));
    }
  }
  EXPECT_EQ(pings, 2U);
  Reconnect(true);
  EXPECT_EQ(Released().size(), 3000U - 2 * 1024U);
}

TEST_F(ResumeTest, CreditsAreCountedFromTheNewConnectionOn) {
  ASSERT_TRUE(Deliver(wire::Credits{.window = {9, 9, 2, 9}, .ttl_ms = 100'000}, 0));
  (void)Submit();
  (void)Submit();
  ASSERT_TRUE(Accept(CollectOne(FrameType::kSubmit)));
  (void)Submit();
  EXPECT_TRUE(Collect().empty());
  Reconnect(true);
  EXPECT_EQ(CollectOne(FrameType::kSubmit).ask().count, 1);
}

// It would otherwise come all at once, at a node that may have just started.
TEST_F(ResumeTest, WhatWaitedForCreditDoesNotGoBeforeTheNodeTellsAgain) {
  ASSERT_TRUE(Deliver(wire::Credits{.window = {9, 9, 2, 9}, .ttl_ms = 100'000}, 0));
  for (int i = 0; i < 500; ++i) (void)Submit();
  const Sent lost = CollectOne(FrameType::kSubmit);
  EXPECT_EQ(lost.ask().count, 2U);
  Reconnect(true);
  const Sent again = CollectOne(FrameType::kSubmit);
  EXPECT_EQ(again.ask().attempt, 1) << "what has no verdict goes again, and nothing besides";
  EXPECT_EQ(again.ask().count, 2U);
  ASSERT_TRUE(Accept(again));
  EXPECT_EQ(CollectOne(FrameType::kSubmit).ask().count, 64U);
  EXPECT_TRUE(Collect().empty());
  ASSERT_TRUE(Deliver(wire::Credits{.window = {9, 9, 100, 9}, .ttl_ms = 100'000}, 0));
  EXPECT_EQ(CollectOne(FrameType::kSubmit).ask().count, 34U) << "of 100 with those that went";
}

TEST_F(ResumeTest, ANodeThatTellsNoMoreCreditIsAskedAsItAnswers) {
  ASSERT_TRUE(Deliver(wire::Credits{.window = {}, .ttl_ms = 100'000}, 0));
  for (int i = 0; i < 150; ++i) (void)Submit();
  EXPECT_TRUE(Collect().empty());
  Reconnect(true);
  for (const int expected : {64, 64, 22}) {
    const Sent frame = CollectOne(FrameType::kSubmit);
    EXPECT_EQ(frame.ask().count, expected);
    EXPECT_TRUE(Collect().empty());
    ASSERT_TRUE(Accept(frame));
  }
  EXPECT_EQ(session->unsent(), 0U);
}

TEST_F(ResumeTest, ANodeThatNeverToldAnyCreditIsNotWaitedFor) {
  for (int i = 0; i < 500; ++i) (void)Submit();
  EXPECT_EQ(CollectOne(FrameType::kSubmit).ask().count, 500U);
  for (int i = 0; i < 500; ++i) (void)Submit();
  Reconnect(true);
  EXPECT_EQ(Collect(FrameType::kSubmit).size(), 2U);
  EXPECT_EQ(session->unsent(), 0U);
}

// The connections of a client that is new to a node, with the node's word still to come.
TEST_F(ResumeTest, ANewSessionOfANodeThatTellsCreditIsNotFlooded) {
  ASSERT_TRUE(Deliver(wire::Credits{.window = {9, 9, 9, 9}, .ttl_ms = 100'000}, 0));
  Reconnect(false, 1, kSession + 1);
  for (int i = 0; i < 500; ++i) (void)Submit();
  EXPECT_EQ(CollectOne(FrameType::kSubmit).ask().count, 64U);
  EXPECT_TRUE(Collect().empty());
}

TEST_F(ResumeTest, WhatNeedsNoCreditIsNotHeldBack) {
  ASSERT_TRUE(Deliver(wire::Credits{.window = {}, .ttl_ms = 100'000}, 0));
  TaskState* opened = session->OpenRoot({}, now);
  const Sent open = CollectOne(FrameType::kOpenRoot);
  ASSERT_TRUE(Verdict({.first_seq = Seq(opened), .count = 1, .correlation = open.correlation()}));
  Reconnect(true);
  Terms terms = session->TermsOf(sum, {}, now);
  terms.root = Seq(opened);
  for (int i = 0; i < 200; ++i) (void)session->Submit(terms, {}, {}, now);
  EXPECT_EQ(CollectOne(FrameType::kSubmit).ask().count, 200U);
}

TEST_F(ResumeTest, ANewSessionLeavesOldOutcomesUnknown) {
  TaskState* accepted = Submit();
  TaskState* ended = Submit();
  ASSERT_TRUE(Accept(CollectOne(FrameType::kSubmit)));
  ASSERT_TRUE(Result(Seq(ended), "v"));
  TaskState* sent = Submit();
  (void)CollectOne(FrameType::kSubmit);
  TaskState* unsent = Submit();
  Request request(FrameType::kPong);
  request.correlation = session->NextCorrelation();
  session->Ask(request);
  Reconnect(false, 1, kSession + 1);
  EXPECT_EQ(KindOfFailure(accepted), FailureKind::kOutcomeUnknown);
  EXPECT_EQ(KindOfFailure(sent), FailureKind::kOutcomeUnknown);
  EXPECT_EQ(KindOfFailure(unsent), FailureKind::kUnavailable);
  EXPECT_EQ(ended->Look(), Phase::kHere);
  EXPECT_TRUE(request.failure.has_value());
  EXPECT_EQ(session->stats(now).outstanding, 0U);
  EXPECT_TRUE(Released().empty());
  TaskState* fresh = Submit();
  EXPECT_EQ(CollectOne(FrameType::kSubmit).ask().first_seq, 1U);
  EXPECT_EQ(fresh->session_id.load(), kSession + 1);
  for (TaskState* state : {accepted, sent, unsent}) Drop(state);
  (void)Collect();
  EXPECT_EQ(session->live_states(), 2U);
}

TEST_F(ResumeTest, AfterTheNodeStartedAgainHandlesAreAskedForAnew) {
  session->KnowShape("cpu=2", 3);
  const Shape shape{.id = 3, .epoch = 1, .text = "cpu=2"};
  TaskState* sent = Submit({}, {.shape = &shape});
  (void)CollectOne(FrameType::kSubmit);
  TaskState* unsent = Submit();
  Reconnect(true, 2);
  const std::vector<Sent> asked = Collect();
  ASSERT_EQ(asked.size(), 2U);  // nothing is sent under handles that may mean something else
  EXPECT_EQ(asked[0].type(), FrameType::kRegister);
  EXPECT_EQ(asked[1].type(), FrameType::kShape);
  ASSERT_TRUE(Deliver(wire::Registered{.function = 8}, asked[0].correlation()));
  EXPECT_TRUE(Collect().empty());
  ASSERT_TRUE(Deliver(wire::Shaped{.shape = 4}, asked[1].correlation()));
  TaskState* old_handle = Submit({}, {.shape = &shape});
  const std::vector<Sent> frames = Collect(FrameType::kSubmit);
  ASSERT_EQ(frames.size(), 3U);
  EXPECT_EQ(frames[0].ask().first_seq, Seq(sent));
  EXPECT_EQ(frames[0].ask().function, 8U);
  EXPECT_EQ(frames[0].ask().shape, 4U);
  EXPECT_EQ(frames[1].ask().first_seq, Seq(unsent));
  EXPECT_EQ(frames[1].ask().function, 8U);
  EXPECT_EQ(frames[1].ask().shape, 0U);
  EXPECT_EQ(frames[2].ask().first_seq, Seq(old_handle));
  EXPECT_EQ(frames[2].ask().shape, 4U);
}

TEST_F(ResumeTest, AFunctionThatIsGoneFailsWhatNeedsIt) {
  TaskState* sent = Submit();
  (void)CollectOne(FrameType::kSubmit);
  TaskState* unsent = Submit();
  Reconnect(true, 2);
  const Sent asked = CollectOne(FrameType::kRegister);
  ASSERT_TRUE(Deliver(wire::Registered{.reason = Reason::kUnknownFunction}, asked.correlation()));
  EXPECT_EQ(KindOfFailure(sent), FailureKind::kOutcomeUnknown);
  EXPECT_EQ(KindOfFailure(unsent), FailureKind::kRefused);
  EXPECT_EQ(KindOfFailure(Submit()), FailureKind::kInvalid);
}

TEST_F(ResumeTest, GivingUpFailsEverything) {
  TaskState* sent = Submit();
  (void)CollectOne(FrameType::kSubmit);
  TaskState* unsent = Submit();
  session->OnLost(now);
  session->FailAll({.kind = FailureKind::kUnavailable, .message = "no node"});
  EXPECT_EQ(KindOfFailure(sent), FailureKind::kOutcomeUnknown);
  EXPECT_EQ(KindOfFailure(unsent), FailureKind::kUnavailable);
}

}  // namespace
}  // namespace spillgate::client
