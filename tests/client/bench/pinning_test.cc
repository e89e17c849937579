// Where a node's slots and all else run while something is measured.
#include "client/bench/pinning.h"

#include <gtest/gtest.h>
#include <pthread.h>
#include <unistd.h>

#include <future>
#include <thread>

namespace spillgate::bench {
namespace {

cpu_set_t CoresOf(pid_t thread) {
  cpu_set_t set;
  CPU_ZERO(&set);
  sched_getaffinity(thread, sizeof(set), &set);
  return set;
}

// As a node has them.
class SlotThread {
 public:
  SlotThread() {
    std::promise<pid_t> id;
    thread_ = std::thread([this, &id] {
      pthread_setname_np(pthread_self(), kSlotThread.data());
      id.set_value(gettid());
      end_.get_future().wait();
    });
    id_ = id.get_future().get();
  }
  ~SlotThread() {
    end_.set_value();
    thread_.join();
  }
  [[nodiscard]] cpu_set_t cores() const { return CoresOf(id_); }

 private:
  std::promise<void> end_;
  std::thread thread_;
  pid_t id_ = 0;
};

TEST(Pinning, SlotsHaveCoresThatNothingElseRunsOn) {
  if (!CanPlace(Placement::kSlots)) GTEST_SKIP() << "it takes two cores";
  const cpu_set_t before = CoresOf(0);
  const SlotThread early;
  {
    const Result<Pinning> pinning = Pinning::Make(Placement::kSlots, getpid());
    ASSERT_TRUE(pinning.ok()) << pinning.error().message;
    cpu_set_t rest = CoresOf(0);
    EXPECT_EQ(CPU_COUNT(&rest), 1);
    const SlotThread late;  // it runs where it was started
    pinning.value().AddToNode(getpid());
    for (const SlotThread* slot : {&early, &late}) {
      cpu_set_t slots = slot->cores();
      EXPECT_EQ(CPU_COUNT(&slots), CPU_COUNT(&before) - 1);
      CPU_AND(&slots, &slots, &rest);
      EXPECT_EQ(CPU_COUNT(&slots), 0);
    }
  }
  cpu_set_t after = CoresOf(0);
  EXPECT_TRUE(CPU_EQUAL(&after, &before));
  after = early.cores();
  EXPECT_TRUE(CPU_EQUAL(&after, &before));
}

TEST(Pinning, EachSlotHasToHaveACoreBesideThatOfAllElse) {
  const cpu_set_t all = CoresOf(0);
  EXPECT_FALSE(CanPlace(Placement::kSlots, CPU_COUNT(&all)));
  EXPECT_TRUE(CanPlace(Placement::kFree, CPU_COUNT(&all)));
}

}  // namespace
}  // namespace spillgate::bench
