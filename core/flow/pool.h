// Pool: a named set of threads that serve a list of stages, the most downstream first, in batches.
// An inbox is not a thread: by default one pool with one thread, that of the event loop, serves all
// six.
//
// A pool either has threads of its own (Start, Stop) or is driven by somebody else's loop, who
// calls Turn whenever wake() has rung or after I/O. Serve everything before either begins.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "core/base/clock.h"
#include "core/flow/runnable.h"
#include "core/flow/wake.h"

namespace spillgate::flow {

struct PoolOptions {
  std::uint32_t threads = 1;  // of its own; 0: driven by somebody else's one thread
  Nanos poll{0};              // how long to look again, yielding, before blocking
  Nanos tick = std::chrono::milliseconds(1);
};

class Pool {
 public:
  Pool(std::string name, const Clock& clock, PoolOptions options);
  ~Pool();

  // In the order tasks travel; at most 64.
  void Serve(Runnable& runnable);

  void Start();  // begins the pool's own threads
  void Stop();   // ends them; what waits in inboxes stays there

  // One pass on the calling thread: runs what is ready until nothing is, `budget` batches have run
  // or the next tick is due; ticks stages first if one is. Answers the number of batches run.
  std::size_t Turn(std::size_t budget);

  // Any thread, at any time.
  void SetPoll(Nanos poll) { poll_ns_.store(poll.count(), std::memory_order_relaxed); }
  [[nodiscard]] Nanos poll() const { return Nanos(poll_ns_.load(std::memory_order_relaxed)); }

  // How long the driving loop may block now: 0 if there is work, a tick if anything is occupied,
  // else kNever.
  [[nodiscard]] Nanos MayBlock() const;

  void MarkReady(std::uint64_t bit) {
    std::atomic_thread_fence(std::memory_order_seq_cst);
    if ((ready_.load(std::memory_order_relaxed) & bit) != 0) return;
    ready_.fetch_or(bit, std::memory_order_seq_cst);
    if (!OnOwnThread()) Notify();
  }
  [[nodiscard]] bool OnOwnThread() const;
  // Tests: whether the bit was set; clears it.
  [[nodiscard]] bool TakeReady(std::uint64_t bit) { return (ready_.fetch_and(~bit) & bit) != 0; }
  [[nodiscard]] bool HasReady() const { return ready_.load(std::memory_order_relaxed) != 0; }

  // From now on the calling thread alone runs every stage, also outside Turn: an event loop, whose
  // reads push; a test that steps a node; or its end. What it emits crosses no threads and wakes
  // nobody; what others push (the journal's, executors') still does.
  void BindToThread();
  void Unbind() { bound_to_.store(nullptr, std::memory_order_relaxed); }

  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] const PoolOptions& options() const { return options_; }
  [[nodiscard]] Wake& wake() { return *wakes_.front(); }
  [[nodiscard]] const std::vector<Runnable*>& runnables() const { return by_bit_; }
  [[nodiscard]] std::uint64_t busy_ns() const { return busy_ns_.load(std::memory_order_relaxed); }

 private:
  void Notify();
  void ThreadMain(std::size_t index);
  bool RunOne(Instant& now);
  void LeaveWork(std::uint64_t bit);
  bool TickAll(Instant now);  // whether it was time
  [[nodiscard]] bool TickIsDue(Instant now) const;

  const std::string name_;
  const Clock& clock_;
  const PoolOptions options_;
  std::vector<Runnable*>
      by_bit_;  // bit 63 - i belongs to the i-th served: leading bits are upstream
  std::vector<std::unique_ptr<Wake>> wakes_;
  std::vector<std::thread> threads_;
  std::atomic<std::uint64_t> ready_{0};
  std::atomic<bool> stop_{false};
  std::atomic<std::int64_t> next_tick_ns_{0};
  std::atomic<std::uint64_t> busy_ns_{0};
  std::atomic<std::int64_t> poll_ns_;
  std::atomic<const void*> bound_to_{nullptr};  // a mark of that thread
};

}  // namespace spillgate::flow
