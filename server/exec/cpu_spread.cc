#include "server/exec/cpu_spread.h"

namespace spillgate {

CpuSpread::CpuSpread() {
  CPU_ZERO(&all_);
  if (sched_getaffinity(0, sizeof(all_), &all_) == 0) count_ = CPU_COUNT(&all_);
}

int CpuSpread::Choose(const Place& place, const std::function<bool(int)>& taken) const {
  if (count_ < 2) return kNowhere;
  const int last = place.last.load(std::memory_order_acquire);
  if (last == kNowhere || !taken(last)) return kNowhere;  // the kernel wakes it there
  int left = count_;
  for (int cpu = 0; left > 0; ++cpu) {
    if (!CPU_ISSET(cpu, &all_)) continue;
    --left;
    if (!taken(cpu)) return cpu;
  }
  return kNowhere;
}

void CpuSpread::WakeOn(int cpu, Place& place, const std::function<void()>& wake) const {
  // Two at once would each give back what the other one has set.
  if (place.moving.exchange(true, std::memory_order_acquire)) return wake();
  const pthread_t thread = place.thread.load(std::memory_order_relaxed);
  // Whoever has pinned it since it began knows better.
  cpu_set_t may;
  const bool known = pthread_getaffinity_np(thread, sizeof(may), &may) == 0;
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(cpu, &one);
  const bool moved =
      known && CPU_ISSET(cpu, &may) && pthread_setaffinity_np(thread, sizeof(one), &one) == 0;
  wake();
  if (moved) pthread_setaffinity_np(thread, sizeof(may), &may);
  place.moving.store(false, std::memory_order_release);
}

void CpuSpread::Follow(Place& place, pthread_t other, Place& own, pthread_t thread) {
  while (place.moving.exchange(true, std::memory_order_acquire)) sched_yield();
  cpu_set_t may;
  const bool known = pthread_getaffinity_np(other, sizeof(may), &may) == 0;
  place.moving.store(false, std::memory_order_release);
  if (!known) return;
  while (own.moving.exchange(true, std::memory_order_acquire)) sched_yield();
  pthread_setaffinity_np(thread, sizeof(may), &may);
  own.moving.store(false, std::memory_order_release);
}

}  // namespace spillgate
