// What roots bring that needs other resources than they do: it is promised on those, and a root
// waits for it there. Two CPUs and one GPU.
#include <gtest/gtest.h>

#include "tests/stages/admission_bench.h"

namespace spillgate {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Resources kOnCpu{.amount = {1000}};
constexpr Resources kOnGpu{.amount = {0, 1000}};

class BroughtWorkTest : public testing::AdmissionBench {
 protected:
  BroughtWorkTest() {
    bench.costs.Learn(plain, milliseconds(1));
    bench.costs.Learn(light, milliseconds(1));
  }
  // Some roots have begun with it, and have brought so many each; ten milliseconds on the GPU, or
  // one on a CPU.
  void Bring(FunctionId driver, int on_gpu, int on_cpu = 0) {
    for (int root = 0; root < 40; ++root) {
      bench.costs.LearnRoot(driver);
      for (int child = 0; child < on_gpu; ++child) Learn(driver, milliseconds(10), kOnGpu);
      for (int child = 0; child < on_cpu; ++child) Learn(driver, milliseconds(1), kOnCpu);
    }
    bench.costs.LearnRoot(driver);
  }
  void Learn(FunctionId driver, Nanos takes, const Resources& shape) {
    bench.costs.LearnSpawn(driver, takes, bench.Takes(takes, shape));
  }
  std::string Submit(FunctionId of, Nanos remaining, std::uint64_t seq, std::uint32_t tasks = 1) {
    return AdmissionBench::Submit(
        {.ask = {.function = of,
                 .remaining_us = static_cast<std::uint64_t>(remaining.count() / 1000),
                 .first_seq = seq},
         .tasks = tasks});
  }
  [[nodiscard]] double PromisedOn(std::size_t kind) const {
    const std::int64_t ns = bench.account.At(TaskClass::kNormal).promised[kind].get();
    return static_cast<double>(ns) / 1e6;
  }
  // Others have so much for the GPU.
  void FillGpu(Nanos time) {
    bench.account.Of(TaskClass::kNormal).work[kGpu].Add(time.count());
    bench.account.Of(TaskClass::kNormal, bench.session().tenant).work[kGpu].Add(time.count());
    bench.account.Of(TaskClass::kNormal).tasks.Add(20);
  }

  const FunctionId plain = bench.AddFunction("plain", 1000);
  const FunctionId light = bench.AddFunction("light", 0);
};

TEST_F(BroughtWorkTest, WhatRunsOnTheGpuIsPromisedThere) {
  Bring(function, 8);
  EXPECT_EQ(Submit(function, milliseconds(500), 1), "accepted 1");
  EXPECT_EQ(Promised(), 7) << "a little low";
  EXPECT_NEAR(PromisedOn(kGpu), 70, 0.01);
  EXPECT_EQ(PromisedOn(kCpu), 0);
  EXPECT_EQ(Spawn(Got(0), 4), "accepted 4");
  EXPECT_NEAR(PromisedOn(kGpu), 30, 0.01);
  EXPECT_EQ(Spawn(Got(0), 4, 4), "accepted 4");
  EXPECT_EQ(PromisedOn(kGpu), 0);
}

TEST_F(BroughtWorkTest, WhatIsOfBothIsPromisedOnBoth) {
  Bring(function, 4, 4);
  EXPECT_EQ(Submit(function, milliseconds(500), 1), "accepted 1");
  EXPECT_NEAR(PromisedOn(kGpu), 7 * 10.0 / 2, 0.01);
  EXPECT_NEAR(PromisedOn(kCpu), 7 * 0.5 / 2, 0.01);
}

// It was 70 ms of the CPUs, which are idle.
TEST_F(BroughtWorkTest, WhoNeedsNoGpuDoesNotWaitForIt) {
  Bring(function, 8);
  EXPECT_EQ(Submit(function, milliseconds(500), 1, 3), "accepted 3");
  EXPECT_EQ(Submit(plain, milliseconds(20), 100, 10), "accepted 10");
  FillGpu(seconds(10));
  bench.account.SetBusyUntil(kGpu, bench.now() + seconds(1));
  EXPECT_EQ(Submit(plain, milliseconds(20), 200), "accepted 1");
}

// One has the time, and two more are let in so that the GPU does not stand still.
TEST_F(BroughtWorkTest, ARootWaitsForTheResourcesOfWhatItBrings) {
  Bring(function, 8);
  EXPECT_EQ(Submit(function, milliseconds(100), 1, 6), "accepted 3, backlog 3");
  EXPECT_EQ(Submit(function, milliseconds(100), 10), "backlog 1");
  EXPECT_EQ(Submit(function, seconds(1), 20), "accepted 1") << "it has time";
}

TEST_F(BroughtWorkTest, ItIsRefusedWhereTheGpuIsFullAndTheCpusAreNot) {
  Bring(function, 8);
  FillGpu(seconds(1));
  EXPECT_EQ(Submit(function, milliseconds(500), 1), "backlog 1");
  EXPECT_EQ(bench.account.At(TaskClass::kNormal).turned_away.shape.load(), nullptr)
      << "there is no want of CPUs";
  EXPECT_EQ(Submit(function, seconds(4), 2), "accepted 1") << "it has time";
}

TEST_F(BroughtWorkTest, NothingThatRunsThereIsTakenBack) {
  Bring(function, 8);
  bench.account.SetBusyUntil(kGpu, bench.now() + milliseconds(600));
  EXPECT_EQ(Submit(function, milliseconds(500), 1), "backlog 1");
  EXPECT_EQ(Submit(function, seconds(2), 2), "accepted 1");
}

// Its own task takes nothing that is scarce.
TEST_F(BroughtWorkTest, ARootThatTakesNothingWaitsForWhatItBrings) {
  EXPECT_EQ(Submit(light, milliseconds(100), 1, 6), "accepted 6") << "nobody knows better";
  Bring(light, 8);
  EXPECT_EQ(Submit(light, milliseconds(100), 10, 6), "accepted 3, backlog 3");
  Admission asks(bench.shared, inbox, bench.tally.submission[0]);
  const wire::SubmitPreamble like{.function = light, .remaining_us = 100'000};
  EXPECT_LE(asks.Fits({.ask = like}, Nanos(0), bench.now()), 3) << "nor is it given more credit";
}

// It counts there where one brings it, but is no reason to refuse all others like it.
TEST_F(BroughtWorkTest, WhatHardlyAnyOfThemNeedsIsNotWaitedFor) {
  Bring(function, 0, 4);
  Learn(function, milliseconds(10), kOnGpu);
  bench.costs.LearnRoot(function);
  FillGpu(seconds(10));
  EXPECT_EQ(Submit(function, milliseconds(50), 1), "accepted 1");
  EXPECT_GT(PromisedOn(kGpu), 0);
}

}  // namespace
}  // namespace spillgate
