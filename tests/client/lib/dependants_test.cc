// Tasks whose arguments were refused and go again: they follow, whatever came back first.
#include "tests/client/lib/session_fixture.h"

namespace spillgate::client {
namespace {

using wire::FrameType;
using wire::VerdictStatus;

class DependantsTest : public SessionFixture {
 protected:
  // Takes one argument, the result of another task.
  TaskState* After(TaskState* maker, const SubmitOptions& options = {}) {
    const std::vector<Arg> args{Of(maker)};
    return Submit(args, options);
  }
  bool NeverAccepted(TaskState* state, TaskState* argument) {
    return Failed(Seq(state), Fate::kFailed, Reason::kDependencyFailed, {kSession, Seq(argument)},
                  "it was never accepted");
  }
  void AcceptAll(const std::vector<Sent>& frames) {
    for (const Sent& frame : frames) ASSERT_TRUE(Accept(frame));
  }
  void Reconnect() {
    session->OnLost(now);
    session->OnWelcome(WelcomeOf(kSession, true, 1), now);
    session->EndTurn(now);
  }
};

TEST_F(DependantsTest, AFailureThatComesBeforeItsVerdictIsNoneEither) {
  TaskState* f = Submit();
  TaskState* g = After(f, {.level = Level::kAsync});
  TaskState* h = After(g, {.level = Level::kAsync});
  const std::vector<Sent> frames = Collect(FrameType::kSubmit);
  ASSERT_EQ(frames.size(), 2U);
  ASSERT_TRUE(Verdict(frames[0], VerdictStatus::kRejected, Reason::kInFlight));
  ASSERT_TRUE(NeverAccepted(g, f));  // its record is on the disk, and the verdict on its way
  ASSERT_TRUE(NeverAccepted(h, g));
  EXPECT_TRUE(g->pending() && h->pending());
  ASSERT_TRUE(Accept(frames[1])) << "which is too late to matter";
  AcceptAll(Later());
  ASSERT_TRUE(Result(Seq(f), "f"));
  ASSERT_TRUE(Result(Seq(g), "g"));
  ASSERT_TRUE(Result(Seq(h), "h"));
  EXPECT_EQ(g->Look(), Phase::kHere);
  EXPECT_EQ(h->Look(), Phase::kHere);
}

TEST_F(DependantsTest, NorIsOneThatIsPushedAgainWhenTheVerdictWasLost) {
  TaskState* f = Submit();
  TaskState* g = After(f);
  const std::vector<Sent> frames = Collect(FrameType::kSubmit);
  ASSERT_EQ(frames.size(), 2U);
  Reconnect();
  ASSERT_TRUE(NeverAccepted(g, f)) << "whether f was accepted nobody here knows";
  EXPECT_TRUE(g->pending());
  for (int i = 0; i < 3; ++i) AcceptAll(Later());
  ASSERT_TRUE(Result(Seq(f), "f"));
  ASSERT_TRUE(Result(Seq(g), "g"));
  EXPECT_EQ(g->Look(), Phase::kHere);
}

TEST_F(DependantsTest, AFailureOfAnArgumentThatRanIsOne) {
  TaskState* f = Submit();
  TaskState* g = After(f);
  AcceptAll(Collect(FrameType::kSubmit));
  ASSERT_TRUE(Failed(Seq(f), Fate::kFailed, Reason::kTaskError, {}, "no"));
  ASSERT_TRUE(Failed(Seq(g), Fate::kFailed, Reason::kDependencyFailed, {kSession, Seq(f)}, "f"));
  EXPECT_EQ(KindOfFailure(g), FailureKind::kDependencyFailed);
  EXPECT_TRUE(Later().empty());
}

TEST_F(DependantsTest, WhoWaitsForAValueThatHasToBeFetchedIsGivenIt) {
  TaskState* f = Submit();
  TaskState* g = After(f, {.push = false});
  Waiter waiter(1);
  ASSERT_TRUE(session->Watch(*g, waiter, true));
  session->Fetch(*g, kNever);
  const std::vector<Sent> frames = Collect(FrameType::kSubmit);
  ASSERT_EQ(frames.size(), 2U);
  ASSERT_TRUE(Accept(frames[1]));
  const std::uint64_t old = Seq(g);
  ASSERT_TRUE(Verdict(frames[0], VerdictStatus::kRejected, Reason::kInFlight));
  ASSERT_NE(Seq(g), old);
  now += 1s;
  std::vector<Sent> said = Collect(true);
  for (const Sent& frame : said) {
    if (frame.type() == FrameType::kGet) {
      ASSERT_TRUE(NoResult(old, Reason::kNotFound, frame.correlation()));
    }
  }
  for (const Sent& frame : said) {
    if (frame.type() != FrameType::kSubmit) continue;
    ASSERT_TRUE(Accept(frame));
  }
  const Sent asked = CollectOne(FrameType::kGet, true);
  const auto get = wire::DecodeGet(asked.view());
  ASSERT_TRUE(get.has_value());
  ASSERT_EQ(get->ids.size(), 1U);
  EXPECT_EQ(get->ids[0].task.seq, Seq(g));
}

TEST_F(DependantsTest, WhatTheNodeCouldNotTellGoesBeforeThemAfterAReconnect) {
  TaskState* f = Submit();
  TaskState* g = After(f);
  const std::vector<Sent> frames = Collect(FrameType::kSubmit);
  ASSERT_TRUE(Verdict(frames[0], VerdictStatus::kUnknown));
  Reconnect();
  const std::vector<Sent> again = Collect(FrameType::kSubmit);
  ASSERT_EQ(again.size(), 2U);
  EXPECT_EQ(again[0].ask().first_seq, Seq(f));
  EXPECT_EQ(again[1].ask().first_seq, Seq(g));
  EXPECT_TRUE(Later().empty());
}

}  // namespace
}  // namespace spillgate::client
