// What connections are told that they may send, by what holds their tenant and their client.
#include <gtest/gtest.h>

#include "core/model/work_promise.h"
#include "schema/submit.h"
#include "stages/quotas.h"
#include "tests/server/net/door_bench.h"

namespace spillgate::net {
namespace {

class DoorCreditsTest : public DoorTest {
 protected:
  DoorCreditsTest() {
    submission.Use(flow::MakeController("work_bound"));
    welcome_ = Hello(visitor, {});
    pipeline.StepOnly();
  }
  CreditRound::Party Party(Visitor& of) {
    std::vector<Sender> senders{{.visitor = &of}};
    door.SetRoom(senders, bench.now());
    return door.PartyOf(senders.front(), bench.now());
  }
  void Send(Visitor& from, std::uint64_t remaining_us) {
    wire::SubmitWriter writer;
    writer.Begin({.function = function, .remaining_us = remaining_us, .first_seq = next_seq_++});
    writer.BeginTask();
    wire::OutBuffer out;
    writer.Finish(9, 0, out);
    door.OnFrame(from, wire::View(out.view()), out.view(), bench.now());
  }
  // Unfinished tasks of the visitor's tenant, and client.
  void Bring(std::uint32_t tasks) {
    MutexLock lock(bench.table.mutex());
    Session* session = bench.table.FindSession(welcome_.session);
    for (std::uint32_t i = 0; i < tasks; ++i) {
      bench.table.Accept({session->id, 1000 + next_seq_++}, *session, bench.table.MakeRoot(),
                         nullptr);
    }
  }
  Session& session() {
    MutexLock lock(bench.table.mutex());
    return *bench.table.FindSession(welcome_.session);
  }
  // It is told that it may send one, and sends it so long after that.
  void AnswerAfter(Nanos time) {
    Shares one{};
    one.fill(1);
    EXPECT_TRUE(visitor.credits.Renew(one, 0, bench.now()).has_value());
    bench.clock.Advance(time);
    Send(visitor, 20'000);
  }
  void Set(std::uint32_t in_flight, const Quotas& quotas = {}) {
    bench.tenants.Set(bench.tenants.At(visitor.tenant).name, 1, in_flight, quotas);
  }

  Visitor visitor = Visit();
  const FunctionId function = bench.AddFunction("f", 1000);

 private:
  wire::Welcome welcome_;
  std::uint64_t next_seq_ = 1;
};

TEST_F(DoorCreditsTest, AreTheFirstThatANewConnectionHears) {
  EXPECT_TRUE(door.TakeWantsCredit());
  EXPECT_FALSE(door.TakeWantsCredit());
  CreditRound& round = door.credit_round();
  round.Begin(door.Places(), bench.now());
  round.Add(Party(visitor));
  const auto told = visitor.credits.Renew(round.Deal().front().shares, 0, bench.now());
  ASSERT_TRUE(told.has_value());
  for (const std::uint64_t window : told->window) {
    EXPECT_GT(window, 0U);
    EXPECT_LE(window, 64U) << "to see";
  }
}

TEST_F(DoorCreditsTest, AreNoMoreThanItsTenantMayHave) {
  Set(100);
  Bring(45);
  const CreditRound::Party party = Party(visitor);
  EXPECT_EQ(party.fits[Index(TaskClass::kCritical)], 55U);
  EXPECT_EQ(party.fits[Index(TaskClass::kNormal)], 35U) << "of which a class has its part";
  EXPECT_EQ(party.fits[Index(TaskClass::kSheddable)], 5U);
  EXPECT_GT(party.own, 1'000'000U) << "its client has no quota";
}

TEST_F(DoorCreditsTest, AreNoMoreThanItsClientMayBring) {
  Set(100, {.client_in_flight = 50});
  Bring(45);
  EXPECT_EQ(Party(visitor).own, 5U);
  EXPECT_FALSE(Party(visitor).awaits_time);
  Set(100, {.client_rate = 3});
  EXPECT_EQ(Party(visitor).own, 3U);
  session().rate.Take(3);
  EXPECT_EQ(Party(visitor).own, 0U);
  EXPECT_TRUE(Party(visitor).awaits_time);
}

// Each of its clients is not told of all of it.
TEST_F(DoorCreditsTest, ShareHowFastThoseOfItsTenantMayCome) {
  Set(100, {.rate = 3});
  const CreditRound::Party party = Party(visitor);
  EXPECT_EQ(party.fits[Index(TaskClass::kCritical)], 3U);
  EXPECT_GT(party.own, 1'000'000U);
}

// What it is refused then says why there is no more.
TEST_F(DoorCreditsTest, AreOneAtATimeWhereResultsAreLeft) {
  bench.limits.unfetched_per_session = 10;
  session().unfetched = 10;
  EXPECT_EQ(Party(visitor).own, 1U);
  session().unfetched = 9;
  EXPECT_GT(Party(visitor).own, 1U);
}

// Two slots do sixty such roots in that time.
TEST_F(DoorCreditsTest, CoverTheWayToAClientThatIsFarAwayAndNoMoreThanThereArePlaces) {
  constexpr std::size_t kNormal = Index(TaskClass::kNormal);
  bench.costs.Learn(function, std::chrono::milliseconds(1));
  Send(visitor, 20'000);
  const std::uint64_t near = Party(visitor).fits[kNormal];
  AnswerAfter(std::chrono::milliseconds(30));
  const std::uint64_t far = Party(visitor).fits[kNormal];
  EXPECT_GT(far, near + 50);
  EXPECT_LT(far, near + 70);
  for (int i = 0; i < 40; ++i) AnswerAfter(CreditWindow::kMostSample);
  EXPECT_GT(Party(visitor).fits[kNormal], far + 100);
  CreditRound& round = door.credit_round();
  const Shares places = door.Places();
  round.Begin(places, bench.now());
  round.Add(Party(visitor));
  EXPECT_LE(round.Deal().front().shares[kNormal], places[kNormal]);
  EXPECT_LE(places[kNormal], 80U) << "of the hundred that there are";
}

TEST_F(DoorCreditsTest, TheLoadTheyTellOfIsThatOfTheirOwnRoots) {
  bench.costs.Learn(function, std::chrono::milliseconds(1));
  Visitor patient = Visit();
  (void)Hello(patient, {});
  Visitor undated = Visit();
  (void)Hello(undated, {});
  const WorkPromise waits(bench.account, {.cls = TaskClass::kNormal, .tenant = visitor.tenant},
                          bench.Takes(std::chrono::milliseconds(1)), 100);
  bench.account.EndPass();
  Send(visitor, 20'000);
  Send(patient, 10'000'000);
  const std::uint8_t hurried = Party(visitor).load_level;
  EXPECT_GT(hurried, 100U) << "as much waits as may";
  EXPECT_LT(Party(patient).load_level, hurried);
  EXPECT_EQ(Party(undated).load_level, admission.PlacesTaken()) << "it has sent nothing";
  Send(undated, 0);
  ASSERT_EQ(Party(visitor).load_level, hurried);
  EXPECT_EQ(Party(undated).load_level, admission.LevelOfPlaces(undated.tenant, TaskClass::kNormal))
      << "its root waits for as long as it takes";
}

}  // namespace
}  // namespace spillgate::net
