#include "server/exec/cpu_spread.h"

#include <gtest/gtest.h>
#include <pthread.h>

#include <semaphore>
#include <thread>
#include <vector>

namespace spillgate {
namespace {

std::vector<int> OwnCpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  std::vector<int> cpus;
  if (sched_getaffinity(0, sizeof(set), &set) != 0) return cpus;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &set)) cpus.push_back(cpu);
  }
  return cpus;
}

// A thread that has begun, and sleeps until it goes.
struct Sleeper {
  Sleeper() { ran.acquire(); }
  ~Sleeper() {
    go.release();
    thread.join();
  }
  [[nodiscard]] std::size_t CountCpus() {
    cpu_set_t set;
    CPU_ZERO(&set);
    EXPECT_EQ(pthread_getaffinity_np(thread.native_handle(), sizeof(set), &set), 0);
    return static_cast<std::size_t>(CPU_COUNT(&set));
  }

  CpuSpread::Place place;
  std::binary_semaphore go{0};
  std::binary_semaphore ran{0};
  std::thread thread{[this] {
    place.Begin();
    ran.release();
    go.acquire();
  }};
};

class CpuSpreadTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (cpus.size() < 2) GTEST_SKIP() << "with one CPU there is nothing to spread over";
  }
  const std::vector<int> cpus = OwnCpus();
  const CpuSpread spread;
};

TEST_F(CpuSpreadTest, AThreadWhoseCpuIsFreeIsLeftToTheKernel) {
  CpuSpread::Place place;
  EXPECT_EQ(spread.Choose(place, [](int) { return true; }), CpuSpread::kNowhere) << "it never ran";
  place.last = cpus[0];
  EXPECT_EQ(spread.Choose(place, [&](int cpu) { return cpu != cpus[0]; }), CpuSpread::kNowhere);
}

TEST_F(CpuSpreadTest, AThreadWhoseCpuIsTakenGetsAFreeOne) {
  CpuSpread::Place place;
  place.last = cpus[0];
  EXPECT_EQ(spread.Choose(place, [&](int cpu) { return cpu == cpus[0]; }), cpus[1]);
  EXPECT_EQ(spread.Choose(place, [](int) { return true; }), CpuSpread::kNowhere) << "all are taken";
}

TEST_F(CpuSpreadTest, APlaceIsKnownWhileItsThreadIsAtWork) {
  CpuSpread::Place place;
  place.Begin();
  EXPECT_GE(place.at_work.load(), 0);
  place.End();
  EXPECT_EQ(place.at_work.load(), CpuSpread::kNowhere);
  EXPECT_GE(place.last.load(), 0);
}

// It wakes where it should and may run anywhere afterwards.
TEST_F(CpuSpreadTest, ASleepingThreadWakesThereAndIsNotPinned) {
  for (const int cpu : {cpus[1], cpus[0]}) {
    std::binary_semaphore go(0);
    std::binary_semaphore ran(0);
    int woke_on = CpuSpread::kNowhere;
    CpuSpread::Place place;
    std::thread thread([&] {
      place.Begin();
      ran.release();
      go.acquire();
      woke_on = sched_getcpu();
      ran.release();
      go.acquire();
    });
    ran.acquire();
    int woken = 0;
    spread.WakeOn(cpu, place, [&] {
      ++woken;
      go.release();
      ran.acquire();  // with its mask still narrow
    });
    EXPECT_EQ(woken, 1);
    EXPECT_EQ(woke_on, cpu);
    cpu_set_t set;
    CPU_ZERO(&set);
    EXPECT_EQ(pthread_getaffinity_np(thread.native_handle(), sizeof(set), &set), 0);
    EXPECT_EQ(static_cast<std::size_t>(CPU_COUNT(&set)), cpus.size());
    go.release();
    thread.join();
  }
}

TEST_F(CpuSpreadTest, AThreadRunsWhereTheOneThatItFollowsMay) {
  std::counting_semaphore<2> go(0);
  std::thread first([&] { go.acquire(); });
  std::thread second([&] { go.acquire(); });
  cpu_set_t only;
  CPU_ZERO(&only);
  CPU_SET(cpus[1], &only);
  ASSERT_EQ(pthread_setaffinity_np(first.native_handle(), sizeof(only), &only), 0);
  CpuSpread::Place place;
  CpuSpread::Place own;
  CpuSpread::Follow(place, first.native_handle(), own, second.native_handle());
  cpu_set_t set;
  CPU_ZERO(&set);
  EXPECT_EQ(pthread_getaffinity_np(second.native_handle(), sizeof(set), &set), 0);
  EXPECT_TRUE(CPU_EQUAL(&set, &only));
  go.release(2);
  first.join();
  second.join();
}

// Its mask is narrow for a moment, which is nobody's wish: another one that wakes it meanwhile, and
// ends later, would give back that.
TEST_F(CpuSpreadTest, AThreadThatIsBeingWokenIsNotMovedMeanwhile) {
  Sleeper sleeper;
  std::binary_semaphore both(0);
  std::binary_semaphore ended(0);
  std::thread other;
  spread.WakeOn(cpus[0], sleeper.place, [&] {
    other = std::thread([&] {
      spread.WakeOn(cpus[0], sleeper.place, [&] {
        both.release();
        ended.acquire();
      });
    });
    both.acquire();
  });
  ended.release();
  other.join();
  EXPECT_EQ(sleeper.CountCpus(), cpus.size());
}

TEST_F(CpuSpreadTest, AThreadThatIsBeingWokenIsNotFollowedMeanwhile) {
  Sleeper sleeper;
  Sleeper follower;
  std::binary_semaphore begun(0);
  std::thread follows;
  spread.WakeOn(cpus[0], sleeper.place, [&] {
    follows = std::thread([&] {
      begun.release();
      CpuSpread::Follow(sleeper.place, sleeper.thread.native_handle(), follower.place,
                        follower.thread.native_handle());
    });
    begun.acquire();
  });
  follows.join();
  EXPECT_EQ(follower.CountCpus(), cpus.size());
}

// By whoever runs the node, after it has begun.
TEST_F(CpuSpreadTest, AThreadThatWasPinnedStaysSo) {
  cpu_set_t only;
  CPU_ZERO(&only);
  CPU_SET(cpus[0], &only);
  for (const int cpu : {cpus[1], cpus[0]}) {
    std::binary_semaphore go(0);
    std::binary_semaphore ran(0);
    CpuSpread::Place place;
    std::thread thread([&] {
      place.Begin();
      ran.release();
      go.acquire();
    });
    ran.acquire();
    ASSERT_EQ(pthread_setaffinity_np(thread.native_handle(), sizeof(only), &only), 0);
    int woken = 0;
    spread.WakeOn(cpu, place, [&] { ++woken; });
    EXPECT_EQ(woken, 1);
    cpu_set_t set;
    CPU_ZERO(&set);
    EXPECT_EQ(pthread_getaffinity_np(thread.native_handle(), sizeof(set), &set), 0);
    EXPECT_TRUE(CPU_EQUAL(&set, &only));
    go.release();
    thread.join();
  }
}

}  // namespace
}  // namespace spillgate
