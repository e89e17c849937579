// Credits: a bound in count and bytes. Reserve takes places or says no, so that what follows cannot
// run out of room; Release brings them home. Any thread; one atomic operation per call and
// dimension, so call it once a batch.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>

#include "core/base/check.h"

namespace spillgate::flow {

class Credits {
 public:
  Credits(std::int64_t count, std::int64_t bytes) : count_limit_(count), bytes_limit_(bytes) {}

  [[nodiscard]] bool Reserve(std::int64_t count, std::int64_t bytes) {
    if (used_count_.fetch_add(count, std::memory_order_relaxed) + count > count_limit()) {
      used_count_.fetch_sub(count, std::memory_order_relaxed);
      return false;
    }
    if (used_bytes_.fetch_add(bytes, std::memory_order_relaxed) + bytes > bytes_limit()) {
      used_bytes_.fetch_sub(bytes, std::memory_order_relaxed);
      used_count_.fetch_sub(count, std::memory_order_relaxed);
      return false;
    }
    return true;
  }

  // Takes places whether or not there is room: for what already holds a wider reservation.
  void Force(std::int64_t count, std::int64_t bytes) {
    used_count_.fetch_add(count, std::memory_order_relaxed);
    used_bytes_.fetch_add(bytes, std::memory_order_relaxed);
  }

  void Release(std::int64_t count, std::int64_t bytes) {
    const std::int64_t before = used_count_.fetch_sub(count, std::memory_order_relaxed);
    SG_CHECK(before >= count);
    used_bytes_.fetch_sub(bytes, std::memory_order_relaxed);
  }

  // A smaller limit takes nothing away from those who hold places; they drain.
  void Resize(std::int64_t count, std::int64_t bytes) {
    count_limit_.store(count, std::memory_order_relaxed);
    bytes_limit_.store(bytes, std::memory_order_relaxed);
  }

  [[nodiscard]] std::int64_t count() const { return used_count_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::int64_t bytes() const { return used_bytes_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::int64_t count_limit() const {
    return count_limit_.load(std::memory_order_relaxed);
  }
  [[nodiscard]] std::int64_t bytes_limit() const {
    return bytes_limit_.load(std::memory_order_relaxed);
  }
  [[nodiscard]] std::int64_t room() const {
    return std::max<std::int64_t>(0, count_limit() - count());
  }
  [[nodiscard]] std::int64_t bytes_room() const {
    return std::max<std::int64_t>(0, bytes_limit() - bytes());
  }

 private:
  std::atomic<std::int64_t> used_count_{0};
  std::atomic<std::int64_t> used_bytes_{0};
  std::atomic<std::int64_t> count_limit_;
  std::atomic<std::int64_t> bytes_limit_;
};

}  // namespace spillgate::flow
