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
  // Those of a worker process; it may have a part of what one of these is asked for.
  void AddTo(pid_t process, pid_t thread) {
    std::filesystem::create_directories(proc_ + "/" + std::to_string(process) + "/task/" +
                                        std::to_string(thread));
  }
  std::optional<std::uint32_t> Read(const std::vector<pid_t>& threads,
                                    const std::vector<pid_t>& processes = {}) {
    now_ += milliseconds(100);
    return demand_.Read({threads, processes}, now_);
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
  std::filesystem::create_directories(proc_ + "/10/task/odd");
  for (const pid_t thread : {10, 11, 12}) {
    AddTo(10, thread);
    Set(thread, seconds(1), seconds(0));
  }
  Set(7, seconds(1), seconds(0));
  EXPECT_EQ(Read({7}, {10, 99}), std::nullopt);
  for (const pid_t thread : {7, 10, 12}) Set(thread, seconds(1) + milliseconds(50), seconds(0));
  EXPECT_EQ(Read({7}, {10}), 1500U);
  EXPECT_EQ(Read({7}, {10, 99}), 0U) << "99 has ended";
}

TEST_F(CpuDemandTest, OfManyWorkersSomeAreLookedAtAndLaterOthers) {
  std::vector<pid_t> processes;
  std::vector<pid_t> compute;  // of those that are not looked at first
  for (pid_t i = 0; i < 64; ++i) {
    const pid_t process = 1000 + (10 * i);
    processes.push_back(process);
    for (pid_t thread = process; thread < process + 4; ++thread) {
      AddTo(process, thread);
      Set(thread, seconds(1), seconds(0));
      if (i >= 32) compute.push_back(thread);
    }
  }
  EXPECT_EQ(Read({}, processes), std::nullopt);
  for (int i = 0; i < 8; ++i) EXPECT_EQ(Read({}, processes), 0U);
  for (int i = 1; i < 4; ++i) {
    for (const pid_t thread : compute) Set(thread, seconds(1) + i * milliseconds(10), seconds(0));
    EXPECT_EQ(Read({}, processes), i == 1 ? 0U : 25'600U) << "256 threads, a tenth of a CPU each";
  }
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
    demand_.Tell(signals, now_, [] { return CpuDemand::Hosting{.threads = {1}, .processes = {}}; });
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
