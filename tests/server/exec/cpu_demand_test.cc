// How much CPU time threads ask for, from what the system tells of them.
#include "server/exec/cpu_demand.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <vector>

namespace spillgate {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class CpuDemandTest : public ::testing::Test {
 protected:
  CpuDemandTest() : proc_(::testing::TempDir() + "cpu_demand_" + std::to_string(getpid())) {}
  ~CpuDemandTest() override { std::filesystem::remove_all(proc_); }

  void Write(pid_t thread, const std::string& text) {
    const std::string folder = proc_ + "/" + std::to_string(thread);
    std::filesystem::create_directories(folder);
    std::ofstream(folder + "/schedstat") << text;
  }
  void Set(pid_t thread, Nanos ran, Nanos waited) {
    Write(thread, std::to_string(ran.count()) + " " + std::to_string(waited.count()) + " 7\n");
  }
  std::optional<std::uint32_t> Read(const std::vector<pid_t>& threads) {
    now_ += milliseconds(100);
    return demand_.Read(threads, now_);
  }

  const std::string proc_;
  CpuDemand demand_{proc_};
  Instant now_{seconds(1)};
};

TEST_F(CpuDemandTest, WhatRanAndWhatWaitedToRunHaveBothAskedForIt) {
  Set(1, seconds(5), seconds(1));
  Set(2, seconds(2), seconds(0));
  Set(3, seconds(7), seconds(0));
  EXPECT_EQ(Read({1, 2, 3}), std::nullopt) << "since when?";
  Set(1, seconds(5) + milliseconds(20), seconds(1) + milliseconds(80));  // shares a CPU
  Set(2, seconds(2) + milliseconds(50), seconds(0));                     // half of the time
  EXPECT_EQ(Read({1, 2, 3}), 1500U);
  EXPECT_EQ(Read({1, 2, 3}), 0U) << "all of them wait for something";
}

TEST_F(CpuDemandTest, ThreadsComeAndGo) {
  Set(1, seconds(1), seconds(0));
  EXPECT_EQ(Read({1}), std::nullopt);
  Set(1, seconds(1) + milliseconds(100), seconds(0));
  Set(2, seconds(90), seconds(0));
  EXPECT_EQ(Read({1, 2}), 1000U) << "what the new one had before is not of this period";
  std::filesystem::remove_all(proc_ + "/1");
  Set(2, milliseconds(1), seconds(0));
  EXPECT_EQ(Read({1, 2}), 0U) << "another with the same number";
}

TEST_F(CpuDemandTest, OfManySomeStandForAll) {
  std::vector<pid_t> threads;
  for (pid_t thread = 1; thread <= 256; ++thread) threads.push_back(thread);
  for (const pid_t thread : threads) Set(thread, seconds(1), seconds(0));
  EXPECT_EQ(Read(threads), std::nullopt);
  for (const pid_t thread : threads) Set(thread, seconds(1) + milliseconds(10), seconds(0));
  EXPECT_EQ(Read(threads), 25'600U);
}

TEST_F(CpuDemandTest, AProcessIsAllOfItsThreads) {
  for (const char* name : {"10", "11", "12", "odd"}) {
    std::filesystem::create_directories(proc_ + "/10/task/" + name);
  }
  std::vector<pid_t> threads{7};
  demand_.AddThreadsOf(10, threads);
  std::sort(threads.begin(), threads.end());
  EXPECT_EQ(threads, (std::vector<pid_t>{7, 10, 11, 12}));
  demand_.AddThreadsOf(99, threads);
  EXPECT_EQ(threads.size(), 4U) << "that one has ended";
}

TEST_F(CpuDemandTest, WhereTheSystemDoesNotSayThereIsNothing) {
  Write(1, "");
  Write(2, "12");
  Write(3, "x 7 1\n");
  for (int i = 0; i < 3; ++i) EXPECT_EQ(Read({1, 2, 3, 4}), std::nullopt);
}

TEST_F(CpuDemandTest, IsToldWhileSomebodyWantsToKnowAndOnceMore) {
  Signals signals;
  const auto tell = [&](bool wanted) {
    if (wanted) signals.slots_wanted = true;
    now_ += milliseconds(100);
    demand_.Tell(signals, now_, [] { return std::vector<pid_t>{1}; });
    return signals.cpu.load().number;
  };
  Set(1, seconds(1), seconds(0));
  EXPECT_EQ(tell(false), 0U);
  EXPECT_EQ(tell(true), 0U) << "the first reading";
  EXPECT_EQ(tell(true), 1U);
  Set(1, seconds(1) + milliseconds(50), seconds(0));
  EXPECT_EQ(tell(false), 2U);
  EXPECT_EQ(signals.cpu.load().busy, 500U);
  EXPECT_EQ(tell(false), 2U);
  EXPECT_EQ(tell(true), 2U) << "a gap is no period";
  EXPECT_FALSE(signals.slots_wanted.load());
}

}  // namespace
}  // namespace spillgate
