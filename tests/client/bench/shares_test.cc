// Who is entitled to what, how even that is, what a bomb had, and what makes a run void.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "client/bench/bomb.h"
#include "client/bench/cpu_meter.h"
#include "client/bench/overload.h"
#include "client/bench/root_runs.h"

namespace spillgate::bench {
namespace {

using std::chrono::milliseconds;
using ::testing::DoubleEq;
using ::testing::DoubleNear;
using ::testing::ElementsAre;

TEST(Shares, WhoAsksForLittleGetsItAndTheRestIsShared) {
  const double few[] = {0.1, 10, 0.2};
  EXPECT_THAT(Entitlements(few), ElementsAre(DoubleEq(0.1), DoubleNear(0.7, 1e-9), DoubleEq(0.2)));
  const double many[] = {10, 0.1, 5};
  EXPECT_THAT(Entitlements(many),
              ElementsAre(DoubleNear(0.45, 1e-9), DoubleEq(0.1), DoubleNear(0.45, 1e-9)));
}

TEST(Shares, OneIsEvenAndOneOverNIsAllOfOne) {
  const double even[] = {0.3, 0.3, 0.3};
  EXPECT_NEAR(JainIndex(even), 1, 1e-9);
  const double one[] = {0, 0, 0.9, 0};
  EXPECT_NEAR(JainIndex(one), 0.25, 1e-9);
}

TEST(Shares, ABombsIsOfWhatTheSmallRootsLeave) {
  EXPECT_NEAR(BombShare({.slots = 10, .small = 4, .all = 10}), 1, 1e-9);
  EXPECT_NEAR(BombShare({.slots = 7, .small = 4, .all = 10}), 0.5, 1e-9);
  EXPECT_EQ(BombShare({.slots = 4, .small = 4, .all = 10}), 0);
  EXPECT_EQ(BombShare({.slots = 3, .small = 4, .all = 10}), 0) << "nor is it less than nothing";
  EXPECT_EQ(BombShare({.slots = 4, .small = 4, .all = 4}), 0) << "where they leave none";
}

TEST(Drift, ACapacityThatChangedMakesARunVoid) {
  Row row;
  CheckDrift(100, 96, row);
  CheckDrift(96, 100, row);
  EXPECT_EQ(row.problem, "");
  CheckDrift(94, 100, row);
  EXPECT_THAT(row.problem, ::testing::StartsWith("void: the capacity was 94 a second before"));
  Row other;
  other.SetProblem("refused without load");
  CheckDrift(100, 94, other);
  EXPECT_EQ(other.problem, "refused without load");
  EXPECT_THAT(other.disturbed, ::testing::StartsWith("the capacity was 100 a second before"))
      << "it is void all the same";
}

TEST(Disturbed, ALateSenderOrAHostThatTakesCpuMakesARunVoid) {
  Row row{.steal_pct = kMostSteal};
  CheckDisturbed(1000, milliseconds(10), row);
  EXPECT_EQ(row.problem, "") << "a tenth of the deadline, and no more";
  Row late;
  CheckDisturbed(1010, milliseconds(10), late);
  EXPECT_EQ(late.problem, "void: the sender was 1010 us late");
  Row stolen{.steal_pct = kMostSteal + 0.1};
  CheckDisturbed(0, milliseconds(10), stolen);
  EXPECT_EQ(stolen.problem, "void: the host took CPU away");
}

TEST(Cpu, WhatRootsDoNotAccountForMakesARunVoid) {
  Row row;
  CheckCpu(0.93, 0.93, 0.96, row);
  CheckCpu(0.5, 1.2, 0.96, row);  // roots that were cut short count in full
  EXPECT_EQ(row.disturbed, "");
  Row wasted;
  CheckCpu(0.6, 0.7, 0.96, wasted);
  EXPECT_EQ(wasted.problem, "void: roots account for 0.70 of the CPU time of the slots");
  Row impossible;
  CheckCpu(1.2, 1.2, 0.96, impossible);
  EXPECT_NE(impossible.disturbed, "");
}

}  // namespace
}  // namespace spillgate::bench
