// Who brings roots without credit, by opening them or by joining them to none, takes no room for
// which others of its tenant hold back.
#include <gtest/gtest.h>

#include <vector>

#include "schema/submit.h"
#include "tests/server/net/door_bench.h"

namespace spillgate::net {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

constexpr TaskClass kNormal = TaskClass::kNormal;

class DoorCrowdsTest : public DoorTest {
 protected:
  DoorCrowdsTest() {
    session_ = Hello(listener, {}).session;
    opener_session_ = Hello(opener, {}).session;
    pipeline.StepOnly();
    Round();
  }

  // As the listener of a node does it, for all.
  void Round() {
    CreditRound& round = door.credit_round();
    round.Begin(door.Places(), bench.now());
    std::vector<Sender> senders{{.visitor = &listener}, {.visitor = &opener}};
    door.SetRoom(senders, bench.now());
    for (const Sender& sender : senders) round.Add(door.PartyOf(sender, bench.now()));
    for (const CreditRound::Party& party : round.Deal()) {
      (void)party.window->Renew(party.shares, party.load_level, bench.now());
    }
  }
  // The tenant has as much unfinished as its bound leaves for normal roots, but for so many.
  void Fill(std::uint32_t but_for) {
    if (!filled_) {
      MutexLock lock(bench.table.mutex());
      Session* session = bench.table.FindSession(session_);
      for (std::uint64_t seq = 1000; seq < 1100; ++seq) {
        bench.table.Accept({session->id, seq}, *session, bench.table.MakeRoot(), nullptr);
      }
      filled_ = true;
    }
    SetBound(((100 + but_for) * 10 + 7) / 8);  // of which their class has eight tenths
  }
  void SetBound(std::uint32_t tasks) {
    bench.tenants.Set(bench.tenants.At(listener.tenant).name, 1, tasks);
  }
  // It has used up what it was told, and waits.
  void HoldBack(Visitor& visitor) {
    const auto left = static_cast<std::uint32_t>(visitor.credits.Left(kNormal));
    visitor.credits.NoteSent(kNormal, left, bench.now());
  }
  // There was no room, and the round has told so; since then some has come free.
  void FreeSinceTheRound() {
    Fill(0);
    Round();
    SetBound(1000);
  }

  template <class Message>
  void Say(Visitor& from, const Message& message) {
    wire::OutBuffer out;
    wire::Encode(message, 7, out);
    door.OnFrame(from, wire::View(out.view()), out.view(), bench.now());
  }
  // Opens a root; whether it is let in.
  bool Open(Visitor& from, TaskClass cls = kNormal) {
    const std::size_t before = from.verdicts.size();
    Say(from, wire::OpenRoot{.seq = next_seq_++, .cls = cls});
    EXPECT_FALSE(door.HandOn(bench.now()));
    return from.verdicts.size() == before;
  }
  // Sends tasks that join a root which is not there; whether they may be roots themselves.
  bool MayJoin(Visitor& from) {
    Passed();
    wire::SubmitWriter writer;
    const std::uint64_t seq = next_seq_++;
    writer.Begin({.flags = wire::kJoin, .function = function, .root = 99, .first_seq = seq});
    writer.BeginTask();
    wire::OutBuffer out;
    writer.Finish(9, 0, out);
    door.OnFrame(from, wire::View(out.view()), out.view(), bench.now());
    EXPECT_FALSE(door.HandOn(bench.now()));
    const std::vector<Received> passed = Passed();
    EXPECT_EQ(passed.size(), 1U) << "some other may be there to join";
    return passed.size() == 1 && !passed.front().exceeds_credit;
  }
  // Of those so many were roots, as submission found out.
  void JoinedNone(std::uint32_t roots) {
    MutexLock lock(bench.table.mutex());
    bench.table.FindSession(opener_session_)->joined_none[Index(kNormal)] += roots;
  }
  std::vector<Received> Passed() {
    std::vector<Submission::In> events;
    submission.Take(events, 1000);
    std::vector<Received> frames;
    for (Submission::In& event : events) frames.push_back(std::get<Received>(std::move(event)));
    return frames;
  }

  Visitor listener = Visit();
  Visitor opener = Visit();
  const FunctionId function = bench.AddFunction("f", 1000);

 private:
  SessionId session_ = 0;
  SessionId opener_session_ = 0;
  std::uint64_t next_seq_ = 1;
  bool filled_ = false;
};

TEST_F(DoorCrowdsTest, WhoOpensRootsTakesNoRoomForWhichOthersHoldBack) {
  ASSERT_EQ(listener.tenant, opener.tenant);
  EXPECT_TRUE(Open(opener));
  HoldBack(listener);
  FreeSinceTheRound();
  EXPECT_FALSE(Open(opener));
  const wire::Verdict& verdict = opener.verdicts.back();
  EXPECT_EQ(verdict.reason, Reason::kInFlight);
  EXPECT_EQ(verdict.retry_after_us, 1000U);
  EXPECT_EQ(opener.shed, 1U) << "for load alone";
  EXPECT_TRUE(Open(opener, TaskClass::kCritical)) << "nobody waits for that";
  Round();
  EXPECT_TRUE(Open(opener)) << "the other may send now";
  EXPECT_FALSE(opener.credits.ignores(kNormal, bench.now())) << "it may open without credit";
}

TEST_F(DoorCrowdsTest, WhereNobodyHoldsBackTheyNeedNoCredit) {
  EXPECT_TRUE(Open(opener));
  FreeSinceTheRound();
  EXPECT_TRUE(Open(opener));
  bench.in_flight.Force(60, 0);
  EXPECT_TRUE(Open(opener)) << "though the node is more than half full";
}

TEST_F(DoorCrowdsTest, WhoHoldsBackItselfOpensRootsAllTheSame) {
  HoldBack(listener);
  EXPECT_TRUE(Open(listener));
  FreeSinceTheRound();
  EXPECT_TRUE(Open(listener));
  EXPECT_FALSE(Open(opener)) << "others heed that it holds back";
}

// As one that listens has it.
TEST_F(DoorCrowdsTest, WhoOpensRootsHasItsPart) {
  EXPECT_TRUE(Open(opener));
  HoldBack(listener);
  Fill(1);
  Round();
  SetBound(1000);
  EXPECT_TRUE(Open(opener)) << "it keeps one of what it was told";
  EXPECT_FALSE(Open(opener));
}

TEST_F(DoorCrowdsTest, WhoGoesOnWhateverItIsRefusedIsServedAfterTheOthers) {
  EXPECT_TRUE(Open(opener));
  HoldBack(listener);
  FreeSinceTheRound();
  for (int i = 0; i < 300; ++i) {
    bench.clock.Advance(microseconds(100));
    EXPECT_FALSE(Open(opener));
    opener.verdicts.clear();
  }
  EXPECT_TRUE(opener.credits.ignores(kNormal, bench.now()));
  EXPECT_FALSE(opener.credits.ignores(TaskClass::kCritical, bench.now()));
}

TEST_F(DoorCrowdsTest, WhoComesAgainWhenItIsToldToIsServedAsTheOthersAre) {
  EXPECT_TRUE(Open(opener));
  HoldBack(listener);
  FreeSinceTheRound();
  for (int i = 0; i < 500; ++i) {
    bench.clock.Advance(milliseconds(2));
    EXPECT_FALSE(Open(opener)) << i;
    opener.verdicts.clear();
  }
  EXPECT_FALSE(opener.credits.ignores(kNormal, bench.now()));
}

// What may be there already is submission's to look up.
TEST_F(DoorCrowdsTest, WhatIsDecidedLaterIsToldOfIt) {
  EXPECT_TRUE(Open(opener));
  HoldBack(listener);
  FreeSinceTheRound();
  Passed();
  Say(opener, wire::OpenRoot{.seq = 1});
  EXPECT_FALSE(door.HandOn(bench.now()));
  const std::vector<Received> passed = Passed();
  ASSERT_EQ(passed.size(), 1U);
  EXPECT_TRUE(passed.front().exceeds_credit);
}

// Of tasks that were to join a root the door hears later whether they are some.
TEST_F(DoorCrowdsTest, JoinersThatAreRootsHaveTheShareOfRoots) {
  EXPECT_TRUE(MayJoin(opener));
  HoldBack(listener);
  JoinedNone(1);
  FreeSinceTheRound();
  EXPECT_FALSE(MayJoin(opener));
  Round();
  EXPECT_TRUE(MayJoin(opener));
  EXPECT_FALSE(opener.credits.ignores(kNormal, bench.now())) << "it could not know";
}

TEST_F(DoorCrowdsTest, WhatTheyAreLikeIsWhatIsOpenedNext) {
  submission.Use(flow::MakeController("work_bound"));
  bench.account.SetBusyUntil(kCpu, bench.now() + milliseconds(50));
  std::vector<Sender> senders{{.visitor = &opener}};
  door.SetRoom(senders, bench.now());
  const auto fits = [&] { return door.PartyOf(senders[0], bench.now()).fits[Index(kNormal)]; };
  EXPECT_GT(fits(), 0U) << "it has sent nothing";
  Say(opener, wire::OpenRoot{.seq = 1, .remaining_us = 20'000, .slot_time_ns = 1'000'000});
  EXPECT_EQ(fits(), 0U) << "what runs leaves it no chance";
  Say(opener, wire::OpenRoot{.seq = 2, .remaining_us = 10'000'000, .slot_time_ns = 1'000'000});
  EXPECT_GT(fits(), 0U);
}

}  // namespace
}  // namespace spillgate::net
