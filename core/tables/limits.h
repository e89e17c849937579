// Bounds and paces. Most are knobs, which a config reload may change under load; four stand only
// here and in docs/protocol.md: requests_per_connection, waiters_per_connection, waiters and
// open_roots. Any thread; each is read when it is needed, so a change takes effect with the next
// task. Who keeps a copy looks at `changes` first.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>

#include "core/base/clock.h"
#include "core/model/class.h"

namespace spillgate {

struct Limits {
  std::atomic<std::uint32_t> deps_per_task{1000};
  std::atomic<std::uint32_t> ids_per_get{2048};
  std::atomic<std::uint32_t> nesting_depth{64};
  std::atomic<std::uint32_t> root_window{4096};
  std::atomic<std::uint32_t> inline_value{100 << 10};  // bytes of arguments, and of a result
  // Gets and waits not yet answered, and what they wait for; of all connections together.
  std::atomic<std::uint32_t> requests_per_connection{1024};
  std::atomic<std::uint32_t> waiters_per_connection{1 << 16};
  std::atomic<std::uint32_t> waiters{1 << 22};
  std::atomic<std::uint64_t> unfetched_bytes{1 << 30};
  std::atomic<std::uint64_t> unfetched_per_session{65536};
  std::atomic<std::uint64_t> unfetched_bytes_per_session{64 << 20};
  std::atomic<std::uint64_t> value_heap{512 << 20};  // bytes of all values over inline_value
  std::atomic<std::uint64_t> open_roots{65536};
  std::atomic<std::uint8_t> level_max{2};  // the most durable Level that may be asked for
  std::array<std::atomic<std::int64_t>, kClasses> default_deadline_ns{};  // by class; 0: none
  // By class: how long a new root may have to wait for others, by what they are known to cost.
  std::array<std::atomic<std::int64_t>, kClasses> target_delay_ns{};

  // The park.
  std::atomic<std::uint64_t> park{32768};
  std::atomic<std::uint64_t> park_bytes{64 << 20};
  std::atomic<Nanos> park_ttl{std::chrono::hours(1)};

  // The ready set: percent of the slot time, by class, and when room is kept for what does not fit.
  std::array<std::atomic<std::uint32_t>, kClasses> shares{};
  std::atomic<Nanos> reserve_after{std::chrono::milliseconds(100)};

  // After the death of a worker. Pauses double a death, with full jitter; the budget is retries as
  // a part of all runs, beyond the first hundred.
  std::atomic<std::uint8_t> max_retries{3};
  std::atomic<std::uint8_t> poison_deaths{3};
  std::atomic<Nanos> retry_backoff{std::chrono::milliseconds(50)};
  std::atomic<Nanos> retry_backoff_max{std::chrono::seconds(10)};
  std::atomic<double> retry_budget{0.10};

  std::atomic<std::uint32_t> changes{0};  // counts up when any of them was set
};

}  // namespace spillgate
