#include <gmock/gmock.h>

#include "tests/client/lib/session_fixture.h"

namespace spillgate::client {
namespace {

using wire::FrameType;
using wire::VerdictStatus;

class VerdictTest : public SessionFixture {};

TEST_F(VerdictTest, WhoWaitsForVerdictsIsToldOfEachThatIsFinal) {
  Start({.retry = {.most = 1}});
  TaskState* accepted = Submit();
  TaskState* refused = Submit();
  TaskState* retried = Submit();
  const Sent frame = CollectOne(FrameType::kSubmit);
  Waiter waiter(3);
  for (TaskState* state : {accepted, refused, retried}) {
    EXPECT_TRUE(session->WatchVerdict(*state, waiter));
  }
  ASSERT_TRUE(Verdict(frame, VerdictStatus::kAccepted, Reason::kNone, 0, 1));
  EXPECT_EQ(waiter.left.load(), 2);
  ASSERT_TRUE(Verdict(frame, VerdictStatus::kRejected, Reason::kUnknownFunction, 1, 1));
  EXPECT_EQ(waiter.left.load(), 1);
  ASSERT_TRUE(Verdict(frame, VerdictStatus::kRejected, Reason::kInFlight, 2, 1));
  EXPECT_EQ(waiter.left.load(), 1) << "it is tried again";
  now += 1s;
  ASSERT_TRUE(Accept(CollectOne(FrameType::kSubmit)));
  EXPECT_TRUE(waiter.done());
  EXPECT_FALSE(session->WatchVerdict(*retried, waiter)) << "it has its verdict";
  EXPECT_EQ(accepted->waiter, nullptr);
}

TEST_F(VerdictTest, AcceptedTasksWaitForTheirResults) {
  TaskState* state = Submit();
  const Sent frame = CollectOne(FrameType::kSubmit);
  EXPECT_TRUE(session->under_way());
  ASSERT_TRUE(Accept(frame));
  EXPECT_FALSE(session->under_way());
  EXPECT_TRUE(state->pending());
  ASSERT_TRUE(Accept(frame));  // a verdict that comes twice changes nothing
  ASSERT_TRUE(Result(1, "done"));
  EXPECT_EQ(state->Look(), Phase::kHere);
  EXPECT_EQ(AsText(state->value.view()), "done");
}

// Asking is not free for a node that is full; and whoever asks too often is not read for a while.
TEST_F(VerdictTest, WhoIsMostlyRefusedAsksForLess) {
  Start({.retry = {.most = 0}, .seed = 3});
  for (int i = 0; i < 100; ++i) (void)Submit();
  const Sent first = CollectOne(FrameType::kSubmit);
  EXPECT_EQ(first.ask().count, 100U) << "nothing is known yet";
  ASSERT_TRUE(Verdict(first, VerdictStatus::kRejected, Reason::kBacklog, 0, 100, 7ms));
  TaskState* refused_here = nullptr;
  for (int i = 0; i < 100; ++i) {
    TaskState* state = Submit();
    if (!state->pending()) refused_here = state;
  }
  ASSERT_NE(refused_here, nullptr);
  EXPECT_EQ(KindOfFailure(refused_here), FailureKind::kShed);
  EXPECT_EQ(refused_here->failure->reason, Reason::kBacklog);
  EXPECT_EQ(refused_here->failure->retry_after, 7ms);
  EXPECT_GT(session->stats(now).throttled, 90U);
  EXPECT_TRUE(Submit({}, {.cls = TaskClass::kCritical})->pending()) << "another class";
  now += 1min;
  EXPECT_TRUE(Submit()->pending()) << "that was long ago";
}

TEST_F(VerdictTest, ARefusalIsTypedWhenRetriesAreOff) {
  Start({.retry = {.most = 0}});
  TaskState* state = Submit();
  const Sent frame = CollectOne(FrameType::kSubmit);
  ASSERT_TRUE(Verdict(frame, VerdictStatus::kRejected, Reason::kInFlight, 0, 1, 5ms));
  EXPECT_EQ(KindOfFailure(state), FailureKind::kShed);
  EXPECT_EQ(state->failure->reason, Reason::kInFlight);
  EXPECT_EQ(state->failure->retry_after, 5ms);
  EXPECT_EQ(state->failure->stage, wire::StageNumber::kSubmission);
  EXPECT_TRUE(Later().empty());
}

TEST_F(VerdictTest, ARetryHasNewNumbersAndComesNotTooEarly) {
  std::vector<TaskState*> states;
  const std::vector<Arg> args{"abc"};
  for (int i = 0; i < 10; ++i) states.push_back(Submit(args, {.returns = 2}));
  const Sent frame = CollectOne(FrameType::kSubmit);
  ASSERT_TRUE(Verdict(frame, VerdictStatus::kAccepted, Reason::kNone, 0, 7));
  ASSERT_TRUE(Verdict(frame, VerdictStatus::kRejected, Reason::kInFlight, 7, 3, 5ms));
  now += 4'999us;
  EXPECT_TRUE(Collect().empty());
  now += 2'502us;  // half as long again, at most
  const Sent retry = CollectOne(FrameType::kSubmit);
  EXPECT_EQ(retry.ask().count, 3);
  EXPECT_EQ(retry.ask().retry, 1);
  EXPECT_EQ(retry.ask().attempt, 0);
  EXPECT_EQ(retry.ask().first_seq, 11U);
  EXPECT_EQ(Seq(states[7]), 11U);
  EXPECT_EQ(retry.tasks().heads[2].returns, 2);
  EXPECT_EQ(AsText(retry.view().payload.first(9)), "abcabcabc");
  ASSERT_TRUE(Accept(retry));
  ASSERT_TRUE(Result(13, "x"));
  EXPECT_EQ(states[9]->Look(), Phase::kHere);
  EXPECT_EQ(session->stats(now).retried, 3U);
}

TEST_F(VerdictTest, RetriesEnd) {
  TaskState* state = Submit();
  std::vector<Sent> frames = Collect(FrameType::kSubmit);
  for (int i = 0; i < 4; ++i) {
    ASSERT_EQ(frames.size(), 1U) << i;
    EXPECT_EQ(frames[0].ask().retry, i);
    ASSERT_TRUE(Verdict(frames[0], VerdictStatus::kRejected, Reason::kStageFull));
    frames = Later();
  }
  EXPECT_TRUE(frames.empty());
  EXPECT_EQ(KindOfFailure(state), FailureKind::kShed);
}

TEST_F(VerdictTest, RetriesAreATenthOfWhatIsSent) {
  Start({.retry = {.most = 100, .budget = 0.1, .burst = 5, .throttle = 0}});
  std::uint64_t retried = 0;
  for (int i = 0; i < 20; ++i) {
    for (int j = 0; j < 100; ++j) (void)Submit();
    for (const Sent& frame : Later()) {
      ASSERT_TRUE(Verdict(frame, VerdictStatus::kRejected, Reason::kInFlight));
    }
    retried = session->stats(now).retried;
  }
  EXPECT_LE(retried, 205U);
  EXPECT_GE(retried, 90U);
}

TEST_F(VerdictTest, ANewClientHasAHandfulOfRetriesAndATenthOfWhatIsRefused) {
  Start({});
  for (int i = 0; i < 300; ++i) (void)Submit();
  for (int round = 0; round < 4; ++round) {
    for (const Sent& frame : Later()) {
      ASSERT_TRUE(Verdict(frame, VerdictStatus::kRejected, Reason::kBacklog));
    }
  }
  const auto handful = static_cast<std::uint64_t>(RetryOptions().burst);
  EXPECT_LE(handful, 10U);
  EXPECT_GE(session->stats(now).retried, 30U);
  EXPECT_LE(session->stats(now).retried, 30U + handful);
}

TEST_F(VerdictTest, ARetryThatWouldBeTooLateIsNotMade) {
  TaskState* state = Submit({}, {.deadline = 10ms});
  const Sent frame = CollectOne(FrameType::kSubmit);
  ASSERT_TRUE(Verdict(frame, VerdictStatus::kRejected, Reason::kInFlight, 0, 1, 20ms));
  EXPECT_EQ(KindOfFailure(state), FailureKind::kShed);
}

TEST_F(VerdictTest, WhatDoesNotPassIsNotTriedAgain) {
  for (const Reason reason :
       {Reason::kUnknownFunction, Reason::kInfeasible, Reason::kTooLarge, Reason::kUnknownRoot,
        Reason::kFunctionBroken, Reason::kTooDurable, static_cast<Reason>(31)}) {
    TaskState* state = Submit();
    const Sent frame = CollectOne(FrameType::kSubmit);
    ASSERT_TRUE(Verdict(frame, VerdictStatus::kRejected, reason));
    EXPECT_EQ(KindOfFailure(state), FailureKind::kRefused);
    EXPECT_EQ(state->failure->reason, reason);
    const bool says = state->failure->message.find("journal.level_max") != std::string::npos;
    EXPECT_EQ(says, reason == Reason::kTooDurable) << "what can be done about it";
  }
  TaskState* late = Submit();
  const Sent frame = CollectOne(FrameType::kSubmit);
  ASSERT_TRUE(Verdict(frame, VerdictStatus::kRejected, Reason::kExpired));
  EXPECT_EQ(KindOfFailure(late), FailureKind::kExpired);
  EXPECT_TRUE(Later().empty());
}

TEST_F(VerdictTest, UnknownIsAskedAgainUnderTheSameNumbers) {
  TaskState* state = Submit({}, {.deadline = 10s});
  const Sent frame = CollectOne(FrameType::kSubmit);
  ASSERT_TRUE(Verdict(frame, VerdictStatus::kUnknown));
  EXPECT_TRUE(Collect().empty());
  std::vector<Sent> again = Later();
  ASSERT_EQ(again.size(), 1U);
  EXPECT_EQ(again[0].ask().attempt, 1);
  EXPECT_EQ(again[0].ask().first_seq, frame.ask().first_seq);
  EXPECT_EQ(again[0].ask().remaining_us, 9'000'000U);
  ASSERT_TRUE(Verdict(again[0], VerdictStatus::kAcceptedEarlier));
  EXPECT_TRUE(state->pending());
  EXPECT_TRUE(state->accepted);
}

TEST_F(VerdictTest, UnknownUntilTheDeadlineIsAnUnknownOutcome) {
  TaskState* state = Submit({}, {.deadline = 20s});
  std::vector<Sent> frames = Collect(FrameType::kSubmit);
  for (int i = 0; i < 9; ++i) {
    ASSERT_EQ(frames.size(), 1U);
    EXPECT_EQ(frames[0].ask().attempt, i);
    ASSERT_TRUE(Verdict(frames[0], VerdictStatus::kUnknown));
    now += 1s;
    frames = Later();
  }
  now += 5s;
  session->OnTime(now);
  EXPECT_EQ(KindOfFailure(state), FailureKind::kOutcomeUnknown);
  EXPECT_FALSE(session->under_way());
}

TEST_F(VerdictTest, SettledMeansThatTheResultIsGone) {
  TaskState* state = Submit();
  const Sent frame = CollectOne(FrameType::kSubmit);
  ASSERT_TRUE(Verdict(frame, VerdictStatus::kSettled, Reason::kSettled));
  EXPECT_EQ(KindOfFailure(state), FailureKind::kGone);
}

TEST_F(VerdictTest, AnErrorAboutAFrameSaysWhyItsTasksAreRefused) {
  Start({.retry = {.most = 0}});
  TaskState* state = Submit();
  const Sent frame = CollectOne(FrameType::kSubmit);
  const wire::Error error{.reason = Reason::kMalformed, .message = "the count is odd"};
  ASSERT_TRUE(Deliver(error, frame.correlation()));
  EXPECT_TRUE(state->pending());  // a verdict may follow
  now += 1s;
  session->OnTime(now);
  EXPECT_EQ(KindOfFailure(state), FailureKind::kRefused);
  EXPECT_THAT(state->failure->message, testing::HasSubstr("the count is odd"));
}

TEST_F(VerdictTest, ImpossibleVerdictsEndTheConnection) {
  (void)Submit();
  const Sent frame = CollectOne(FrameType::kSubmit);
  EXPECT_FALSE(Verdict({.first_seq = 2, .count = 1, .correlation = frame.correlation()}));
  EXPECT_FALSE(Verdict({.first_seq = 1, .count = 2, .correlation = frame.correlation()}));
  EXPECT_FALSE(Verdict({.first_seq = 0, .count = 1, .correlation = frame.correlation()}));
  EXPECT_TRUE(Verdict({.first_seq = 1, .count = 1, .correlation = 999}));  // late, perhaps
}

// ---- dataflow

TEST_F(VerdictTest, ATaskJoinsTheRootOfItsArgumentWhichMayHaveEnded) {
  TaskState* first = Submit();
  const std::vector<Arg> args{Of(first)};
  (void)Submit(args);
  Terms named = session->TermsOf(sum, {}, now);
  named.root = 77;
  (void)session->Submit(named, args, {}, now);
  const std::vector<Sent> frames = Collect(FrameType::kSubmit);
  ASSERT_EQ(frames.size(), 3U);
  EXPECT_EQ(frames[0].ask().root, 0U);
  EXPECT_EQ(frames[1].ask().root, Seq(first));
  EXPECT_NE(frames[1].ask().flags & wire::kJoin, 0);
  EXPECT_EQ(frames[2].ask().root, 77U);
  EXPECT_EQ(frames[2].ask().flags & wire::kJoin, 0) << "that root was asked for";
}

TEST_F(VerdictTest, DependantsFollowATaskThatIsRetried) {
  TaskState* f = Submit();
  const std::vector<Arg> of_f{Of(f)};
  TaskState* g = Submit(of_f);
  const std::vector<Arg> of_g{Of(g)};
  TaskState* h = Submit(of_g);
  const std::vector<Sent> frames = Collect(FrameType::kSubmit);
  ASSERT_EQ(frames.size(), 2U);    // g and h share the root of f
  ASSERT_TRUE(Accept(frames[1]));  // it waits at the node for what never comes
  ASSERT_TRUE(Verdict(frames[0], VerdictStatus::kRejected, Reason::kInFlight));
  const std::vector<Sent> again = Later();
  ASSERT_EQ(again.size(), 2U);
  EXPECT_EQ(again[0].ask().first_seq, Seq(f));
  EXPECT_NE(Seq(f), 1U);
  const wire::SubmitView tasks = again[1].tasks();
  ASSERT_EQ(tasks.args.size(), 2U);
  EXPECT_EQ(tasks.args[0].object().task.seq, Seq(f));
  EXPECT_EQ(tasks.args[1].object().task.seq, Seq(g));
  EXPECT_EQ(again[1].ask().first_seq, Seq(g));
  // What the node says of the old ones concerns nobody.
  ASSERT_TRUE(Failed(2, Fate::kFailed, Reason::kDependencyFailed, {kSession, 1}, "never came"));
  EXPECT_TRUE(g->pending());
  ASSERT_TRUE(Accept(again[0]));
  ASSERT_TRUE(Accept(again[1]));
  ASSERT_TRUE(Result(Seq(h), "h"));
  EXPECT_EQ(h->Look(), Phase::kHere);
}

TEST_F(VerdictTest, WhatARefusalMadeFailInTheSameReadIsNoFailure) {
  TaskState* f = Submit();
  const std::vector<Arg> of_f{Of(f)};
  TaskState* g = Submit(of_f);
  const std::vector<Arg> of_g{Of(g)};
  TaskState* h = Submit(of_g);
  const std::vector<Sent> frames = Collect(FrameType::kSubmit);
  ASSERT_EQ(frames.size(), 2U);
  const auto verdict = [](const Sent& frame, VerdictStatus status, Reason reason) {
    return wire::Verdict{.first_seq = frame.ask().first_seq,
                         .count = frame.ask().count,
                         .correlation = frame.correlation(),
                         .reason = reason,
                         .status = status};
  };
  const wire::Verdict verdicts[] = {verdict(frames[0], VerdictStatus::kRejected, Reason::kInFlight),
                                    verdict(frames[1], VerdictStatus::kAccepted, Reason::kNone)};
  wire::OutBuffer out;
  wire::WriteVerdicts(verdicts, 0, out);
  wire::ResultsWriter writer;
  for (const std::uint64_t seq : {Seq(g), Seq(h)}) {
    writer.AddFailure(
        {.task = {kSession, seq}, .reason = Reason::kDependencyFailed, .fate = Fate::kFailed},
        {kSession, Seq(f)}, "never came", out);
  }
  writer.Finish(out);
  ASSERT_TRUE(Deliver(out));
  EXPECT_TRUE(g->pending());
  EXPECT_TRUE(h->pending());
  const std::vector<Sent> again = Later();
  ASSERT_EQ(again.size(), 2U);
  EXPECT_EQ(again[1].ask().root, Seq(f)) << "they stay in the root of what they need";
  ASSERT_TRUE(Accept(again[0]));
  ASSERT_TRUE(Accept(again[1]));
  ASSERT_TRUE(Result(Seq(h), "h"));
  EXPECT_EQ(h->Look(), Phase::kHere);
}

TEST_F(VerdictTest, WhoHasNotBeenSentJoinsTheRootThatItsArgumentHasByThen) {
  TaskState* f = Submit();
  TaskState* put = session->Put(AsBytes("large"), {});
  const std::vector<Arg> args{Of(f), Of(put)};
  TaskState* g = Submit(args);  // waits for the verdict on the value
  std::vector<Sent> frames = Collect();
  ASSERT_EQ(frames.size(), 2U);
  ASSERT_TRUE(Verdict(frames[0], VerdictStatus::kRejected, Reason::kInFlight));
  ASSERT_TRUE(Verdict({.first_seq = Seq(put), .count = 1, .correlation = frames[1].correlation()}));
  frames = Later();
  ASSERT_EQ(frames.size(), 2U);
  EXPECT_EQ(frames[0].ask().first_seq, Seq(f));
  EXPECT_EQ(frames[1].ask().first_seq, Seq(g));
  EXPECT_EQ(frames[1].ask().root, Seq(f));
}

TEST_F(VerdictTest, DependantsOfARefusedTaskFailWithIt) {
  Start({.retry = {.most = 0}});
  TaskState* f = Submit({}, {.cls = TaskClass::kHigh});
  const std::vector<Arg> of_f{Of(f)};
  TaskState* g = Submit(of_f, {.cls = TaskClass::kHigh});
  const std::vector<Sent> frames = Collect(FrameType::kSubmit);
  ASSERT_TRUE(Verdict(frames[0], VerdictStatus::kRejected, Reason::kInFlight));
  ASSERT_TRUE(Verdict(frames[1], VerdictStatus::kRejected, Reason::kInFlight));
  EXPECT_EQ(KindOfFailure(f), FailureKind::kShed);
  EXPECT_EQ(KindOfFailure(g), FailureKind::kDependencyFailed);
}

TEST_F(VerdictTest, AWindowIsWaitedForAndCostsNoRetries) {
  Start({.retry = {.most = 1, .budget = 0, .burst = 0}});
  Terms terms = session->TermsOf(sum, {}, now);
  terms.root = 77;
  TaskState* state = session->Submit(terms, {}, {}, now);
  std::vector<Sent> frames = Collect(FrameType::kSubmit);
  for (int i = 0; i < 20; ++i) {
    ASSERT_EQ(frames.size(), 1U);
    ASSERT_TRUE(Verdict(frames[0], VerdictStatus::kRejected, Reason::kQuota));
    frames = Later();
  }
  ASSERT_TRUE(Accept(frames[0]));
  EXPECT_TRUE(state->pending());
}

TEST_F(VerdictTest, CancelBeforeTheVerdictReachesTheNodeAfterIt) {
  TaskState* first = Submit();
  TaskState* second = Submit();
  const Sent frame = CollectOne(FrameType::kSubmit);
  EXPECT_TRUE(session->CancelHere(*first));
  EXPECT_TRUE(session->CancelHere(*second));
  EXPECT_TRUE(Collect().empty());
  ASSERT_TRUE(Verdict(frame, VerdictStatus::kRejected, Reason::kInFlight, 0, 1));
  EXPECT_EQ(KindOfFailure(first), FailureKind::kCancelled);
  ASSERT_TRUE(Verdict(frame, VerdictStatus::kAccepted, Reason::kNone, 1, 1));
  const Sent cancel = CollectOne(FrameType::kCancel);
  const auto ids = wire::DecodeCancel(cancel.view());
  EXPECT_EQ(ids->ids[0], (TaskId{kSession, 2}));
  EXPECT_FALSE(session->CancelHere(*second));
}

}  // namespace
}  // namespace spillgate::client
