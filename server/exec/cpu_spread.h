// CpuSpread: puts a thread that is about to run a task on a CPU where none of the others does. Left
// alone, Linux wakes it where it last ran, behind a thread that computes there, and leaves it there
// for up to two milliseconds while another CPU is idle; with a parent, its children and as many
// slots as CPUs that cost a third of the machine.
//
// A placement, no pinning: the thread is woken there and may be moved on at once, so other programs
// and other nodes on the same CPUs get their part. Any thread. Does nothing where there are fewer
// CPUs than threads at work, or one.
#pragma once

#include <sched.h>

#include <atomic>
#include <functional>
#include <span>

namespace spillgate {

class CpuSpread {
 public:
  static constexpr int kNowhere = -1;

  CpuSpread();

  // Where a thread is at work, and where it was the last time: one a thread, changed by itself and
  // by whoever wakes it.
  struct Place {
    std::atomic<int> at_work{kNowhere};
    std::atomic<int> last{kNowhere};

    // By the thread itself, when it begins or goes on, and when it blocks or is idle.
    void Begin() {
      const int cpu = sched_getcpu();
      last.store(cpu, std::memory_order_relaxed);
      at_work.store(cpu, std::memory_order_relaxed);
    }
    void End() { at_work.store(kNowhere, std::memory_order_relaxed); }
  };

  // The CPU that a thread should be woken on, kNowhere for "as the kernel likes". `taken` says
  // whether another thread is at work on a CPU.
  [[nodiscard]] int Choose(const Place& place, const std::function<bool(int)>& taken) const;
  // Calls `wake` so that the sleeping `thread` wakes on that CPU.
  void WakeOn(int cpu, pthread_t thread, const std::function<void()>& wake) const;

 private:
  cpu_set_t all_;
  int count_ = 0;
};

}  // namespace spillgate
