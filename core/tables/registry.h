// Registry<T>: things that are named once and then meant by a small number for the rest of the
// node's life, such as functions and resource shapes. Adding takes a lock and is bounded; reading
// by number takes none. Entries never move and never change, so any thread may keep a pointer to
// one.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/base/mutex.h"

namespace spillgate {

template <class T>
class Registry {
 public:
  explicit Registry(std::uint32_t capacity)
      : entries_(std::make_unique<std::atomic<const T*>[]>(capacity + 1)), capacity_(capacity) {}

  // The number of `name`, which `make(number)` builds if it is new; 0 when the registry is full.
  template <class Make>
  [[nodiscard]] std::uint32_t Add(std::string_view name, Make&& make) EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    const auto found = numbers_.find(std::string(name));
    if (found != numbers_.end()) return found->second;
    if (owned_.size() >= capacity_) return 0;
    const auto number = static_cast<std::uint32_t>(owned_.size() + 1);
    owned_.push_back(std::make_unique<Entry>(make, number));
    numbers_.emplace(std::string(name), number);
    entries_[number].store(&owned_.back()->value, std::memory_order_release);
    return number;
  }

  // 0 when there is no such name.
  [[nodiscard]] std::uint32_t Find(std::string_view name) const EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    const auto found = numbers_.find(std::string(name));
    return found == numbers_.end() ? 0 : found->second;
  }

  // Null for 0 and for numbers never given out.
  [[nodiscard]] const T* At(std::uint32_t number) const {
    return number > capacity_ ? nullptr : entries_[number].load(std::memory_order_acquire);
  }

  [[nodiscard]] std::uint32_t size() const EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    return static_cast<std::uint32_t>(owned_.size());
  }

 private:
  // Built where it stays, so that an entry may be something that cannot move.
  struct Entry {
    template <class Make>
    Entry(Make& make, std::uint32_t number) : value(make(number)) {}
    const T value;
  };

  std::unique_ptr<std::atomic<const T*>[]> entries_;
  const std::uint32_t capacity_;
  mutable Mutex mutex_;
  std::vector<std::unique_ptr<Entry>> owned_ GUARDED_BY(mutex_);
  std::unordered_map<std::string, std::uint32_t> numbers_ GUARDED_BY(mutex_);
};

}  // namespace spillgate
