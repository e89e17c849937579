// Wake: how a thread that has nothing to do is woken, for one system call per empty-to-non-empty
// and none while it is awake. The sleeper calls Prepare, looks for work once more, then Wait (or
// lets an event loop watch fd()) and Done; others call Notify after they made work visible.
#pragma once

#include <atomic>
#include <cstdint>

#include "core/base/clock.h"

namespace spillgate {

class Wake {
 public:
  Wake();                             // a system without eventfds left is a crash
  explicit Wake(int fd) : fd_(fd) {}  // takes over a non-blocking eventfd
  ~Wake();
  Wake(const Wake&) = delete;
  Wake& operator=(const Wake&) = delete;

  // The sleeper's side, one thread at a time.
  void Prepare() {
    sleeping_.store(true, std::memory_order_relaxed);
    std::atomic_thread_fence(std::memory_order_seq_cst);
  }
  void Wait(Nanos at_most);  // returns early when notified; at_most < 0 is "until notified"
  void Done();               // awake again: forgets notifications so far

  // Any thread, after the work it tells of is visible.
  void Notify() {
    std::atomic_thread_fence(std::memory_order_seq_cst);
    if (sleeping_.load(std::memory_order_relaxed)) Ring();
  }

  [[nodiscard]] int fd() const { return fd_; }

 private:
  void Ring();

  int fd_;
  std::atomic<bool> sleeping_{false};
  std::uint64_t unread_ = 0;  // rings that are, or will be, in the eventfd; the sleeper's
};

}  // namespace spillgate
