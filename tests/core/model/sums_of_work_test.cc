// What waits is summed up for a node's whole life, whatever clients say that it takes.
#include <gtest/gtest.h>

#include <limits>

#include "tests/core/model/ready_bench.h"

namespace spillgate {
namespace {

constexpr Resources kOne{.amount = {1000}};
constexpr std::int64_t kMostTasks = 1 << 24;  // limits.in_flight

class SumsOfWorkTest : public testing::ReadyBench {
 protected:
  SumsOfWorkTest() : ReadyBench(kOne) {}
};

TEST_F(SumsOfWorkTest, AsManyAsANodeCanHaveDoNotOverflow) {
  PushRoot({.cost = kMostSlotTime});
  const std::int64_t most = std::numeric_limits<std::int64_t>::max() / kMostTasks;
  EXPECT_LE(ready_.Work(TaskClass::kNormal).count(), most);
  EXPECT_LE(ready_.Work(TaskClass::kNormal, 1).count(), most);
  EXPECT_LE(account_.WorkOf(function_.id).get(), most);
  EXPECT_LE(account_.At(TaskClass::kNormal).work[kCpu].get(), most);
}

TEST_F(SumsOfWorkTest, WhatCameIsTakenAwayWhateverItWas) {
  for (const Nanos cost : {Nanos(1), Nanos(std::chrono::hours(1)), kMostSlotTime}) {
    PushRoot({.cost = cost});
  }
  while (const TaskPtr task = PopRoot(kOne)) {
  }
  EXPECT_EQ(ready_.Work(TaskClass::kNormal), Nanos(0));
  EXPECT_EQ(ready_.Work(TaskClass::kNormal, 1), Nanos(0));
  EXPECT_EQ(account_.WorkOf(function_.id).get(), 0);
  EXPECT_EQ(account_.At(TaskClass::kNormal).work[kCpu].get(), 0);
}

}  // namespace
}  // namespace spillgate
