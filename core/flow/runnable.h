// Runnable: one inbox with its stage, as a pool sees it. The pool keeps one bit for each and runs
// those whose bit is set, one thread at a time, the most downstream first.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "core/base/clock.h"

namespace spillgate::flow {

class Pool;

class Runnable {
 public:
  virtual ~Runnable() = default;

  // Takes at most `most` events (0: as many as there is time for) and handles them; reads the clock
  // once, after. Answers the time it read. The pool guarantees one thread at a time.
  virtual Instant RunBatch(Instant now, std::size_t most) = 0;
  virtual void Tick(Instant now) = 0;
  // Drain: give up, in order, whatever is still held.
  virtual void Flush(Instant now) = 0;
  [[nodiscard]] virtual bool HasWork() const = 0;   // events wait to be taken
  [[nodiscard]] virtual bool Occupied() const = 0;  // anything waits or is held

  // Any thread: there may be work. Wakes the pool if it sleeps.
  void MarkReady();
  // Whether the caller is the only thread that ever runs this, so that events need not cross
  // threads.
  [[nodiscard]] bool OnOwnThread() const;

  void JoinPool(Pool* pool, std::uint64_t bit) {
    pool_ = pool;
    bit_ = bit;
  }
  [[nodiscard]] Pool* pool() const { return pool_; }
  [[nodiscard]] std::uint64_t bit() const { return bit_; }
  [[nodiscard]] bool TryEnter() { return !busy_.exchange(true, std::memory_order_acquire); }
  void Exit() { busy_.store(false, std::memory_order_release); }

 private:
  Pool* pool_ = nullptr;
  std::uint64_t bit_ = 0;
  std::atomic<bool> busy_{false};
};

}  // namespace spillgate::flow
