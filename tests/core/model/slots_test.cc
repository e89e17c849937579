// Who gets slots when the runs of some functions are long, or wait for something outside.
#include <gtest/gtest.h>

#include "tests/core/model/ready_bench.h"
#include "tests/core/model/slot_bench.h"

namespace spillgate {
namespace {

class TwoSlots : public testing::SlotBench {
 protected:
  TwoSlots() : SlotBench(2) {}
  // 1 ms, 100 ms and 10 s: 0.7 of two slots, each a third of it.
  static std::vector<Part> HeavyTail() {
    return {{.name = "short", .service_ms = 1, .per_ms = 0.467, .deadline_ms = 20},
            {.name = "middle", .service_ms = 100, .per_ms = 0.00467, .deadline_ms = 2e3},
            {.name = "long", .service_ms = 1e4, .per_ms = 0.0000467, .deadline_ms = 2e5}};
  }
};

TEST_F(TwoSlots, LongRunsLeaveOneForShortOnes) {
  std::vector<Part> parts = HeavyTail();
  Run(parts, 1e6);
  EXPECT_GE(parts[0].success(), 0.99);
  EXPECT_GT(parts[2].ran, 20U);
}

TEST_F(TwoSlots, WithoutThatShortOnesDoNotGetThrough) {
  options_.learned_limits = false;
  ready_.Apply(options_);
  std::vector<Part> parts = HeavyTail();
  Run(parts, 1e6);
  EXPECT_LE(parts[0].success(), 0.9);
}

TEST_F(TwoSlots, LongRunsAloneHaveBoth) {
  std::vector<Part> parts{{.name = "long", .service_ms = 1e4, .per_ms = 0.001, .deadline_ms = 1e9}};
  Run(parts, 1e5);
  EXPECT_EQ(running(), 2U);
  EXPECT_GE(parts[0].ran, 14U);
}

TEST_F(TwoSlots, TheLastOneIsKeptForASecondAtMost) {
  std::vector<Part> parts{
      {.name = "long", .service_ms = 1e4, .per_ms = 0.01, .deadline_ms = 1e9},
      {.name = "short", .service_ms = 1, .per_ms = 0.2, .deadline_ms = 1e3, .until_ms = 2e5}};
  Run(parts, 1.99e5);
  EXPECT_LE(running(), 2U);
  const std::uint64_t before = parts[0].ran;
  EXPECT_LE(before, 25U) << "one slot, as long as short ones come";
  EXPECT_GE(parts[1].success(), 0.99);
  parts[1].until_ms = 0;
  Run(parts, 2e5);
  EXPECT_GE(parts[0].ran - before, 30U) << "and both when they do not";
}

// They came when nobody knew that they are long, in a line with others: more than are sorted out at
// a time.
TEST_F(TwoSlots, ManyThatTurnOutToBeLongDoNotRunBeforeTheyAreSortedOut) {
  static const Function function{.id = 2, .name = "long", .shape = {.amount = {1000}}};
  static const Function other{.id = 3, .name = "short", .shape = {.amount = {1000}}};
  costs_.Learn(other.id, std::chrono::milliseconds(1));
  ready_.Learned(other);
  constexpr std::uint64_t kMany = 10'000;
  for (std::uint64_t seq = 1; seq <= kMany; ++seq) PushRoot({.seq = seq, .function = &function});
  PushRoot(
      {.seq = kMany + 1, .function = &other, .deadline = now_ + std::chrono::milliseconds(1000)});
  const TaskPtr first = PopRoot(account_.total());
  costs_.Learn(function.id, std::chrono::milliseconds(10'000));
  ready_.Learned(function);
  std::size_t looks = 0;
  TaskPtr next;
  EXPECT_EQ(PopRoot({.amount = {1000}}), nullptr);
  for (; next == nullptr && looks < 100; ++looks) {
    EXPECT_EQ(PopRoot({.amount = {1000}}), nullptr) << "no more in a pass";
    now_ += std::chrono::milliseconds(1);
    next = PopRoot({.amount = {1000}});
  }
  ASSERT_NE(next, nullptr);
  EXPECT_EQ(next->function, &other) << "one slot is kept for it";
  EXPECT_GT(looks, 3U) << "not all at once";
}

// The door sees that they would be too late, so that none of them ever waits here.
TEST_F(TwoSlots, ASlotIsKeptForShortOnesThatAreRefusedAtTheDoor) {
  static const Function function{.id = 2, .name = "long", .shape = {.amount = {1000}}};
  costs_.Learn(function.id, std::chrono::seconds(10));
  ready_.Learned(function);
  for (std::uint64_t seq = 1; seq <= 3; ++seq) PushRoot({.seq = seq, .function = &function});
  const TaskPtr first = PopRoot(account_.total());
  auto& last = account_.Of(TaskClass::kNormal).turned_away;
  last.p95.Set(Nanos(std::chrono::milliseconds(1)).count());
  last.slack.Set(Nanos(std::chrono::milliseconds(100)).count());
  last.shape = &function.shape;
  last.at.Set(now_.time_since_epoch().count());
  EXPECT_EQ(PopRoot({.amount = {1000}}), nullptr) << "a second long run would take it";
  now_ += std::chrono::seconds(1);
  EXPECT_NE(PopRoot({.amount = {1000}}), nullptr) << "none has come for a while";
}

class FourSlots : public testing::SlotBench {
 protected:
  FourSlots() : SlotBench(4) {}
};

// Narrow ones would take each slot that comes free before there are two.
TEST_F(FourSlots, LongRunsThatTakeMoreThanOneGetTheirTurn) {
  std::vector<Part> parts{
      {.name = "short", .service_ms = 1, .per_ms = 0.2, .deadline_ms = 1e3},
      {.name = "a", .service_ms = 1e3, .per_ms = 0.004, .deadline_ms = 1e9},
      {.name = "b", .service_ms = 1e3, .per_ms = 0.004, .deadline_ms = 1e9},
      {.name = "c", .service_ms = 1e3, .per_ms = 0.004, .deadline_ms = 1e9},
      {.name = "wide", .service_ms = 1e3, .per_ms = 1e-4, .deadline_ms = 1e9, .slots = 2}};
  Run(parts, 2e5);
  EXPECT_GE(parts[4].ran * 4, parts[4].came) << "three times as much as there are slots for";
}

class OneSlot : public testing::SlotBench {
 protected:
  OneSlot() : SlotBench(1) {}
};

TEST_F(OneSlot, IsEverybodys) {
  std::vector<Part> parts{{.name = "long", .service_ms = 1e3, .per_ms = 0.01, .deadline_ms = 1e9},
                          {.name = "short", .service_ms = 1, .per_ms = 0.2, .deadline_ms = 1e3}};
  Run(parts, 1e5);
  EXPECT_GE(parts[0].ran, 30U);
}

// One in a hundred takes a hundred times as long as the others: half of the work is theirs.
class OneSlotAndAPlace : public testing::SlotBench {
 protected:
  OneSlotAndAPlace() : SlotBench(1) {}
  static std::vector<Part> Bimodal() {
    return {{.name = "short", .service_ms = 0.5, .per_ms = 0.7, .deadline_ms = 5},
            {.name = "long", .service_ms = 50, .per_ms = 0.007, .deadline_ms = 500}};
  }
};

TEST_F(OneSlotAndAPlace, ShortOnesRunBesideALongOneThatHasTheSlot) {
  std::vector<Part> parts = Bimodal();
  Run(parts, 1e5);
  EXPECT_LE(parts[0].success(), 0.75);
  place_for_short_ = true;
  parts = Bimodal();
  Run(parts, 1e5);
  EXPECT_GE(parts[0].success(), 0.97);
  EXPECT_GE(parts[1].success(), 0.9);
  EXPECT_EQ(most_running(), 2U) << "one at a time";
}

TEST_F(OneSlotAndAPlace, LongOnesAndUnknownOnesDoNot) {
  place_for_short_ = true;
  std::vector<Part> known{{.name = "short", .service_ms = 1, .per_ms = 0.1, .deadline_ms = 1e3}};
  Run(known, 1e3);
  std::vector<Part> parts{
      {.name = "short", .service_ms = 1, .per_ms = 0.1, .deadline_ms = 1e3, .until_ms = 2e4},
      {.name = "long", .service_ms = 1e3, .per_ms = 0.1, .deadline_ms = 1e9},
      {.name = "other", .service_ms = 1e3, .per_ms = 0.1, .deadline_ms = 1e9}};
  Run(parts, 2e4);
  EXPECT_EQ(most_running(), 2U);
  parts[0].until_ms = 0;
  Run(parts, 1e3);  // what was short has gone
  EXPECT_EQ(running(), 1U);
  for (int i = 0; i < 50; ++i) {
    Run(parts, 1e3);
    ASSERT_EQ(running(), 1U);
  }
}

TEST_F(OneSlotAndAPlace, WhatIsNeitherWaitsForTheSlot) {
  place_for_short_ = true;
  std::vector<Part> parts{
      {.name = "short", .service_ms = 1, .per_ms = 0.1, .deadline_ms = 1e3},
      {.name = "middle", .service_ms = 30, .per_ms = 0.005, .deadline_ms = 1e9}};
  Run(parts, 1e4);
  parts.push_back({.name = "long", .service_ms = 1e3, .per_ms = 0.001, .deadline_ms = 1e9});
  int beside = 0;
  for (int i = 0; i < 50'000; ++i) {
    Run(parts, 1);
    const bool taken = ready_.Running(function(2).id) > 0;
    ASSERT_FALSE(taken && ready_.Running(function(1).id) > 0);
    beside += taken && ready_.Running(function(0).id) > 0 ? 1 : 0;
  }
  EXPECT_GT(beside, 1000);
}

TEST_F(OneSlotAndAPlace, NobodyDoesBesideShortOnes) {
  place_for_short_ = true;
  std::vector<Part> parts{{.name = "short", .service_ms = 0.2, .per_ms = 10, .deadline_ms = 100},
                          {.name = "as short", .service_ms = 0.4, .per_ms = 5, .deadline_ms = 100}};
  Run(parts, 1e2);  // until both are known
  Run(parts, 1e4);
  EXPECT_EQ(most_running(), 1U);
}

class SixteenSlots : public testing::SlotBench {
 protected:
  SixteenSlots() : SlotBench(16) {}
  // A database with four servers, asked for twice what they do; and eight slots of other work.
  static std::vector<Part> Database() {
    return {{.name = "local", .service_ms = 1, .per_ms = 8, .deadline_ms = 10},
            {.name = "ask", .service_ms = 10, .per_ms = 0.8, .deadline_ms = 200, .servers = 4}};
  }
};

TEST_F(SixteenSlots, WhatWaitsOutsideDoesNotFillThem) {
  std::vector<Part> parts = Database();
  Run(parts, 1e4);  // has to be found out
  EXPECT_GE(parts[0].success(), 0.8);
  parts = Database();
  Run(parts, 4e4);
  EXPECT_GE(parts[0].success(), 0.98);
  EXPECT_GE(static_cast<double>(parts[1].ran), 0.96 * 4e4 * 0.4) << "its servers are all busy";
}

TEST_F(SixteenSlots, WithoutLimitsItDoes) {
  options_.learned_limits = false;
  ready_.Apply(options_);
  std::vector<Part> parts = Database();
  Run(parts, 1e4);
  EXPECT_LE(parts[0].success(), 0.6);
}

class Lockstep : public testing::ReadyBench {
 protected:
  static constexpr Resources kTotal{.amount = {16'000}};
  Lockstep() : ReadyBench(kTotal) {}
};

// Four servers of equal speed answer together, each time.
TEST_F(Lockstep, WhatEndsTogetherFillsItsLimitNevertheless) {
  static const Function other{.id = 2, .name = "other", .shape = {.amount = {17'000}}};
  ReadySet::Options options;
  options.reserve_after = std::chrono::hours(1);
  ready_.Apply(options);
  PushRoot({.function = &other});  // it waits for slots, and never fits
  std::uint64_t limited = 0;
  std::uint32_t running = 0;
  constexpr int kSteps = 4'000;
  for (int step = 0; step < kSteps; ++step) {
    while (account_.Waiting(function_.id) < 32) PushRoot({});
    while (running < 16 && PopRoot({.amount = {(16 - running) * 1000}}) != nullptr) ++running;
    const Nanos took = std::chrono::milliseconds(10) * running / 4;
    now_ += std::chrono::milliseconds(10);
    for (std::uint32_t end = std::min(4U, running); end > 0; --end, --running) {
      costs_.Learn(function_.id, took);
      ready_.Learned(function_);
      ready_.Ran(function_, true, now_);
      ready_.Ended(function_, function_.shape);
    }
    if (step >= kSteps / 2) limited += ready_.LearnedLimit(function_.id) <= 8 ? 1 : 0;
  }
  EXPECT_GE(limited, kSteps / 2 * 9 / 10);
}

}  // namespace
}  // namespace spillgate
