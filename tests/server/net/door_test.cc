// Door: who comes in, and to which session.
#include "server/net/door.h"

#include <gtest/gtest.h>

#include <utility>

#include "tests/server/net/door_bench.h"

namespace spillgate::net {
namespace {

TEST_F(DoorTest, ASessionIsResumedByWhoHasItsToken) {
  Visitor first = Visit();
  const wire::Welcome welcome = Hello(first, {});
  EXPECT_FALSE(welcome.resumed);
  Disconnect(welcome.session);
  Visitor second = Visit();
  const wire::Welcome again = Hello(second, Resume(welcome));
  EXPECT_TRUE(again.resumed);
  EXPECT_EQ(again.session, welcome.session);
  wire::Hello guess = Resume(welcome);
  guess.resume_token[0] ^= std::byte{1};
  Visitor third = Visit();
  EXPECT_FALSE(Hello(third, guess).resumed);
}

TEST_F(DoorTest, NobodyResumesASessionThatIsBeingEnded) {
  Visitor first = Visit();
  const wire::Welcome welcome = Hello(first, {});
  Disconnect(welcome.session);
  bench.clock.Advance(kTtl + Nanos(1));
  door.ExpireSessions(bench.now(), kTtl, kTtl);
  door.ExpireSessions(bench.now(), kTtl, kTtl);
  EXPECT_EQ(publication.waiting(), 1U) << "told once";
  Visitor second = Visit();
  const wire::Welcome fresh = Hello(second, Resume(welcome));
  EXPECT_FALSE(fresh.resumed);
  EXPECT_NE(fresh.session, welcome.session);
}

TEST_F(DoorTest, TheSessionThatMakesRoomIsNotResumed) {
  Visitor first = Visit();
  const wire::Welcome oldest = Hello(first, {});
  Disconnect(oldest.session);
  bench.clock.Advance(Nanos(1));
  for (std::size_t i = 2; i < kSessions; ++i) {
    Visitor next = Visit();
    Disconnect(Hello(next, {}).session);
    bench.clock.Advance(Nanos(1));
  }
  Visitor one_more = Visit();
  EXPECT_NE(Hello(one_more, {}).session, 0U);
  Visitor back = Visit();
  EXPECT_FALSE(Hello(back, Resume(oldest)).resumed);
}

TEST_F(DoorTest, WhoOpensManySessionsPushesOutTheirOwn) {
  Visitor alone = Visit();
  wire::Hello by_name;
  by_name.name = "ada";
  const wire::Welcome ada = Hello(alone, by_name);
  Disconnect(ada.session);
  bench.clock.Advance(Nanos(1));
  SessionId latest = 0;
  for (int i = 0; i < 2; ++i) {
    Visitor again = Visit();
    by_name.name = "bob";
    latest = Hello(again, by_name).session;
    Disconnect(latest);
    bench.clock.Advance(Nanos(1));
  }
  Visitor one_more = Visit();
  EXPECT_NE(Hello(one_more, by_name).session, 0U);
  Visitor back = Visit();
  EXPECT_TRUE(Hello(back, Resume(ada)).resumed) << "although it was away for longer";
}

// New roots are decided on before their frame is copied.
class DoorAdmissionTest : public DoorTest {
 protected:
  DoorAdmissionTest() {
    submission.Use(flow::MakeController("bound"));
    (void)Hello(visitor, {});
    visitor.connection->out().Clear();
    pipeline.StepOnly();
  }
  void Submit(wire::SubmitPreamble ask, std::uint32_t tasks = 1) {
    ask.function = function;
    ask.first_seq = next_seq;
    next_seq += tasks;
    writer.Begin(ask);
    for (std::uint32_t i = 0; i < tasks; ++i) writer.BeginTask();
    wire::OutBuffer out;
    writer.Finish(9, 0, out);
    door.OnFrame(visitor, wire::View(out.view()), out.view(), bench.now());
  }
  template <class Message>
  void Say(const Message& message) {
    wire::OutBuffer out;
    wire::Encode(message, 7, out);
    door.OnFrame(visitor, wire::View(out.view()), out.view(), bench.now());
  }
  // What the visitor was told at the end of the read.
  std::vector<wire::Verdict> Told() {
    door.AnswerRefused(visitor);
    EXPECT_FALSE(door.HandOn(bench.now()));
    if (visitor.connection->out().empty()) return {};
    const auto told = wire::ReadVerdicts(wire::View(visitor.connection->out().view()));
    EXPECT_TRUE(told.has_value());
    std::vector<wire::Verdict> verdicts(told->begin(), told->end());
    visitor.connection->out().Clear();
    return verdicts;
  }
  Received Passed() {
    std::vector<Submission::In> events;
    submission.Take(events, 1);
    EXPECT_EQ(events.size(), 1U);
    return events.empty() ? Received() : std::get<Received>(std::move(events.front()));
  }
  [[nodiscard]] std::uint64_t Refused(Reason reason) const {
    return bench.tally.submission[0].refused[static_cast<std::size_t>(reason)].get();
  }

  Visitor visitor = Visit();
  const FunctionId function = bench.AddFunction("f", 1000);
  wire::SubmitWriter writer;
  std::uint64_t next_seq = 1;
};

TEST_F(DoorAdmissionTest, WhatLoadHasNoRoomForGoesNoFurther) {
  bench.in_flight.Force(99, 0);
  Submit({.cls = TaskClass::kCritical}, 2);
  Submit({.cls = TaskClass::kCritical}, 2);
  const std::vector<wire::Verdict> told = Told();
  ASSERT_EQ(told.size(), 1U) << "the first two had room for one";
  EXPECT_EQ(told[0].status, wire::VerdictStatus::kRejected);
  EXPECT_EQ(told[0].reason, Reason::kInFlight);
  EXPECT_EQ(told[0].first_seq, 3U);
  EXPECT_EQ(told[0].count, 2U);
  EXPECT_EQ(told[0].correlation, 9U);
  EXPECT_GE(told[0].retry_after_us, 1000U);
  EXPECT_EQ(Refused(Reason::kInFlight), 2U);
  EXPECT_EQ(visitor.refused, 1U);
  EXPECT_EQ(submission.waiting(), 1U);
  EXPECT_EQ(Passed().ruling.admitted, 1U);
  EXPECT_EQ(bench.in_flight.count(), 100);
}

TEST_F(DoorAdmissionTest, WhatWaitedTooLongInTheKernelIsExpired) {
  visitor.transit = {};
  writer.Begin({.function = function, .remaining_us = 500, .first_seq = 1});
  writer.BeginTask();
  wire::OutBuffer fresh;
  writer.Finish(1, 10'000, fresh);
  wire::OutBuffer stale;
  writer.Finish(2, 9'000, stale);
  door.OnFrame(visitor, wire::View(fresh.view()), fresh.view(), bench.now());
  door.OnFrame(visitor, wire::View(stale.view()), stale.view(), bench.now());
  const std::vector<wire::Verdict> told = Told();
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0].reason, Reason::kExpired);
  EXPECT_EQ(told[0].correlation, 2U);
  EXPECT_EQ(told[0].retry_after_us, 0U) << "it will not be younger";
}

TEST_F(DoorAdmissionTest, WhatMayHaveBeenAcceptedIsLookedUpFirst) {
  bench.in_flight.Force(100, 0);
  Submit({.attempt = 1});
  Submit({.root = 77});
  EXPECT_TRUE(Told().empty());
  EXPECT_EQ(submission.waiting(), 2U);
  EXPECT_EQ(Passed().ruling.admitted, 0U);
}

TEST_F(DoorAdmissionTest, NothingOfARootThatIsNotOpenedGoesFurther) {
  bench.in_flight.Force(100, 0);
  Say(wire::OpenRoot{.seq = 5, .estimated_tasks = 10});
  next_seq = 6;
  Submit({.root = 5}, 10);
  Say(wire::CloseRoot{.seq = 5});
  const std::vector<wire::Verdict> told = Told();
  ASSERT_EQ(told.size(), 2U);
  EXPECT_EQ(told[0].status, wire::VerdictStatus::kRejected);
  EXPECT_EQ(told[0].reason, Reason::kInFlight);
  EXPECT_EQ(told[0].first_seq, 5U);
  EXPECT_EQ(told[0].count, 1U);
  EXPECT_EQ(told[0].correlation, 7U);
  EXPECT_GE(told[0].retry_after_us, 1000U);
  EXPECT_EQ(told[1].reason, Reason::kUnknownRoot);
  EXPECT_EQ(told[1].count, 10U);
  EXPECT_EQ(told[1].retry_after_us, 0U);
  EXPECT_EQ(Refused(Reason::kUnknownRoot), 10U);
  EXPECT_EQ(visitor.refused, 3U) << "each of them took its time";
  EXPECT_EQ(visitor.shed, 3U) << "for load alone";
  writer.Begin({.function = 9999, .first_seq = 50});
  writer.BeginTask();
  wire::OutBuffer rubbish;
  writer.Finish(9, 0, rubbish);
  door.OnFrame(visitor, wire::View(rubbish.view()), rubbish.view(), bench.now());
  EXPECT_EQ(visitor.refused, 4U);
  EXPECT_EQ(visitor.shed, 3U) << "there is no such function";
  EXPECT_EQ(submission.waiting(), 0U);
}

TEST_F(DoorAdmissionTest, ARootThatIsLetInComesWithItsRuling) {
  submission.Use(flow::MakeController("work_bound"));
  Say(wire::OpenRoot{.seq = 5, .remaining_us = 5'000'000, .estimated_tasks = 10});
  Submit({.root = 5}, 10);
  Say(wire::CloseRoot{.seq = 5});
  EXPECT_TRUE(Told().empty());
  EXPECT_EQ(submission.waiting(), 3U);
  const Ruling ruling = Passed().ruling;
  EXPECT_EQ(ruling.admitted, 1U);
  EXPECT_EQ(ruling.deadline, bench.now() + std::chrono::seconds(5));
  EXPECT_EQ(ruling.line, admission.Line(TaskClass::kNormal, std::chrono::seconds(5), Nanos(0)));
  EXPECT_GT(ruling.line, 0U);
}

// Of one read: none has come to submission yet.
TEST_F(DoorAdmissionTest, RootsThatWereLetInCountForThoseBehindThem) {
  submission.Use(flow::MakeController("work_bound"));
  for (std::uint64_t seq = 1; seq <= 50; ++seq) {
    Say(wire::OpenRoot{
        .seq = seq, .remaining_us = 20'000, .estimated_tasks = 5, .slot_time_ns = 1'000'000});
  }
  const std::size_t refused = Told().size();
  EXPECT_GT(refused, 40U) << "of five milliseconds each";
  EXPECT_LT(refused, 50U);
  EXPECT_EQ(submission.waiting(), 50U - refused);
}

TEST_F(DoorAdmissionTest, WhatMayJoinOrBeSomethingElseIsPassedOn) {
  bench.in_flight.Force(100, 0);
  Say(wire::OpenRoot{.seq = 5});
  EXPECT_EQ(Told().size(), 1U);
  Submit({.flags = wire::kJoin, .root = 5});
  Submit({.attempt = 1, .root = 5});
  next_seq = 5;
  Submit({.root = 77});  // it has that number now
  Submit({.root = 5});
  EXPECT_TRUE(Told().empty());
  EXPECT_EQ(submission.waiting(), 4U);
}

TEST_F(DoorAdmissionTest, ARootThatMayBeOpenIsLookedUpFirst) {
  Say(wire::OpenRoot{.seq = 5});
  bench.in_flight.Force(100, 0);
  Say(wire::OpenRoot{.seq = 5});  // it has not heard yet
  Say(wire::OpenRoot{.seq = 4});
  EXPECT_TRUE(Told().empty());
  EXPECT_EQ(submission.waiting(), 3U);
  Say(wire::OpenRoot{.seq = 6});
  EXPECT_EQ(Told().size(), 1U);
}

TEST_F(DoorAdmissionTest, ARootThatPassedBeforeTheDoorDecidedIsLookedUpFirst) {
  bench.signals.draining = true;
  Say(wire::OpenRoot{.seq = 5});
  bench.signals.draining = false;
  bench.in_flight.Force(100, 0);
  Say(wire::OpenRoot{.seq = 5});
  EXPECT_TRUE(Told().empty());
  EXPECT_EQ(submission.waiting(), 2U);
}

TEST_F(DoorAdmissionTest, ARootOfAResumedSessionIsLookedUpFirst) {
  Visitor first = Visit();
  const wire::Welcome welcome = Hello(first, {});
  Disconnect(welcome.session);
  visitor = Visit();
  (void)Hello(visitor, Resume(welcome));
  visitor.connection->out().Clear();
  bench.in_flight.Force(100, 0);
  Say(wire::OpenRoot{.seq = 5});
  EXPECT_TRUE(Told().empty());
  EXPECT_EQ(submission.waiting(), 1U);
}

TEST_F(DoorAdmissionTest, AStageOnAThreadOfItsOwnDecidesItself) {
  submission.runnable()->pool()->Unbind();
  bench.in_flight.Force(100, 0);
  Submit({});
  Say(wire::OpenRoot{.seq = 5});
  EXPECT_TRUE(Told().empty());
  EXPECT_EQ(submission.waiting(), 2U);
}

}  // namespace
}  // namespace spillgate::net
