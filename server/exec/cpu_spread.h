// CpuSpread: puts a thread that is about to run a task on a CPU where none of the others does. Left
// alone, Linux wakes it where it last ran, behind a thread that computes there, and leaves it there
// for up to two milliseconds while another CPU is idle: where tasks spawn and wait for each other,
// a tenth of two CPUs was lost that way (docs/benchmarks.md, "Real work").
//
// A placement, no pinning: the thread is woken there and may be moved on at once, so other programs
// and other nodes on the same CPUs get their part. Any thread. Does nothing where there are fewer
// CPUs than threads at work, or one.
#pragma once

#include <pthread.h>
#include <sched.h>

#include <atomic>
#include <functional>

namespace spillgate {

class CpuSpread {
 public:
  static constexpr int kNowhere = -1;

  CpuSpread();

  // Where a thread is at work, and where it was the last time: one a thread, changed by itself and
  // by whoever wakes it.
  struct Place {
    std::atomic<int> at_work{kNowhere};
    std::atomic<int> last{kNowhere};  // once it is set, so is the thread
    std::atomic<pthread_t> thread{};
    std::atomic<bool> moving{false};  // what it may run on is not what it says for a moment

    // By the thread itself, when it begins or goes on, and when it blocks or is idle.
    void Begin() {
      const int cpu = sched_getcpu();
      thread.store(pthread_self(), std::memory_order_relaxed);
      last.store(cpu, std::memory_order_release);
      at_work.store(cpu, std::memory_order_relaxed);
    }
    void End() { at_work.store(kNowhere, std::memory_order_relaxed); }
  };

  // The CPU that a thread should be woken on, kNowhere for "as the kernel likes". `taken` says
  // whether another thread is at work on a CPU.
  [[nodiscard]] int Choose(const Place& place, const std::function<bool(int)>& taken) const;
  // Calls `wake` so that the sleeping thread of that place, which Choose has looked at, wakes on
  // that CPU, if it still may run there.
  void WakeOn(int cpu, Place& place, const std::function<void()>& wake) const;
  // Lets a thread run where another one may; with the place of each.
  static void Follow(Place& place, pthread_t other, Place& own, pthread_t thread);

 private:
  cpu_set_t all_;
  int count_ = 0;
};

}  // namespace spillgate
