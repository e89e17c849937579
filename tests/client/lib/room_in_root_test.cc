// Pieces of a root that was let in, which quotas hold for: they go on as there is room.
#include "tests/client/lib/session_fixture.h"

namespace spillgate::client {
namespace {

using wire::FrameType;
using wire::VerdictStatus;

class RoomInRootTest : public SessionFixture {
 protected:
  TaskState* AddPiece(const SubmitOptions& options = {}) {
    Terms terms = session->TermsOf(sum, options, now);
    terms.root = 77;
    return session->Submit(terms, {}, options, now);
  }
};

TEST_F(RoomInRootTest, AGraphPastAQuotaIsSlowedAndNotBroken) {
  for (const Reason reason : {Reason::kQuota, Reason::kClientQuota, Reason::kRate}) {
    Start({.retry = {.most = 1, .budget = 0, .burst = 0}});
    std::vector<TaskState*> pieces;
    for (int i = 0; i < 4000; ++i) pieces.push_back(AddPiece());
    std::vector<Sent> frames = Collect(FrameType::kSubmit);
    for (int round = 0; round < 4; ++round) {
      ASSERT_EQ(frames.size(), 1U);
      const std::uint32_t count = frames[0].ask().count;
      ASSERT_EQ(count, 4000U - 1000U * static_cast<std::uint32_t>(round));
      ASSERT_TRUE(Verdict(frames[0], VerdictStatus::kAccepted, Reason::kNone, 0, 1000));
      if (count > 1000) {
        ASSERT_TRUE(Verdict(frames[0], VerdictStatus::kRejected, reason, 1000, count - 1000));
      }
      frames = Later();
    }
    EXPECT_TRUE(frames.empty());
    for (const TaskState* piece : pieces) ASSERT_TRUE(piece->accepted);
  }
}

// As a node answers for what stands in a frame behind a task that turned out to be a root.
TEST_F(RoomInRootTest, WhatStandsBehindARootThatIsRefusedIsNotGivenUp) {
  Start({.retry = {.most = 1, .budget = 0, .burst = 0}});
  TaskState* root = AddPiece();
  TaskState* piece = AddPiece();
  const Sent frame = CollectOne(FrameType::kSubmit);
  ASSERT_TRUE(Verdict(frame, VerdictStatus::kRejected, Reason::kBacklog, 0, 1));
  ASSERT_TRUE(Verdict(frame, VerdictStatus::kRejected, Reason::kQuota, 1, 1, 1ms));
  EXPECT_EQ(KindOfFailure(root), FailureKind::kShed);
  now += 2ms;
  ASSERT_TRUE(Accept(CollectOne(FrameType::kSubmit)));
  EXPECT_TRUE(piece->accepted);
}

TEST_F(RoomInRootTest, RootsThatNeedNoCreditAreRefusedByQuotas) {
  Start({.retry = {.most = 1, .budget = 0, .burst = 0}});
  TaskState* state = Submit();
  ASSERT_TRUE(
      Verdict(CollectOne(FrameType::kSubmit), VerdictStatus::kRejected, Reason::kClientQuota));
  EXPECT_EQ(KindOfFailure(state), FailureKind::kShed);
}

TEST_F(RoomInRootTest, WaitsAreNoRetriesAndEarnNone) {
  for (const double budget : {0.25, 1.0}) {
    Start({.retry = {.most = 1, .budget = budget, .burst = 1}});
    (void)Submit();  // has the retry that there is to begin with
    ASSERT_TRUE(
        Verdict(CollectOne(FrameType::kSubmit), VerdictStatus::kRejected, Reason::kInFlight));
    ASSERT_TRUE(Accept(Later().front()));
    TaskState* piece = AddPiece();
    std::vector<Sent> frames = Collect(FrameType::kSubmit);
    for (int i = 0; i < 10; ++i) {
      ASSERT_EQ(frames.size(), 1U);
      ASSERT_TRUE(Verdict(frames[0], VerdictStatus::kRejected, Reason::kRate));
      frames = Later();
    }
    EXPECT_EQ(session->stats(now).retried, 1U);
    EXPECT_EQ(session->stats(now).waited, 10U);
    EXPECT_EQ(session->stats(now).waited_for, 10s);
    ASSERT_EQ(frames.size(), 1U);
    ASSERT_TRUE(Verdict(frames[0], VerdictStatus::kRejected, Reason::kInFlight));
    EXPECT_EQ(piece->pending(), budget == 1) << "it earned its part of a retry once";
  }
}

TEST_F(RoomInRootTest, AWaitEndsWithTheDeadline) {
  TaskState* piece = AddPiece({.deadline = 10ms});
  const Sent frame = CollectOne(FrameType::kSubmit);
  ASSERT_TRUE(Verdict(frame, VerdictStatus::kRejected, Reason::kClientQuota, 0, 1, 20ms));
  EXPECT_EQ(KindOfFailure(piece), FailureKind::kShed);
  EXPECT_EQ(session->stats(now).gave_up, 1U);
}

TEST_F(RoomInRootTest, OneThatWaitsAsksLessAndLessOften) {
  (void)AddPiece();
  const std::uint64_t asked = RefuseAll(2000, Reason::kQuota);
  EXPECT_GE(asked, 20U) << "each tenth of a second";
  EXPECT_LE(asked, 45U);
}

// In however many frames: each would be sent again after a few milliseconds.
TEST_F(RoomInRootTest, ThousandsThatWaitAreNotSentAgainAllTheTime) {
  for (int i = 0; i < 20'000; ++i) (void)AddPiece();
  const std::uint64_t sent = RefuseAll(1000, Reason::kRate, 1ms);
  EXPECT_LE(sent, 120'000U) << "all, and then 100 a millisecond";
  EXPECT_GE(sent, 100'000U);
}

}  // namespace
}  // namespace spillgate::client
