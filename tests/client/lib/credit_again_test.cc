// Roots that had credit and are refused all the same: they wait for more of it.
#include <gmock/gmock.h>

#include "tests/client/lib/session_fixture.h"

namespace spillgate::client {
namespace {

using testing::SizeIs;
using wire::FrameType;
using wire::VerdictStatus;

const RetryOptions kNoBudget{.most = 1, .budget = 0, .burst = 0};
const SubmitOptions kInASecond{.deadline = 1s};

class CreditAgainTest : public SessionFixture {
 protected:
  void Allow(std::uint64_t tasks) {
    ASSERT_TRUE(Deliver(wire::Credits{.window = {0, 0, tasks, 0}, .ttl_ms = 100'000}, 0));
  }
  // A root that was sent, by leave where there is any, and refused so.
  TaskState* Refused(Reason reason, const ClientOptions& options, Nanos retry_after = 1ms) {
    Start(options);
    if (gives_credit) Allow(100);
    TaskState* state = Submit({}, kInASecond);
    EXPECT_TRUE(Verdict(CollectOne(FrameType::kSubmit), VerdictStatus::kRejected, reason, 0, 1,
                        retry_after));
    return state;
  }

  bool gives_credit = true;
};

TEST_F(CreditAgainTest, AMapThatIsRefusedInPartIsAllDone) {
  Start({.retry = kNoBudget});
  Allow(2000);
  std::vector<TaskState*> map;
  for (int i = 0; i < 2000; ++i) map.push_back(Submit({}, kInASecond));
  std::uint64_t sent = 0;
  for (std::uint32_t left = 2000; left > 0; now += 50ms) {
    std::uint32_t places = 500;
    const std::uint64_t before = sent;
    for (const Sent& frame : Collect(FrameType::kSubmit)) {
      const std::uint32_t count = frame.ask().count;
      const std::uint32_t taken = std::min(places, count);
      sent += count;
      left -= taken;
      places -= taken;
      if (taken > 0) {
        ASSERT_TRUE(Verdict(frame, VerdictStatus::kAccepted, Reason::kNone, 0, taken));
      }
      if (count > taken) {
        ASSERT_TRUE(
            Verdict(frame, VerdictStatus::kRejected, Reason::kBacklog, taken, count - taken, 5ms));
      }
    }
    ASSERT_GT(sent, before);
    ASSERT_THAT(Collect(FrameType::kSubmit), SizeIs(0)) << "there is no credit left";
    Allow(sent + 600);
  }
  for (const TaskState* state : map) ASSERT_TRUE(state->accepted);
}

TEST_F(CreditAgainTest, OnlyWhatIsRefusedForLoadWaits) {
  for (const Reason reason :
       {Reason::kBacklog, Reason::kInFlight, Reason::kQuota, Reason::kClientQuota, Reason::kRate}) {
    EXPECT_TRUE(Refused(reason, {.retry = kNoBudget})->pending()) << ToString(reason);
  }
  // Bytes, its own results that it does not fetch, a node that goes away, a disk: no credit tells.
  for (const Reason reason :
       {Reason::kInFlightBytes, Reason::kUnfetched, Reason::kDraining, Reason::kJournal}) {
    EXPECT_EQ(KindOfFailure(Refused(reason, {.retry = kNoBudget})), FailureKind::kShed)
        << ToString(reason);
  }
}

TEST_F(CreditAgainTest, WhoWaitsForNoneIsTold) {
  const ClientOptions at_once{.wait_for_credit = false, .retry = kNoBudget};
  EXPECT_EQ(KindOfFailure(Refused(Reason::kBacklog, at_once)), FailureKind::kShed);
  const ClientOptions no_retries{.retry = {.most = 0}};
  EXPECT_EQ(KindOfFailure(Refused(Reason::kBacklog, no_retries)), FailureKind::kShed);
  gives_credit = false;
  const ClientOptions waits{.retry = kNoBudget};
  EXPECT_EQ(KindOfFailure(Refused(Reason::kBacklog, waits)), FailureKind::kShed);
}

TEST_F(CreditAgainTest, AWaitThatTheDeadlineDoesNotLeaveIsNotBegun) {
  const TaskState* state = Refused(Reason::kBacklog, {.retry = kNoBudget}, 2s);
  EXPECT_EQ(KindOfFailure(state), FailureKind::kShed);
  EXPECT_EQ(state->failure->retry_after, 2s);
}

TEST_F(CreditAgainTest, WhatWaitsDoesNotMakeNewOnesFailHere) {
  Start({.retry = kNoBudget, .seed = 3});
  Allow(1000);
  for (int i = 0; i < 100; ++i) (void)Submit({}, kInASecond);
  ASSERT_TRUE(Verdict(CollectOne(FrameType::kSubmit), VerdictStatus::kRejected, Reason::kBacklog));
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(Submit({}, kInASecond)->pending());
  EXPECT_EQ(session->stats(now).throttled, 0U);
}

// Else each frame would count for nothing, however much of it is given up.
TEST_F(CreditAgainTest, WhatDoesNotWaitMakesNewOnesFailHere) {
  Start({.retry = kNoBudget, .seed = 3});
  Allow(1000);
  for (int i = 0; i < 100; ++i) (void)Submit({}, {.deadline = 20ms});
  ASSERT_TRUE(Verdict(CollectOne(FrameType::kSubmit), VerdictStatus::kRejected, Reason::kBacklog, 0,
                      100, 50ms));
  for (int i = 0; i < 100; ++i) (void)Submit({}, {.deadline = 20ms});
  EXPECT_GT(session->stats(now).throttled, 90U);
}

// It would be judged as a root of its own, and given up, while what makes its argument goes on.
TEST_F(CreditAgainTest, WhatWasToJoinOneThatWaitsWaitsWithIt) {
  Start({.retry = kNoBudget});
  Allow(1000);
  TaskState* f = Submit({}, kInASecond);
  const std::vector<Arg> of_f{Of(f)};
  TaskState* g = Submit(of_f, kInASecond);
  for (int i = 0; i < 5; ++i) {
    const std::vector<Sent> frames = Collect(FrameType::kSubmit);
    ASSERT_EQ(frames.size(), 2U);
    for (const Sent& frame : frames) {
      ASSERT_TRUE(Verdict(frame, VerdictStatus::kRejected, Reason::kBacklog));
    }
    now += 100ms;
  }
  for (const Sent& frame : Collect(FrameType::kSubmit)) ASSERT_TRUE(Accept(frame));
  ASSERT_TRUE(Result(Seq(f), "f"));
  ASSERT_TRUE(Result(Seq(g), "g"));
  EXPECT_EQ(f->Look(), Phase::kHere);
  EXPECT_EQ(g->Look(), Phase::kHere);
}

TEST_F(CreditAgainTest, WithoutADeadlineItEndsAfterTheTimeOfACall) {
  Start({.request_timeout = 2s, .retry = kNoBudget});
  Allow(1'000'000);
  const TaskState* state = Submit();
  for (int i = 0; i < 3000 && state->pending(); ++i, now += 1ms) {
    for (const Sent& frame : Collect(FrameType::kSubmit)) {
      ASSERT_TRUE(Verdict(frame, VerdictStatus::kRejected, Reason::kInFlight));
    }
  }
  EXPECT_EQ(KindOfFailure(state), FailureKind::kShed);
  EXPECT_GT(now, Instant(2900ms));
  EXPECT_LT(now, Instant(3100ms));
  EXPECT_EQ(session->stats(now).gave_up, 1U);
}

// How many, since when, and what became of them; a share of retries can be read beside it.
TEST_F(CreditAgainTest, WhatWaitsIsCountedAndIsNoRetry) {
  Start({.retry = kNoBudget});
  Allow(1);
  for (int i = 0; i < 3; ++i) (void)Submit({}, kInASecond);
  EXPECT_EQ(session->stats(now).waiting, 0U) << "nobody knows yet that it will";
  ASSERT_TRUE(Accept(CollectOne(FrameType::kSubmit)));
  now += 5ms;
  EXPECT_EQ(session->stats(now).waiting, 2U);
  EXPECT_EQ(session->stats(now).waiting_for, 5ms);
  EXPECT_EQ(session->stats(now).waited, 0U);
  Allow(3);
  const Sent frame = CollectOne(FrameType::kSubmit);
  EXPECT_EQ(session->stats(now).waiting, 0U);
  EXPECT_EQ(session->stats(now).waited, 2U);
  EXPECT_EQ(session->stats(now).waited_for, 10ms);
  ASSERT_TRUE(Verdict(frame, VerdictStatus::kRejected, Reason::kBacklog, 1, 1, 1ms));
  EXPECT_EQ(session->stats(now).waiting, 1U);
  EXPECT_EQ(session->stats(now).waiting_for, 0ms);
  now += 10ms;
  EXPECT_TRUE(Collect(FrameType::kSubmit).empty()) << "there is no credit";
  EXPECT_EQ(session->stats(now).waiting_for, 10ms);
  Allow(4);
  ASSERT_TRUE(Accept(CollectOne(FrameType::kSubmit)));
  EXPECT_EQ(session->stats(now).waited, 3U);
  EXPECT_EQ(session->stats(now).waited_for, 20ms);
  EXPECT_EQ(session->stats(now).retried, 0U);
  EXPECT_EQ(session->stats(now).gave_up, 0U);
}

TEST_F(CreditAgainTest, WhatItsDeadlineEndsBeforeThereIsCreditWaitedInVain) {
  Start({.retry = kNoBudget});
  Allow(1);
  for (int i = 0; i < 3; ++i) (void)Submit({}, kInASecond);
  const Sent frame = CollectOne(FrameType::kSubmit);
  ASSERT_TRUE(Verdict(frame, VerdictStatus::kRejected, Reason::kBacklog, 0, 1, 2s));
  EXPECT_EQ(session->stats(now).gave_up, 1U) << "it has no time to wait for so long";
  now += 1s;
  session->OnTime(now);
  EXPECT_EQ(session->stats(now).gave_up, 3U);
  EXPECT_EQ(session->stats(now).waiting, 0U);
  EXPECT_EQ(session->stats(now).waited, 0U);
}

TEST_F(CreditAgainTest, OneThatIsCancelledMeanwhileEndsAtOnce) {
  Start({.retry = kNoBudget});
  Allow(2);
  TaskState* cancelled = Submit({}, kInASecond);
  TaskState* other = Submit({}, kInASecond);
  ASSERT_TRUE(Verdict(CollectOne(FrameType::kSubmit), VerdictStatus::kRejected, Reason::kBacklog));
  EXPECT_TRUE(session->CancelHere(*cancelled));
  now += 100ms;
  EXPECT_TRUE(Collect(FrameType::kSubmit).empty()) << "there is no credit";
  EXPECT_EQ(KindOfFailure(cancelled), FailureKind::kCancelled);
  Allow(4);
  const Sent frame = CollectOne(FrameType::kSubmit);
  EXPECT_EQ(frame.ask().count, 1U);
  EXPECT_EQ(frame.ask().first_seq, Seq(other));
}

TEST_F(CreditAgainTest, OneThatRunsOutOfTimeSaysThatItWasRefused) {
  Start({.retry = kNoBudget});
  Allow(1);
  const TaskState* state = Submit({}, kInASecond);
  ASSERT_TRUE(Verdict(CollectOne(FrameType::kSubmit), VerdictStatus::kRejected, Reason::kBacklog));
  now += 1s;
  session->OnTime(now);
  EXPECT_EQ(KindOfFailure(state), FailureKind::kExpired);
  EXPECT_THAT(state->failure->message, testing::HasSubstr("which the node had refused"));
}

// In however many frames.
TEST_F(CreditAgainTest, ThousandsThatWaitAreNotSentAgainAllTheTime) {
  Start({.retry = kNoBudget});
  Allow(100'000'000);
  for (int i = 0; i < 20'000; ++i) (void)Submit({}, {.deadline = 10s});
  const std::uint64_t sent = RefuseAll(1000, Reason::kBacklog, 1ms);
  EXPECT_LE(sent, 120'000U) << "all, and then 100 a millisecond";
  EXPECT_GE(sent, 100'000U);
}

// A node whose credit is worth nothing is not asked without end.
TEST_F(CreditAgainTest, WhoIsRefusedAgainAndAgainAsksLessOften) {
  Start({.retry = kNoBudget});
  Allow(1'000'000);
  (void)Submit({}, {.deadline = 10s});
  const std::uint64_t asked = RefuseAll(2000, Reason::kBacklog);
  EXPECT_GE(asked, 20U) << "each tenth of a second";
  EXPECT_LE(asked, 45U);
}

}  // namespace
}  // namespace spillgate::client
