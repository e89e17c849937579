// The slot limit of one function, against models of what its runs wait for.
#include "core/model/slot_limit.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <random>

namespace spillgate {
namespace {

// A function whose runs are always as many as it may have, of 16 slots, and whose times depend on
// how many go on.
class Function {
 public:
  using Takes = std::function<double(double running)>;  // in milliseconds, on average
  explicit Function(Takes takes) : takes_(std::move(takes)) {}

  std::uint32_t running() const { return std::min({limit_.limit(), slots, demand}); }
  // So many rounds of runs; returns the mean limit over the second half of them.
  double Run(std::uint32_t rounds) {
    double sum = 0;
    for (std::uint32_t i = 0; i < rounds * SlotLimit::kRound; ++i) {
      const std::uint32_t now_running = running();
      const double mean = takes_(now_running);
      const double whole = mean * (noisy ? exponential_(random_) : 1.0);
      const double took = std::min(whole, longest_ms);
      limit_.Runs(now_running, now_);
      now_ += Nanos(static_cast<std::int64_t>(1e6 * took / now_running));
      limit_.Ended({.now = now_,
                    .slots = slots,
                    .waits = demand > now_running,
                    .others_wait = others_wait,
                    .done = took >= whole});
      if (i >= rounds * SlotLimit::kRound / 2) sum += running();
    }
    return sum / (rounds * SlotLimit::kRound / 2.0);
  }
  std::uint32_t limit() const { return limit_.limit(); }
  void Becomes(Takes takes) { takes_ = std::move(takes); }

  std::uint32_t slots = 16;
  std::uint32_t demand = 1000;
  bool others_wait = true;
  bool noisy = false;
  double longest_ms = 1e9;  // a run that takes longer is cut short

 private:
  Takes takes_;
  SlotLimit limit_;
  Instant now_{};
  std::mt19937_64 random_{11};
  std::exponential_distribution<double> exponential_{1.0};
};

Function::Takes Servers(double servers, double each_ms = 10) {
  return [=](double running) { return each_ms * std::max(1.0, running / servers); };
}
const Function::Takes kComputes = [](double) { return 10.0; };

TEST(SlotLimitTest, WhatWaitsForFourServersGetsAboutAsMany) {
  for (const bool noisy : {false, true}) {
    Function function(Servers(4));
    function.noisy = noisy;
    const double slots = function.Run(400);
    EXPECT_GE(slots, 3.5) << noisy;
    EXPECT_LE(slots, 7.0) << noisy;
  }
}

// Those that wait for too long are given up, so that the runs that end of themselves take less time
// than they would, and seem to be more.
TEST(SlotLimitTest, RunsThatAreCutShortBringNothing) {
  Function function(Servers(4));
  function.noisy = true;
  function.longest_ms = 60;
  const double slots = function.Run(400);
  EXPECT_GE(slots, 3.5);
  EXPECT_LE(slots, 7.0);
}

TEST(SlotLimitTest, WhatComputesKeepsItsSlots) {
  for (const bool noisy : {false, true}) {
    Function function(kComputes);
    function.noisy = noisy;
    EXPECT_GE(function.Run(400), 14.5) << noisy;
  }
}

TEST(SlotLimitTest, NobodyIsLimitedForNobody) {
  Function function(Servers(4));
  function.others_wait = false;
  function.Run(100);
  EXPECT_EQ(function.limit(), SlotLimit::kNone);
}

TEST(SlotLimitTest, WhoHoldsAFewSlotsIsInNobodysWay) {
  Function function(Servers(1));
  function.demand = 3;
  function.Run(100);
  EXPECT_EQ(function.limit(), SlotLimit::kNone) << "less than a quarter of the slots";
}

// Ten times as slow, whatever the number of runs: to limit it would only make it slower.
TEST(SlotLimitTest, ASustainedSlowdownIsNotStarved) {
  Function function(kComputes);
  function.Run(50);
  function.Becomes([](double) { return 100.0; });
  EXPECT_GE(function.Run(50), 14.5);
}

TEST(SlotLimitTest, FollowsABottleneckThatWidensAndNarrows) {
  Function function(Servers(4));
  function.Run(100);
  function.Becomes(Servers(12));
  EXPECT_GE(function.Run(100), 11.0);
  function.Becomes(Servers(2));
  const double narrow = function.Run(300);
  EXPECT_GE(narrow, 1.9);
  EXPECT_LE(narrow, 4.0);
}

// More was tried in vain for long, each time later, while others waited for the slots.
TEST(SlotLimitTest, WhereNobodyElseWaitsMoreIsTriedSoon) {
  Function function(Servers(4));
  EXPECT_LE(function.Run(2000), 6);
  int soon[2] = {0, 0};
  for (int i = 0; i < 8; ++i) {
    function.Run(37);
    for (const bool others_wait : {false, true}) {
      Function now = function;
      now.others_wait = others_wait;
      now.Becomes(Servers(16));
      now.Run(3 * SlotLimit::kFirstPause);
      soon[others_wait] += now.running() >= 12 ? 1 : 0;
    }
  }
  EXPECT_EQ(soon[false], 8);
  EXPECT_LE(soon[true], 4) << "it costs them what they wait for";
}

TEST(SlotLimitTest, ALimitThatIsNotFilledIsLetGoOf) {
  Function function(Servers(4));
  function.Run(20);
  ASSERT_NE(function.limit(), SlotLimit::kNone);
  function.demand = 2;
  function.Run(20);
  EXPECT_EQ(function.limit(), SlotLimit::kNone);
}

// A limit of one or two is always nearly filled, also by who never has to wait for it.
TEST(SlotLimitTest, ALimitThatKeepsNobodyWaitingIsLetGoOf) {
  Function function(Servers(1));
  function.slots = 4;
  function.Run(100);
  ASSERT_EQ(function.limit(), 1U);
  function.demand = 1;
  function.Run(20);
  EXPECT_EQ(function.limit(), SlotLimit::kNone);
}

// Others have the slots for most of the time, and then eight of it run at once.
TEST(SlotLimitTest, WhoRunsManyAtATimeNowAndThenIsInNobodysWay) {
  SlotLimit limit;
  Instant now{};
  for (int crowd = 0; crowd < 1'000; ++crowd) {
    now += std::chrono::milliseconds(20);
    limit.Runs(8, now);
    for (std::uint32_t running = 8; running > 0; --running) {
      now += std::chrono::microseconds(50);
      limit.Ended({.now = now, .slots = 16, .waits = true, .others_wait = true});
      limit.Runs(running - 1, now);
      ASSERT_EQ(limit.limit(), SlotLimit::kNone) << crowd;
    }
  }
}

// What waited was cancelled, and then nothing came for an hour: that says nothing of a rate. Else
// half of the slots would seem to do as much, though they do half of it.
TEST(SlotLimitTest, AnHourOfNothingIsNotATimeInWhichMoreWaited) {
  for (const bool gone : {false, true}) {
    SlotLimit limit;
    Instant now{};
    const auto run = [&](std::uint32_t ends) {
      for (; ends > 0; --ends) {
        const std::uint32_t running = std::min(16U, limit.limit());
        limit.Runs(running, now);
        now += std::chrono::microseconds(16'000 / running);
        limit.Ended({.now = now, .slots = 16, .waits = true, .others_wait = true});
      }
    };
    run(1);
    limit.Runs(0, now);
    if (gone) limit.NoneWaits();
    now += std::chrono::hours(1);
    run(8 * SlotLimit::kRound);
    EXPECT_EQ(limit.limit() == SlotLimit::kNone, gone);
  }
}

TEST(SlotLimitTest, RunsOfWhichNoneIsDoneLimitNobody) {
  Function function(Servers(4));
  function.longest_ms = 1;
  function.Run(100);
  EXPECT_EQ(function.limit(), SlotLimit::kNone);
}

// One run in each round a thousand times as fast, or ten times as slow.
TEST(SlotLimitTest, OneRunOutOfTheOrdinaryDecidesNothing) {
  for (const double odd : {0.01, 100.0}) {
    std::uint32_t runs = 0;
    Function function([&](double) { return ++runs % SlotLimit::kRound == 0 ? odd : 10.0; });
    EXPECT_GE(function.Run(200), 14.5) << odd;
  }
}

TEST(SlotLimitTest, OneSlotIsTheLeast) {
  Function function([](double running) { return running; });
  function.slots = 2;
  function.Run(50);
  EXPECT_EQ(function.running(), 1U) << "two do no more than one";
}

}  // namespace
}  // namespace spillgate
