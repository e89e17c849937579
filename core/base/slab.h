// Slab<T>: objects of one type from memory that is taken once and touched at once (a fresh page
// costs fifty times a task's way through the node). Each thread keeps a magazine of free cells and
// trades a whole magazine with the shared list, so a task costs no lock and no malloc. Any thread
// may make and destroy.
#pragma once

#include <array>
#include <cstddef>
#include <new>
#include <utility>
#include <vector>

#include "core/base/huge_array.h"
#include "core/base/mutex.h"
#include "core/base/thread_index.h"

namespace spillgate {

template <class T>
class Slab {
 public:
  // `reserve` cells are made and touched now, side by side; more come in blocks as needed.
  explicit Slab(std::size_t reserve) {
    if (reserve > 0) Grow((reserve + kBlock - 1) / kBlock * kBlock);
  }
  Slab(const Slab&) = delete;
  Slab& operator=(const Slab&) = delete;

  template <class... Args>
  [[nodiscard]] T* Make(Args&&... args) {
    Magazine& mine = magazines_[ThreadIndex()];
    if (mine.free == nullptr) Refill(mine);
    Cell* cell = mine.free;
    mine.free = cell->next;
    --mine.count;
    return new (cell->bytes) T(std::forward<Args>(args)...);
  }

  void Destroy(T* object) {
    object->~T();
    Cell* cell = reinterpret_cast<Cell*>(object);
    Magazine& mine = magazines_[ThreadIndex()];
    cell->next = mine.free;
    mine.free = cell;
    if (++mine.count >= 2 * kMagazine) Return(mine);
  }

 private:
  static constexpr std::size_t kMagazine = 256;
  static constexpr std::size_t kBlock = 1024;

  union Cell {
    Cell* next;
    alignas(T) std::byte bytes[sizeof(T)];
  };
  struct alignas(64) Magazine {
    Cell* free = nullptr;
    std::size_t count = 0;
  };

  void Refill(Magazine& mine) EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    if (full_.empty()) GrowLocked(kBlock);
    mine.free = full_.back();
    full_.pop_back();
    mine.count = kMagazine;
  }
  void Return(Magazine& mine) EXCLUDES(mutex_) {
    Cell* head = mine.free;
    Cell* last = head;
    for (std::size_t i = 1; i < kMagazine; ++i) last = last->next;
    mine.free = last->next;
    mine.count -= kMagazine;
    last->next = nullptr;
    MutexLock lock(mutex_);
    full_.push_back(head);
  }
  void Grow(std::size_t cells) EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    GrowLocked(cells);
  }
  void GrowLocked(std::size_t cells) REQUIRES(mutex_) {
    Cell* block = blocks_.emplace_back(cells).data();
    for (std::size_t start = 0; start < cells; start += kMagazine) {
      for (std::size_t i = start; i < start + kMagazine; ++i) {
        block[i].next = i + 1 < start + kMagazine ? &block[i + 1] : nullptr;
      }
      full_.push_back(&block[start]);
    }
  }

  std::array<Magazine, kThreadIndexes> magazines_;
  Mutex mutex_;
  std::vector<Cell*> full_ GUARDED_BY(mutex_);
  std::vector<HugeArray<Cell>> blocks_ GUARDED_BY(mutex_);
};

}  // namespace spillgate
