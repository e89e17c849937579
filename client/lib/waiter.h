// Parker: where one thread sleeps until another wakes it. Waiter: a thread that waits for some
// number of things, on its own stack. The driver's lock guards what is said to be; a thread that
// leaves takes that lock to strike itself off the list, so nobody touches a waiter that has gone.
#pragma once

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <ctime>

#include "core/base/clock.h"

namespace spillgate::client {

class Parker {
 public:
  // Sleeps until Signal, or for so long; returns early now and then. A Signal before it counts.
  void Park(Nanos at_most) {
    std::uint32_t expected = kAwake;
    if (at_most > Nanos(0) && word_.compare_exchange_strong(expected, kAsleep)) {
      const auto seconds = std::chrono::floor<std::chrono::seconds>(at_most);
      timespec timeout{.tv_sec = static_cast<time_t>(
                           std::min<std::int64_t>(seconds.count(), std::int64_t{1} << 31)),
                       .tv_nsec = static_cast<long>((at_most - seconds).count())};
      syscall(SYS_futex, &word_, FUTEX_WAIT_PRIVATE, kAsleep, &timeout, nullptr, 0);
    }
    word_.store(kAwake);
  }

  // True: Ring(address()) has to follow, once no lock is held. It does not touch the parker, which
  // may be gone by then: the kernel only looks whether somebody sleeps at that address.
  [[nodiscard]] bool Signal() { return word_.exchange(kSignalled) == kAsleep; }
  [[nodiscard]] const void* address() const { return &word_; }
  static void Ring(const void* address) {
    syscall(SYS_futex, address, FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0);
  }

 private:
  static constexpr std::uint32_t kAwake = 0;
  static constexpr std::uint32_t kAsleep = 1;
  static constexpr std::uint32_t kSignalled = 2;
  static_assert(sizeof(std::atomic<std::uint32_t>) == sizeof(std::uint32_t));

  std::atomic<std::uint32_t> word_{kAwake};
};

struct Waiter {
  explicit Waiter(std::int64_t things) : left(things) {}
  Waiter(const Waiter&) = delete;
  Waiter& operator=(const Waiter&) = delete;

  [[nodiscard]] bool done() const { return left.load(std::memory_order_acquire) <= 0; }

  std::atomic<std::int64_t> left;  // things still missing; written under the lock
  Parker parker;
  // Under the lock: the list of those that sleep.
  Waiter* next = nullptr;
  Waiter* previous = nullptr;
};

}  // namespace spillgate::client
