// Roots that are opened piece by piece are asked for like tasks that are roots.
#include <gmock/gmock.h>

#include "tests/client/lib/session_fixture.h"

namespace spillgate::client {
namespace {

using wire::FrameType;
using wire::VerdictStatus;

class OpenRootTest : public SessionFixture {
 protected:
  TaskState* Open(const RootOptions& options = {}) { return session->OpenRoot(options, now); }
  static wire::OpenRoot AskOf(const Sent& frame) {
    const auto ask = wire::DecodeOpenRoot(frame.view());
    EXPECT_TRUE(ask.has_value());
    return ask.has_value() ? *ask : wire::OpenRoot();
  }
  bool Answer(const Sent& frame, VerdictStatus status, Reason reason = Reason::kNone,
              Nanos retry_after = 0ns) {
    return Verdict({.first_seq = AskOf(frame).seq,
                    .count = 1,
                    .correlation = frame.correlation(),
                    .retry_after_us = static_cast<std::uint32_t>(retry_after / 1us),
                    .reason = reason,
                    .status = status,
                    .load_level = 200});
  }
  // What is asked for within the next second.
  std::vector<Sent> LaterOpened() {
    now += 1s;
    return Collect(FrameType::kOpenRoot);
  }
  // All before the first verdict.
  void OpenMany(std::size_t count, VerdictStatus status, Reason reason = Reason::kNone) {
    for (std::size_t i = 0; i < count; ++i) (void)Open();
    const std::vector<Sent> frames = Collect(FrameType::kOpenRoot);
    ASSERT_EQ(frames.size(), count);
    for (const Sent& frame : frames) ASSERT_TRUE(Answer(frame, status, reason, 7ms));
  }
};

// ---- the throttle

TEST_F(OpenRootTest, RefusedOnesHoldBackWhatIsAskedOfTheirClass) {
  Start({.retry = {.most = 0}, .seed = 3});
  OpenMany(100, VerdictStatus::kRejected, Reason::kBacklog);
  TaskState* root = nullptr;
  TaskState* task = nullptr;
  for (int i = 0; i < 10; ++i) {
    if (TaskState* state = Open(); !state->pending()) root = state;
    if (TaskState* state = Submit(); !state->pending()) task = state;
  }
  ASSERT_NE(root, nullptr);
  ASSERT_NE(task, nullptr);
  EXPECT_EQ(KindOfFailure(root), FailureKind::kShed);
  EXPECT_EQ(root->failure->reason, Reason::kBacklog);
  EXPECT_EQ(root->failure->retry_after, 7ms);
  EXPECT_EQ(KindOfFailure(task), FailureKind::kShed);
  EXPECT_GT(session->stats(now).throttled, 15U);
  EXPECT_TRUE(Open({.cls = TaskClass::kCritical})->pending()) << "another class";
  now += 1min;
  EXPECT_TRUE(Open()->pending()) << "that was long ago";
}

TEST_F(OpenRootTest, AcceptedOnesShowThatTheNodeTakesSome) {
  Start({.retry = {.most = 0}, .seed = 3});
  OpenMany(150, VerdictStatus::kAccepted);
  for (int i = 0; i < 200; ++i) (void)Submit();
  ASSERT_TRUE(Verdict(CollectOne(FrameType::kSubmit), VerdictStatus::kRejected, Reason::kBacklog));
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(Submit()->pending());
}

TEST_F(OpenRootTest, WhatIsRefusedForGoodTeachesNothing) {
  OpenMany(100, VerdictStatus::kRejected, Reason::kInfeasible);
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(Open()->pending());
}

// ---- retries

TEST_F(OpenRootTest, OneThatIsRefusedForNowIsAskedForAgainUnderANewNumber) {
  TaskState* state = Open({.cls = TaskClass::kHigh,
                           .level = Level::kAsync,
                           .deadline = 1s,
                           .estimated_tasks = 9,
                           .slot_time = 5us});
  const Sent frame = CollectOne(FrameType::kOpenRoot);
  ASSERT_TRUE(Answer(frame, VerdictStatus::kRejected, Reason::kInFlight, 5ms));
  EXPECT_TRUE(state->pending());
  now += 4'999us;
  EXPECT_TRUE(Collect().empty());
  now += 2'502us;  // half as long again, at most
  const Sent again = CollectOne(FrameType::kOpenRoot);
  const wire::OpenRoot ask = AskOf(again);
  EXPECT_GT(ask.seq, AskOf(frame).seq);
  EXPECT_EQ(ask.cls, TaskClass::kHigh);
  EXPECT_EQ(ask.level, Level::kAsync);
  EXPECT_EQ(ask.estimated_tasks, 9U);
  EXPECT_EQ(ask.slot_time_ns, 5'000U);
  EXPECT_EQ(ask.remaining_us, 1'000'000U - 7'501U);
  ASSERT_TRUE(Answer(again, VerdictStatus::kAccepted));
  EXPECT_EQ(state->Look(), Phase::kAtNode);
  EXPECT_EQ(Seq(state), ask.seq) << "by which tasks name it";
  EXPECT_EQ(session->stats(now).retried, 1U);
  EXPECT_FALSE(session->under_way());
}

TEST_F(OpenRootTest, RetriesEnd) {
  TaskState* state = Open();
  std::vector<Sent> frames = Collect(FrameType::kOpenRoot);
  for (int i = 0; i < 4; ++i) {
    ASSERT_EQ(frames.size(), 1U) << i;
    ASSERT_TRUE(Answer(frames[0], VerdictStatus::kRejected, Reason::kQuota));
    frames = LaterOpened();
  }
  EXPECT_TRUE(frames.empty());
  EXPECT_EQ(KindOfFailure(state), FailureKind::kShed);
}

TEST_F(OpenRootTest, RetriesAreATenthOfWhatIsAskedForAndAHandful) {
  Start({.retry = {.most = 100, .throttle = 0}});
  for (int i = 0; i < 300; ++i) (void)Open();
  for (int round = 0; round < 4; ++round) {
    for (const Sent& frame : LaterOpened()) {
      ASSERT_TRUE(Answer(frame, VerdictStatus::kRejected, Reason::kBacklog));
    }
  }
  EXPECT_GE(session->stats(now).retried, 30U);
  EXPECT_LE(session->stats(now).retried, 30U + RetryOptions().burst);
}

TEST_F(OpenRootTest, OneThatWouldBeTooLateOrIsRefusedForGoodIsNotAskedForAgain) {
  TaskState* late = Open({.deadline = 10ms});
  ASSERT_TRUE(
      Answer(CollectOne(FrameType::kOpenRoot), VerdictStatus::kRejected, Reason::kInFlight, 20ms));
  EXPECT_EQ(KindOfFailure(late), FailureKind::kShed);
  EXPECT_EQ(late->failure->retry_after, 20ms);
  TaskState* large = Open();
  ASSERT_TRUE(
      Answer(CollectOne(FrameType::kOpenRoot), VerdictStatus::kRejected, Reason::kTooLarge));
  EXPECT_EQ(KindOfFailure(large), FailureKind::kRefused);
  EXPECT_TRUE(LaterOpened().empty());
}

// A node takes a number that is too old for a repeat of something that it has forgotten.
TEST_F(OpenRootTest, OneThatWaitedWhileManyWereSentIsNumberedAnew) {
  Start({.max_batch = 1000});
  TaskState* state = Open();
  ASSERT_TRUE(
      Answer(CollectOne(FrameType::kOpenRoot), VerdictStatus::kRejected, Reason::kInFlight, 1s));
  for (int i = 0; i < 70; ++i) {
    for (int j = 0; j < 1000; ++j) (void)Submit();
    for (const Sent& frame : Collect(FrameType::kSubmit)) ASSERT_TRUE(Accept(frame));
  }
  now += 1500ms;
  const Sent again = CollectOne(FrameType::kOpenRoot);
  EXPECT_GT(AskOf(again).seq, 70'000U);
  ASSERT_TRUE(Answer(again, VerdictStatus::kAccepted));
  EXPECT_EQ(Seq(state), AskOf(again).seq);
}

TEST_F(OpenRootTest, ALostConnectionDoesNotEndTheWait) {
  TaskState* state = Open();
  ASSERT_TRUE(
      Answer(CollectOne(FrameType::kOpenRoot), VerdictStatus::kRejected, Reason::kInFlight, 5ms));
  session->OnLost(now);
  session->OnWelcome(WelcomeOf(kSession, true, 1), now);
  session->EndTurn(now);
  EXPECT_TRUE(Collect(FrameType::kOpenRoot).empty());
  now += 8ms;
  ASSERT_TRUE(Answer(CollectOne(FrameType::kOpenRoot), VerdictStatus::kAccepted));
  EXPECT_EQ(state->Look(), Phase::kAtNode);
}

// ---- given up

TEST_F(OpenRootTest, OneThatNobodyWaitsForIsNotAskedForAgain) {
  TaskState* state = Open();
  const Sent frame = CollectOne(FrameType::kOpenRoot);
  EXPECT_TRUE(session->CancelHere(*state));
  ASSERT_TRUE(Answer(frame, VerdictStatus::kRejected, Reason::kInFlight, 5ms));
  EXPECT_EQ(KindOfFailure(state), FailureKind::kCancelled);
  EXPECT_TRUE(LaterOpened().empty());
}

TEST_F(OpenRootTest, OneThatNobodyWaitsForIsClosedUnderTheNumberThatItHasByThen) {
  TaskState* state = Open();
  ASSERT_TRUE(
      Answer(CollectOne(FrameType::kOpenRoot), VerdictStatus::kRejected, Reason::kInFlight, 5ms));
  EXPECT_TRUE(session->CancelHere(*state));
  Drop(state);
  now += 8ms;
  const Sent again = CollectOne(FrameType::kOpenRoot);
  ASSERT_TRUE(Answer(again, VerdictStatus::kAccepted));
  const Sent close = CollectOne(FrameType::kCloseRoot);
  EXPECT_EQ(wire::DecodeCloseRoot(close.view())->seq, AskOf(again).seq);
  EXPECT_EQ(session->live_states(), 0U);
}

}  // namespace
}  // namespace spillgate::client
