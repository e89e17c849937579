#include <gmock/gmock.h>

#include "tests/client/lib/session_fixture.h"

namespace spillgate::client {
namespace {

using testing::ElementsAre;
using wire::FrameType;
using wire::VerdictStatus;

class SubmitTest : public SessionFixture {};

TEST_F(SubmitTest, TasksThatFollowEachOtherShareAFrame) {
  std::vector<TaskState*> states;
  for (int i = 0; i < 100; ++i) states.push_back(Submit());
  const Sent frame = CollectOne(FrameType::kSubmit);
  EXPECT_EQ(frame.ask().count, 100);
  EXPECT_EQ(frame.ask().function, kSum);
  EXPECT_EQ(frame.ask().first_seq, 1U);
  EXPECT_EQ(frame.ask().flags, wire::kPush);
  for (std::size_t i = 0; i < states.size(); ++i) EXPECT_EQ(Seq(states[i]), i + 1);
  EXPECT_TRUE(Collect().empty());
}

TEST_F(SubmitTest, WhatDiffersGoesInFramesOfItsOwnWithConsecutiveNumbers) {
  for (int i = 0; i < 3; ++i) {
    (void)Submit({}, {.cls = TaskClass::kHigh});
    (void)Submit({}, {.level = Level::kSync});
  }
  const std::vector<Sent> frames = Collect(FrameType::kSubmit);
  ASSERT_EQ(frames.size(), 2U);
  EXPECT_EQ(frames[0].ask().cls, TaskClass::kHigh);
  EXPECT_EQ(frames[0].ask().count, 3);
  EXPECT_EQ(frames[1].ask().level, Level::kSync);
  EXPECT_EQ(frames[1].ask().count, 3);
  EXPECT_GE(frames[1].ask().first_seq, frames[0].ask().first_seq + 3);
}

TEST_F(SubmitTest, AFullFrameIsFollowedByAnother) {
  Start({.max_batch = 10});
  for (int i = 0; i < 25; ++i) (void)Submit();
  const std::vector<Sent> frames = Collect(FrameType::kSubmit);
  ASSERT_EQ(frames.size(), 3U);
  EXPECT_EQ(frames[2].ask().count, 5);
  EXPECT_EQ(frames[2].ask().first_seq, 21U);
}

TEST_F(SubmitTest, DeadlinesTravelAsWhatRemains) {
  (void)Submit({}, {.deadline = 50ms});
  now += 100us;
  (void)Submit({}, {.deadline = 50ms});  // nearly the same: together
  (void)Submit({}, {.deadline = 80ms});
  now += 10ms;
  const std::vector<Sent> frames = Collect(FrameType::kSubmit);
  ASSERT_EQ(frames.size(), 2U);
  EXPECT_EQ(frames[0].ask().count, 2);
  EXPECT_EQ(frames[0].ask().remaining_us, 39'900U);
  EXPECT_EQ(frames[1].ask().remaining_us, 70'000U);
}

TEST_F(SubmitTest, ArgumentsAreBytesValuesOrNames) {
  TaskState* small = Submit();
  const Sent first = CollectOne(FrameType::kSubmit);
  ASSERT_TRUE(Accept(first));
  ASSERT_TRUE(Result(1, "seven"));
  TaskState* open = Submit();
  const ObjectId foreign{{77, 8}, 2};
  const std::vector<Arg> args{"text", Of(small), Of(open), foreign};
  TaskState* last = Submit(args);
  const std::vector<Sent> frames = Collect(FrameType::kSubmit);
  ASSERT_EQ(frames.size(), 2U);  // the second joins the root of what it waits for
  EXPECT_EQ(frames[1].ask().root, Seq(open));
  const wire::SubmitView tasks = frames[1].tasks();
  ASSERT_EQ(tasks.args.size(), 4U);
  const ByteView payload = frames[1].view().payload;
  EXPECT_EQ(AsText(payload.subspan(tasks.args[0].offset, tasks.args[0].size)), "text");
  EXPECT_EQ(AsText(payload.subspan(tasks.args[1].offset, tasks.args[1].size)), "seven");
  EXPECT_EQ(tasks.args[2].object(), (ObjectId{{kSession, Seq(open)}, 0}));
  EXPECT_EQ(tasks.args[3].object(), foreign);
  EXPECT_EQ(last->root, Seq(open));
}

TEST_F(SubmitTest, ATaskNeverLeavesBeforeWhatItWaitsFor) {
  TaskState* sheddable = Submit({}, {.cls = TaskClass::kSheddable});
  (void)Submit();
  const std::vector<Arg> args{Of(sheddable)};
  (void)Submit(args);  // its terms are those of no open frame: it joins a root
  wire::Credits none{.window = {100, 100, 100, 0}, .ttl_ms = 1000};
  ASSERT_TRUE(Deliver(none, 0));
  std::vector<Sent> frames = Collect(FrameType::kSubmit);
  ASSERT_EQ(frames.size(), 1U);
  EXPECT_EQ(frames[0].ask().cls, TaskClass::kNormal);
  none.window[3] = 1;
  ASSERT_TRUE(Deliver(none, 0));
  frames = Collect(FrameType::kSubmit);
  ASSERT_EQ(frames.size(), 2U);
  EXPECT_EQ(frames[0].ask().cls, TaskClass::kSheddable);
  EXPECT_EQ(frames[1].ask().root, Seq(sheddable));
}

TEST_F(SubmitTest, LargeArgumentsArePutFirstAndGoWithTheTask) {
  const std::string large(5000, 'x');
  const std::vector<Arg> args{large};
  TaskState* state = Submit(args);
  const Sent put = CollectOne(FrameType::kPut);
  const auto body = wire::DecodePut(put.view());
  ASSERT_TRUE(body.has_value());
  EXPECT_EQ(AsText(put.view().payload), large);
  EXPECT_TRUE(Collect().empty());  // the task waits for the verdict on its value
  ASSERT_TRUE(Verdict({.first_seq = body->seq, .count = 1, .correlation = put.correlation()}));
  const Sent task = CollectOne(FrameType::kSubmit);
  EXPECT_EQ(task.tasks().args[0].object(), (ObjectId{{kSession, body->seq}, 0}));
  EXPECT_TRUE(Released().empty());
  ASSERT_TRUE(Accept(task));
  EXPECT_THAT(Released(),
              ElementsAre(testing::Field(&wire::Range::first, TaskId{kSession, body->seq})));
  EXPECT_TRUE(state->pending());
}

TEST_F(SubmitTest, ARefusedValueRefusesItsTask) {
  const std::string large(5000, 'x');
  const std::vector<Arg> args{large};
  TaskState* state = Submit(args);
  const Sent put = CollectOne(FrameType::kPut);
  const auto body = wire::DecodePut(put.view());
  ASSERT_TRUE(Verdict({.first_seq = body->seq,
                       .count = 1,
                       .correlation = put.correlation(),
                       .retry_after_us = 1000,
                       .reason = Reason::kInFlightBytes,
                       .status = VerdictStatus::kRejected}));
  EXPECT_EQ(KindOfFailure(state), FailureKind::kShed);
  EXPECT_TRUE(Collect(FrameType::kSubmit).empty());
  EXPECT_EQ(session->stats(now).outstanding, 0U);
}

TEST_F(SubmitTest, WhatCannotBeSentFailsAtOnceAndSaysWhy) {
  const std::vector<Arg> many(1001, Arg("x"));
  EXPECT_EQ(KindOfFailure(Submit(many)), FailureKind::kInvalid);
  sum = {.id = 9, .epoch = 7, .name = "unheard"};
  TaskState* unknown = Submit();
  EXPECT_EQ(KindOfFailure(unknown), FailureKind::kInvalid);
  EXPECT_THAT(unknown->failure->message, testing::HasSubstr("Find"));
  EXPECT_EQ(session->stats(now).outstanding, 0U);
}

TEST_F(SubmitTest, AFailedArgumentFailsItsTaskWithTheCause) {
  TaskState* first = Submit();
  ASSERT_TRUE(Accept(CollectOne(FrameType::kSubmit)));
  ASSERT_TRUE(Failed(1, Fate::kFailed, Reason::kTaskError, {}, "no such file"));
  EXPECT_EQ(KindOfFailure(first), FailureKind::kTaskFailed);
  const std::vector<Arg> args{Of(first)};
  TaskState* second = Submit(args);
  EXPECT_EQ(KindOfFailure(second), FailureKind::kDependencyFailed);
  EXPECT_EQ(second->failure->cause, (TaskId{kSession, 1}));
  EXPECT_TRUE(Collect(FrameType::kSubmit).empty());
}

// ---- credits

TEST_F(SubmitTest, NoMoreIsSentThanThereIsCreditFor) {
  ASSERT_TRUE(Deliver(wire::Credits{.window = {0, 0, 30, 0}, .ttl_ms = 1000}, 0));
  for (int i = 0; i < 50; ++i) (void)Submit();
  const Sent first = CollectOne(FrameType::kSubmit);
  EXPECT_EQ(first.ask().count, 30);
  EXPECT_EQ(session->unsent(), 20U);
  ASSERT_TRUE(Accept(first));
  EXPECT_TRUE(Collect().empty());
  ASSERT_TRUE(Deliver(wire::Credits{.window = {0, 0, 45, 0}, .ttl_ms = 1000}, 0));
  const Sent second = CollectOne(FrameType::kSubmit);
  EXPECT_EQ(second.ask().count, 15);
  EXPECT_EQ(second.ask().first_seq, 31U);
  EXPECT_FALSE(session->HasCredit(TaskClass::kNormal, 1, now));
  EXPECT_FALSE(session->HasCredit(TaskClass::kCritical, 1, now));
}

// Who does not wait for credit is not turned away for that.
TEST_F(SubmitTest, TheFirstCreditIsForAFewAndTheNextOneTells) {
  ASSERT_TRUE(Deliver(wire::Credits{.window = {0, 0, 64, 0}, .ttl_ms = 1000}, 0));
  EXPECT_TRUE(session->HasCredit(TaskClass::kNormal, 100, now));
  EXPECT_FALSE(session->HasCredit(TaskClass::kHigh, 1, now));
  for (int i = 0; i < 100; ++i) (void)Submit();
  EXPECT_EQ(CollectOne(FrameType::kSubmit).ask().count, 64);
  EXPECT_TRUE(session->HasCredit(TaskClass::kNormal, 1, now));
  ASSERT_TRUE(Deliver(wire::Credits{.window = {0, 0, 70, 0}, .ttl_ms = 1000}, 0));
  EXPECT_EQ(CollectOne(FrameType::kSubmit).ask().count, 6);
  EXPECT_FALSE(session->HasCredit(TaskClass::kNormal, 1, now));
}

// Verdicts tell it, as they would without any credit.
TEST_F(SubmitTest, WhoDoesNotWaitSendsAllOfTheFirst) {
  Start({.wait_for_credit = false});
  ASSERT_TRUE(Deliver(wire::Credits{.window = {64, 64, 64, 64}, .ttl_ms = 1000}, 0));
  for (int i = 0; i < 500; ++i) (void)Submit();
  EXPECT_EQ(CollectOne(FrameType::kSubmit).ask().count, 500U);
  ASSERT_TRUE(Deliver(wire::Credits{.window = {64, 64, 500, 64}, .ttl_ms = 1000}, 0));
  (void)Submit();
  EXPECT_TRUE(Collect(FrameType::kSubmit).empty()) << "by now it is known that there is none";
}

TEST_F(SubmitTest, ExpiredCreditLetsAFewThrough) {
  ASSERT_TRUE(Deliver(wire::Credits{.window = {}, .ttl_ms = 100}, 0));
  for (int i = 0; i < 100; ++i) (void)Submit();
  now += 100ms;
  const Sent first = CollectOne(FrameType::kSubmit);
  EXPECT_EQ(first.ask().count, 64);
  ASSERT_TRUE(Accept(first));
  EXPECT_EQ(CollectOne(FrameType::kSubmit).ask().count, 36);
}

TEST_F(SubmitTest, ExpiredCreditLetsOneFrameThrough) {
  ASSERT_TRUE(Deliver(wire::Credits{.window = {}, .ttl_ms = 100}, 0));
  (void)Submit();
  EXPECT_TRUE(Collect().empty());
  EXPECT_EQ(session->NextTime(now), now + 100ms);
  now += 100ms;
  (void)CollectOne(FrameType::kSubmit);
  (void)Submit();
  EXPECT_TRUE(Collect().empty());  // until the first one's verdict
}

TEST_F(SubmitTest, WhatGetsNoCreditInTimeExpiresUnsent) {
  ASSERT_TRUE(Deliver(wire::Credits{.window = {}, .ttl_ms = 100'000}, 0));
  TaskState* state = Submit({}, {.deadline = 20ms});
  EXPECT_TRUE(Collect().empty());
  EXPECT_EQ(session->NextTime(now), now + 20ms);
  now += 20ms;
  session->OnTime(now);
  EXPECT_EQ(KindOfFailure(state), FailureKind::kExpired);
  EXPECT_EQ(session->unsent(), 0U);
  EXPECT_EQ(session->stats(now).outstanding, 0U);
}

TEST_F(SubmitTest, TasksOfAnOpenRootNeedNoCredit) {
  ASSERT_TRUE(Deliver(wire::Credits{.window = {}, .ttl_ms = 100'000}, 0));
  TaskState* first = session->OpenRoot({.deadline = 1s, .estimated_tasks = 9}, now);
  const Sent open = CollectOne(FrameType::kOpenRoot);
  const auto ask = wire::DecodeOpenRoot(open.view());
  EXPECT_EQ(ask->seq, Seq(first));
  EXPECT_EQ(ask->remaining_us, 1'000'000U);
  ASSERT_TRUE(Verdict({.first_seq = ask->seq, .count = 1, .correlation = open.correlation()}));
  EXPECT_EQ(first->Look(), Phase::kAtNode);
  Terms terms = session->TermsOf(sum, {}, now);
  terms.root = ask->seq;
  (void)session->Submit(terms, {}, {}, now);
  session->CloseRoot(kSession, ask->seq);
  std::vector<Sent> frames = Collect();
  ASSERT_EQ(frames.size(), 1U);  // not closed before its tasks have verdicts
  EXPECT_EQ(frames[0].ask().root, ask->seq);
  ASSERT_TRUE(Accept(frames[0]));
  (void)CollectOne(FrameType::kCloseRoot);
}

// ---- numbers

TEST_F(SubmitTest, NumbersDoNotRunAheadOfWhatIsUnanswered) {
  Start({.max_batch = 1000});
  std::vector<Sent> sent;
  for (int i = 0; i < 100; ++i) {
    for (int j = 0; j < 1000; ++j) (void)Submit();
    for (Sent& frame : Collect(FrameType::kSubmit)) sent.push_back(frame);
  }
  EXPECT_EQ(sent.size(), 60U);
  ASSERT_TRUE(Accept(sent[0]));
  EXPECT_EQ(Collect(FrameType::kSubmit).size(), 1U);
}

TEST_F(SubmitTest, WhatWaitedForLongIsNumberedAnew) {
  Start({.max_batch = 1000});
  ASSERT_TRUE(Deliver(wire::Credits{.window = {0, 0, 1 << 20, 0}, .ttl_ms = 1 << 20}, 0));
  TaskState* waits = Submit({}, {.cls = TaskClass::kSheddable});
  EXPECT_TRUE(Collect().empty());
  for (int i = 0; i < 70; ++i) {
    for (int j = 0; j < 1000; ++j) (void)Submit();
    for (const Sent& frame : Collect(FrameType::kSubmit)) ASSERT_TRUE(Accept(frame));
  }
  ASSERT_TRUE(Deliver(wire::Credits{.window = {0, 0, 1 << 20, 1}, .ttl_ms = 1 << 20}, 0));
  const Sent frame = CollectOne(FrameType::kSubmit);
  EXPECT_GT(frame.ask().first_seq, 70'000U);
  EXPECT_EQ(Seq(waits), frame.ask().first_seq);
  ASSERT_TRUE(Accept(frame));
  ASSERT_TRUE(Result(Seq(waits), "here"));
  EXPECT_EQ(AsText(waits->value.view()), "here");
}

}  // namespace
}  // namespace spillgate::client
