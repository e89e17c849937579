#include <gmock/gmock.h>

#include "tests/client/lib/session_fixture.h"

namespace spillgate::client {
namespace {

using wire::FrameType;

class ResultTest : public SessionFixture {
 protected:
  TaskState* Accepted(const SubmitOptions& options = {}) {
    TaskState* state = Submit({}, options);
    EXPECT_TRUE(Accept(CollectOne(FrameType::kSubmit)));
    return state;
  }
};

TEST_F(ResultTest, AValueThatIsHereIsReleasedAtOnceInRanges) {
  for (int i = 0; i < 5; ++i) (void)Submit();
  ASSERT_TRUE(Accept(CollectOne(FrameType::kSubmit)));
  for (const std::uint64_t seq : {1, 2, 3, 5}) ASSERT_TRUE(Result(seq, "v"));
  EXPECT_TRUE(Collect().empty());  // it may wait for company
  const std::vector<wire::Range> ranges = Released();
  ASSERT_EQ(ranges.size(), 2U);
  EXPECT_EQ(ranges[0].count, 3U);
  EXPECT_EQ(ranges[1].first.seq, 5U);
}

TEST_F(ResultTest, WhatIsKeptIsReleasedWhenItsFutureGoes) {
  const std::string large(5000, 'x');
  TaskState* kept = Accepted({.keep = true});
  TaskState* several = Accepted({.returns = 2});
  TaskState* over_limit = Accepted();
  TaskState* detached = Accepted({.detach = true});
  TaskState* failed = Accepted();
  wire::OutBuffer out;
  wire::ResultsWriter writer;
  writer.Add({.task = {kSession, 2}, .fate = Fate::kDone, .returns = 2}, AsBytes("v"), out);
  writer.Finish(out);
  ASSERT_TRUE(Deliver(out));
  ASSERT_TRUE(Result(1, "v"));
  ASSERT_TRUE(Result(3, large));
  ASSERT_TRUE(Result(4, "v"));
  ASSERT_TRUE(Failed(5, Fate::kFailed, Reason::kTaskError, {}, "no"));
  EXPECT_TRUE(Released().empty());
  EXPECT_GE(session->stats(now).held_bytes, large.size());
  for (TaskState* state : {kept, several, over_limit, detached, failed}) Drop(state);
  const std::vector<wire::Range> ranges = Released();
  ASSERT_EQ(ranges.size(), 2U);
  EXPECT_EQ(ranges[0].count, 3U);
  EXPECT_EQ(ranges[1].first.seq, 5U);
  EXPECT_EQ(session->live_states(), 0U);
  EXPECT_EQ(session->stats(now).held_bytes, 0U);
}

TEST_F(ResultTest, AFutureDroppedBeforeItsVerdictReleasesAfterIt) {
  TaskState* state = Submit();
  const Sent frame = CollectOne(FrameType::kSubmit);
  Drop(state);
  EXPECT_TRUE(Released().empty());
  EXPECT_EQ(session->live_states(), 1U);
  ASSERT_TRUE(Accept(frame));
  EXPECT_EQ(Released().size(), 1U);
  EXPECT_EQ(session->live_states(), 0U);
  EXPECT_EQ(session->stats(now).outstanding, 0U);
  ASSERT_TRUE(Result(1, "late"));  // said before the release was heard
  EXPECT_EQ(Released().size(), 1U);
}

TEST_F(ResultTest, AnArgumentIsNotReleasedUntilItsTaskIsAccepted) {
  TaskState* f = Accepted();
  Future future = Future::For(f);
  const std::vector<Arg> args{future};
  (void)future.Take();
  (void)Submit(args);
  const Sent frame = CollectOne(FrameType::kSubmit);
  ASSERT_TRUE(Result(1, "v"));
  Drop(f);
  EXPECT_TRUE(Released().empty());
  ASSERT_TRUE(Accept(frame));
  ASSERT_EQ(Released().size(), 1U);
  EXPECT_EQ(session->live_states(), 1U);
}

TEST_F(ResultTest, FailuresSayWhatTheNodeSaid) {
  TaskState* cancelled = Accepted();
  TaskState* expired = Accepted();
  TaskState* dependant = Accepted();
  TaskState* silent = Accepted();
  ASSERT_TRUE(Failed(1, Fate::kCancelled, Reason::kCancelled, {}, "by request"));
  ASSERT_TRUE(Failed(2, Fate::kExpired, Reason::kDeadline, {}, "too late"));
  ASSERT_TRUE(Failed(3, Fate::kFailed, Reason::kDependencyFailed, {9, 9}, "its argument"));
  ASSERT_TRUE(Failed(4, Fate::kFailed, static_cast<Reason>(60), {}, ""));
  EXPECT_EQ(KindOfFailure(cancelled), FailureKind::kCancelled);
  EXPECT_EQ(KindOfFailure(expired), FailureKind::kExpired);
  EXPECT_EQ(KindOfFailure(dependant), FailureKind::kDependencyFailed);
  EXPECT_EQ(dependant->failure->cause, (TaskId{9, 9}));
  EXPECT_EQ(KindOfFailure(silent), FailureKind::kTaskFailed);
  EXPECT_FALSE(silent->failure->message.empty());
}

TEST_F(ResultTest, ValuesThatThereIsNoRoomForStayAtTheNodeUntilAskedFor) {
  Start({.max_held_bytes = 1000});
  TaskState* state = Accepted();
  const std::string large(2000, 'x');
  ASSERT_TRUE(Result(1, large));
  EXPECT_EQ(state->Look(), Phase::kAtNode);
  EXPECT_EQ(session->stats(now).held_bytes, 0U);
  EXPECT_EQ(session->stats(now).outstanding, 0U);
  Waiter waiter(1);
  ASSERT_TRUE(session->Watch(*state, waiter, true));
  session->Fetch(*state, now + 2s);
  const Sent get = CollectOne(FrameType::kGet);
  const auto ask = wire::DecodeGet(get.view());
  ASSERT_EQ(ask->ids.size(), 1U);
  EXPECT_EQ(ask->timeout_us, 2'000'000U);
  ASSERT_TRUE(Result(1, large, get.correlation()));
  EXPECT_TRUE(waiter.done());
  EXPECT_EQ(AsText(state->value.view()), large);
}

TEST_F(ResultTest, WithoutPushAValueIsAskedForOnceItsTaskIsAccepted) {
  TaskState* state = Submit({}, {.push = false});
  Waiter waiter(1);
  ASSERT_TRUE(session->Watch(*state, waiter, true));
  session->Fetch(*state, kNever);
  const std::vector<Sent> frames = Collect();
  ASSERT_EQ(frames.size(), 1U);
  EXPECT_EQ(frames[0].ask().flags, 0);
  ASSERT_TRUE(Accept(frames[0]));
  Sent get = CollectOne(FrameType::kGet);
  ASSERT_TRUE(NoResult(1, Reason::kTimeout, get.correlation()));
  get = CollectOne(FrameType::kGet);  // somebody still waits
  session->Fetch(*state, kNever);
  EXPECT_TRUE(Collect().empty());  // once is enough
  ASSERT_TRUE(Result(1, "v", get.correlation()));
  EXPECT_TRUE(waiter.done());
}

TEST_F(ResultTest, TooManyGetsAreTriedAgainOtherRefusalsAreFinal) {
  TaskState* state = Accepted({.push = false});
  session->Fetch(*state, kNever);
  Sent get = CollectOne(FrameType::kGet);
  ASSERT_TRUE(Deliver(wire::Error{.reason = Reason::kTooManyWaiters}, get.correlation()));
  EXPECT_TRUE(Collect().empty());
  EXPECT_LE(session->NextTime(now), now + 1s);
  now += 1s;
  get = CollectOne(FrameType::kGet);
  ASSERT_TRUE(Deliver(wire::Error{.reason = Reason::kTooLarge}, get.correlation()));
  EXPECT_EQ(KindOfFailure(state), FailureKind::kRefused);
}

TEST_F(ResultTest, ResultsOfNobodyAreLetGo) {
  ASSERT_TRUE(Result(17, "whose?"));
  ASSERT_EQ(Released().size(), 1U);
  ASSERT_TRUE(NoResult(18, Reason::kNotFound, 99));
  EXPECT_TRUE(Released().empty());
}

TEST_F(ResultTest, WaitersAreToldWhenAsManyAsTheyWantAreReady) {
  std::vector<TaskState*> states;
  for (int i = 0; i < 4; ++i) states.push_back(Submit());
  ASSERT_TRUE(Accept(CollectOne(FrameType::kSubmit)));
  Waiter waiter(2);
  for (TaskState* state : states) ASSERT_TRUE(session->Watch(*state, waiter, false));
  ASSERT_TRUE(Result(3, "v"));
  EXPECT_FALSE(waiter.done());
  ASSERT_TRUE(Failed(1, Fate::kFailed, Reason::kTaskError, {}, "no"));  // ready, too
  EXPECT_TRUE(waiter.done());
  ASSERT_TRUE(Result(2, "v"));
  EXPECT_FALSE(session->Watch(*states[0], waiter, true));
}

TEST_F(ResultTest, CallbacksAreDueOnceAndNotAfterADrop) {
  TaskState* first = Accepted();
  TaskState* second = Accepted();
  int called = 0;
  session->Then(*first, [&] { ++called; });
  session->Then(*second, [&] { called += 100; });
  EXPECT_TRUE(session->has_callbacks());
  Drop(second);
  (void)Collect();
  ASSERT_TRUE(Result(1, "v"));
  ASSERT_TRUE(Result(2, "v"));
  EXPECT_FALSE(session->has_callbacks());
  for (const auto& callback : session->callbacks()) callback();
  EXPECT_EQ(called, 1);
}

TEST_F(ResultTest, BoundsAreInTasksAndBytes) {
  Start({.max_outstanding = 3, .max_outstanding_bytes = 1900});
  (void)Submit();
  EXPECT_EQ(session->Room(), 2U);
  const std::string large(900, 'x');
  const std::vector<Arg> args{large, large};
  (void)Submit(args);
  EXPECT_EQ(session->Room(), 0U);
  Waiter waiter(1);
  session->AwaitRoom(waiter);
  for (const Sent& frame : Collect(FrameType::kSubmit)) ASSERT_TRUE(Accept(frame));
  EXPECT_TRUE(waiter.done());
  EXPECT_EQ(session->Room(), 1U);
}

TEST_F(ResultTest, WhatNoNodeSaysEndsTheConnection) {
  wire::OutBuffer out;
  wire::Encode(wire::Register{.name = "sum"}, 1, out);
  EXPECT_FALSE(Deliver(out));
  EXPECT_FALSE(session->problem().empty());
  EXPECT_FALSE(Deliver(wire::Error{.message = "too slow"}, 0));
  EXPECT_THAT(session->problem(), testing::HasSubstr("too slow"));
}

TEST_F(ResultTest, APingIsAnswered) {
  ASSERT_TRUE(Deliver(wire::Ping{}, 31));
  EXPECT_EQ(CollectOne(FrameType::kPong).correlation(), 31U);
}

}  // namespace
}  // namespace spillgate::client
