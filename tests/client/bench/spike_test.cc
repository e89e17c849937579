// When a sequence of roots is as good as it should be.
#include "client/bench/spike.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace spillgate::bench {
namespace {

using std::chrono::milliseconds;

// One root a millisecond: '.' is good, 'l' late, 'x' expired, 'r' refused, 'h' held, '?' silent.
std::vector<RootOutcome> Outcomes(const std::string& fates) {
  std::vector<RootOutcome> outcomes;
  for (const char fate : fates) {
    RootOutcome& outcome = outcomes.emplace_back();
    outcome.due = milliseconds(outcomes.size() - 1);
    if (fate == '.') outcome.fate = RootFate::kGood;
    if (fate == 'l') outcome.fate = RootFate::kLate;
    if (fate == 'x') outcome.fate = RootFate::kExpired;
    if (fate == 'r') outcome.fate = RootFate::kRefused;
    if (fate == 'h') outcome.fate = RootFate::kHeld;
  }
  return outcomes;
}

std::string Good(std::size_t count) {
  return std::string(count, '.');
}

TEST(Settled, AtTheFirstRootOfAHundredThatAreGood) {
  const auto outcomes = Outcomes(Good(50) + "llllllll" + Good(200));
  EXPECT_EQ(Settled(outcomes, milliseconds(50), milliseconds(258), true), milliseconds(6))
      << "two bad ones are still among them";
  EXPECT_EQ(Settled(outcomes, milliseconds(0), milliseconds(40), true), milliseconds(40))
      << "fewer than a hundred say nothing";
  EXPECT_EQ(Settled(outcomes, milliseconds(60), milliseconds(258), true), milliseconds(0));
}

TEST(Settled, RefusalsAreBadOnlyWhereNothingShouldBeRefused) {
  const auto outcomes = Outcomes(std::string(100, 'r') + Good(100));
  EXPECT_EQ(Settled(outcomes, milliseconds(0), milliseconds(200), false), milliseconds(0));
  EXPECT_EQ(Settled(outcomes, milliseconds(0), milliseconds(200), true), milliseconds(98));
}

TEST(Settled, WhatItsClientHeldBackIsAsGoodAsRefused) {
  const auto outcomes = Outcomes(std::string(100, 'h') + Good(100));
  EXPECT_EQ(Settled(outcomes, milliseconds(0), milliseconds(200), false), milliseconds(0));
  EXPECT_EQ(Settled(outcomes, milliseconds(0), milliseconds(200), true), milliseconds(98));
}

TEST(Settled, WhatNeverCameIsBad) {
  const auto outcomes = Outcomes("???" + Good(98) + "x" + Good(10));
  EXPECT_EQ(Settled(outcomes, milliseconds(0), milliseconds(112), false), milliseconds(1))
      << "from the second of them on there are two";
}

}  // namespace
}  // namespace spillgate::bench
