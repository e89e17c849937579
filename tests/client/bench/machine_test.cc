// What is read from the system and from the node's statistics.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pthread.h>
#include <sched.h>
#include <time.h>
#include <unistd.h>

#include <thread>

#include "client/bench/bare_echo.h"
#include "client/bench/cpu_meter.h"
#include "client/bench/pinning.h"
#include "client/bench/stage_counts.h"

namespace spillgate::bench {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

TEST(CpuMeter, ReadsTheKernelsCounters) {
  const CpuTimes times = ParseCpuTimes("cpu  10 2 30 400 5 6 7 80 9 1");
  EXPECT_EQ(times.all, 10U + 2 + 30 + 400 + 5 + 6 + 7 + 80);
  EXPECT_EQ(times.busy, 10U + 2 + 30 + 6 + 7);
  EXPECT_EQ(times.steal, 80U);
  EXPECT_EQ(ParseCpuTimes("intr 1 2 3").all, 0U);
  EXPECT_EQ(ParseCpuTimes("").all, 0U);
}

TEST(CpuMeter, ReadsAProcessWithAnOddName) {
  EXPECT_EQ(ParseProcessTime("42 (a) b (c) d) S 1 2 3 4 5 6 7 8 9 10 700 55 0 0"), 755U);
  EXPECT_EQ(ParseProcessTime("nothing"), 0U);
}

TEST(CpuMeter, SharesAreOfAllCores) {
  const CpuTimes from{.all = 1000, .busy = 100, .steal = 10};
  const CpuTimes to{.all = 1400, .busy = 300, .steal = 30};
  const CpuShares shares = SharesOf(from, to, 120);
  EXPECT_DOUBLE_EQ(shares.steal, 5);
  EXPECT_DOUBLE_EQ(shares.foreign, 20);
  EXPECT_DOUBLE_EQ(SharesOf(from, to, 5000).foreign, 0);
  EXPECT_DOUBLE_EQ(SharesOf(from, from, 0).foreign, 0);
}

TEST(CpuMeter, CountsTheThreadsOfAName) {
  const auto used = [] {
    timespec time{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);  // tidy: clock: the CPU time of a thread
    return std::chrono::seconds(time.tv_sec) + Nanos(time.tv_nsec);
  };
  Nanos spun{0};
  Nanos counted{0};
  std::thread([&] {
    pthread_setname_np(pthread_self(), "spun-for-test");
    while (spun < 20ms) spun = used();
    counted = ThreadTime(getpid(), "spun-for-test");
  }).join();
  EXPECT_GE(counted, spun - 10ms) << "what it has had in this tick may be missing";
  EXPECT_LT(counted, 10 * spun + 1s);
  EXPECT_EQ(ThreadTime(getpid(), "none-of-that-name"), 0ns);
}

TEST(CpuMeter, ThisMachineHasCounters) {
  const CpuMeter meter({getpid()});
  const CpuShares shares = meter.Read();
  EXPECT_GE(shares.foreign, 0);
  EXPECT_LE(shares.foreign + shares.steal, 100);
}

std::string Stages(std::uint64_t handled, std::uint64_t by_execution) {
  std::string json = R"({"stages":[)";
  for (const char* stage : {"submission", "resolution", "scheduling", "spillover", "publication"}) {
    const bool spillover = std::string_view(stage) == "spillover";
    json += std::string(R"({"stage":")") + stage + R"(","handled":)" +
            std::to_string(spillover ? 0 : handled) + "},";
  }
  return json + R"({"stage":"execution","handled":)" + std::to_string(by_execution) + "}]}";
}

TEST(StageCounts, EachStageHasToHaveCountedAll) {
  const auto before = ParseStageCounts(Stages(5, 5));
  const auto after = ParseStageCounts(Stages(105, 105));
  ASSERT_TRUE(before.ok() && after.ok());
  EXPECT_EQ(after.value().size(), 6U);
  EXPECT_TRUE(CompareStageCounts(before.value(), after.value(), 100).ok());
  EXPECT_TRUE(CompareStageCounts({}, after.value(), 105).ok());
  const Status less = CompareStageCounts(before.value(), after.value(), 101);
  ASSERT_FALSE(less.ok());
  EXPECT_EQ(less.error().code, Code::kUnavailable);
  EXPECT_THAT(less.error().message, HasSubstr("100 tasks of 101"));
}

TEST(StageCounts, OneStageThatIsOffIsNamed) {
  const auto after = ParseStageCounts(Stages(100, 101));
  ASSERT_TRUE(after.ok());
  const Status status = CompareStageCounts({}, after.value(), 100);
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code, Code::kCorrupt);
  EXPECT_THAT(status.error().message, HasSubstr("execution counted 101"));
}

TEST(StageCounts, AreAskedForUntilTheyAreThere) {
  int asked = 0;
  const AskStages ask = [&]() -> Result<std::string> {
    ++asked;
    return Stages(asked < 3 ? 99 : 100, 100);
  };
  EXPECT_TRUE(AwaitStageCounts(ask, {}, 100, SteadyClock()).ok());
  EXPECT_EQ(asked, 3);
}

TEST(StageCounts, SomethingElseIsRefused) {
  EXPECT_FALSE(ParseStageCounts("no json").ok());
  EXPECT_FALSE(ParseStageCounts("[]").ok());
  EXPECT_FALSE(ParseStageCounts(R"({"stages":3})").ok());
  const auto odd = ParseStageCounts(R"({"stages":[3,{},{"stage":4,"handled":1},{"stage":"a"}]})");
  ASSERT_TRUE(odd.ok());
  EXPECT_TRUE(odd.value().empty());
}

TEST(StageCounts, WhatCameIsThatOfTheFirstStage) {
  EXPECT_EQ(ArrivedIn(R"({"stages":[{"stage":"execution","arrived":2},
                                    {"stage":"submission","arrived":7}]})"),
            7U);
  EXPECT_FALSE(ArrivedIn(R"({"stages":[{"stage":"submission","arrived":"many"}]})").has_value());
  EXPECT_FALSE(ArrivedIn(Stages(5, 5)).has_value()) << "they do not say";
  EXPECT_FALSE(ArrivedIn("no json").has_value());
}

TEST(BareEcho, GivesBackAsMuchAsItIsToldAndEnds) {
  pid_t child = 0;
  {
    auto echo =
        BareEcho::Start({.request = 152, .reply = 70'000}, {.client = 20us, .server = 20us});
    ASSERT_TRUE(echo.ok());
    child = echo.value().process();
    for (int i = 0; i < 100; ++i) ASSERT_TRUE(echo.value().Once(10s));
  }
  EXPECT_NE(kill(child, 0), 0) << "the child is still there";
}

TEST(Pinning, MovesThisThreadAndGivesItsCoresBack) {
  cpu_set_t before;
  sched_getaffinity(0, sizeof(before), &before);
  {
    auto echo = BareEcho::Start({.request = 1, .reply = 1}, {});
    ASSERT_TRUE(echo.ok());
    const auto pinning = Pinning::Make(Placement::kSame, echo.value().process());
    ASSERT_TRUE(pinning.ok());
    cpu_set_t now;
    sched_getaffinity(0, sizeof(now), &now);
    EXPECT_EQ(CPU_COUNT(&now), 1);
    cpu_set_t of_child;
    sched_getaffinity(echo.value().process(), sizeof(of_child), &of_child);
    EXPECT_TRUE(CPU_EQUAL(&now, &of_child));
  }
  cpu_set_t after;
  sched_getaffinity(0, sizeof(after), &after);
  EXPECT_TRUE(CPU_EQUAL(&before, &after));
}

TEST(Pinning, WantsToKnowTheNode) {
  EXPECT_TRUE(Pinning::Make(Placement::kFree, 0).ok());
  const auto pinning = Pinning::Make(Placement::kSame, 0);
  ASSERT_FALSE(pinning.ok());
  EXPECT_THAT(pinning.error().message, HasSubstr("--pin"));
}

}  // namespace
}  // namespace spillgate::bench
