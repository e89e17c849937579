// Gauge: a number that one thread writes and any thread reads, as it was a moment ago. Writing
// costs no more than to a plain variable: there is no read-modify-write.
#pragma once

#include <atomic>
#include <cstdint>

namespace spillgate {

class Gauge {
 public:
  constexpr Gauge() = default;
  explicit constexpr Gauge(std::int64_t value) : value_(value) {}
  void Set(std::int64_t value) { value_.store(value, std::memory_order_relaxed); }
  void Add(std::int64_t change) { Set(get() + change); }
  [[nodiscard]] std::int64_t get() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::int64_t> value_{0};
};

}  // namespace spillgate
