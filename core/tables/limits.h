// Bounds that a config reload may change under load. Any thread; each is read when it is needed, so
// a change takes effect with the next task.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "core/model/class.h"

namespace spillgate {

struct Limits {
  std::atomic<std::uint32_t> deps_per_task{1000};
  std::atomic<std::uint32_t> ids_per_get{2048};
  std::atomic<std::uint32_t> nesting_depth{64};
  std::atomic<std::uint32_t> root_window{4096};
  std::atomic<std::uint32_t> inline_value{100 << 10};        // bytes of arguments, and of a result
  std::atomic<std::uint32_t> requests_per_connection{1024};  // gets and waits not yet answered
  std::atomic<std::uint64_t> unfetched_per_session{65536};
  std::atomic<std::uint64_t> unfetched_bytes_per_session{64 << 20};
  std::atomic<std::uint64_t> value_heap{512 << 20};  // bytes of all values over inline_value
  std::atomic<std::uint64_t> open_roots{65536};
  std::atomic<std::uint8_t> level_max{2};  // the most durable Level that may be asked for
  std::array<std::atomic<std::int64_t>, kClasses> default_deadline_ns{};  // by class; 0: none
};

}  // namespace spillgate
