// Intake: the bounded buffer between those who append and the journal's thread. Reserve, Return and
// Commit are for any thread; the rest is for the journal's. A commit is one lock and one copy; a
// batch too large to be copied is taken over with its memory.
//
// Records keep their memory until they are synced, so that they can be written again elsewhere when
// a disk fails. Memory comes in chunks that are used again, the warmest first. It is bounded by the
// bytes reserved: a chunk is left at least three quarters full.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "core/base/clock.h"
#include "core/base/mutex.h"
#include "core/ports/journal.h"

namespace spillgate::journal {

struct Chunk {
  std::unique_ptr<std::byte[]> memory;
  std::size_t used = 0;
  std::uint32_t blocks = 0;  // in it and not released
};

// Records that become one block on disk: room for a block's header at `data`, then the body, then
// room for what pads it.
struct Block {
  std::byte* data = nullptr;
  std::uint32_t body = 0;
  std::uint32_t records = 0;
  std::uint32_t commits = 0;
  bool sync = false;  // somebody waits until it is synced
  Lsn first = 0;
  Instant taken{};                     // when the journal's thread took it
  Chunk* chunk = nullptr;              // where it lies, or else
  std::unique_ptr<std::byte[]> owned;  // its own memory

  [[nodiscard]] Lsn next() const { return first + records; }
};

class Intake {
 public:
  struct Bounds {
    std::size_t new_work = 0;    // bytes that records of any purpose may take
    std::size_t completion = 0;  // that completions may take beyond
    std::size_t most_body = 0;   // of a block
  };
  Intake(const Bounds& bounds, Lsn next);

  [[nodiscard]] bool Reserve(std::size_t bytes, Purpose purpose) {
    if (purpose == Purpose::kNewWork && !accepting()) return false;
    const std::size_t bound =
        bounds_.new_work + (purpose == Purpose::kCompletion ? bounds_.completion : 0);
    std::size_t used = reserved_.load(std::memory_order_relaxed);
    do {
      if (used > bound || bytes > bound - used) return false;
    } while (!reserved_.compare_exchange_weak(used, used + bytes, std::memory_order_relaxed));
    return true;
  }
  // Room for what is there already, whatever the bound.
  void Charge(std::size_t bytes) { reserved_.fetch_add(bytes, std::memory_order_relaxed); }
  void Return(std::size_t bytes) { reserved_.fetch_sub(bytes, std::memory_order_relaxed); }
  [[nodiscard]] std::size_t reserved() const { return reserved_.load(std::memory_order_relaxed); }

  [[nodiscard]] Lsn Commit(JournalBytes& bytes) EXCLUDES(mutex_);

  [[nodiscard]] bool accepting() const { return accepting_.load(std::memory_order_relaxed); }
  void SetAccepting(bool accepting) { accepting_.store(accepting, std::memory_order_relaxed); }

  [[nodiscard]] bool Empty() EXCLUDES(mutex_);
  [[nodiscard]] Lsn Last() EXCLUDES(mutex_);  // committed so far
  // Moves what was committed to the end of `blocks`.
  void Take(std::vector<Block>& blocks, Instant now) EXCLUDES(mutex_);
  // The first `count` of them are synced: their memory and their room come home.
  void Release(std::vector<Block>& blocks, std::size_t count) EXCLUDES(mutex_);

 private:
  static constexpr std::size_t kChunk = 256 << 10;
  static constexpr std::size_t kMostCopied = kChunk / 4;

  void Copy(const JournalBytes& bytes) REQUIRES(mutex_);
  void TakeOver(JournalBytes& bytes) REQUIRES(mutex_);
  void SealOpen() REQUIRES(mutex_);
  [[nodiscard]] std::byte* RoomFor(std::size_t body) REQUIRES(mutex_);
  void NewChunk() REQUIRES(mutex_);

  const Bounds bounds_;
  std::atomic<std::size_t> reserved_{0};
  std::atomic<bool> accepting_{true};

  Mutex mutex_;
  Lsn next_ GUARDED_BY(mutex_);
  Block open_ GUARDED_BY(mutex_);  // being filled, at the end of the current chunk
  std::vector<Block> sealed_ GUARDED_BY(mutex_);
  Chunk* current_ GUARDED_BY(mutex_) = nullptr;
  std::vector<std::unique_ptr<Chunk>> chunks_ GUARDED_BY(mutex_);
  std::vector<Chunk*> free_ GUARDED_BY(mutex_);
};

}  // namespace spillgate::journal
