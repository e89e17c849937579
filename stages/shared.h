// What the stages of one node share: tables, registries, bounds and ports. Built by the node,
// outlives every stage. Each part says itself which threads may use it.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "core/base/slab.h"
#include "core/flow/credits.h"
#include "core/model/task.h"
#include "core/ports/journal.h"
#include "core/ports/reply_sink.h"
#include "core/tables/registry.h"
#include "core/tables/task_table.h"

namespace spillgate {

// Bounds that a config reload may change under load.
struct Limits {
  std::atomic<std::uint32_t> deps_per_task{1000};
  std::atomic<std::uint32_t> ids_per_get{2048};
  std::atomic<std::uint32_t> nesting_depth{64};
  std::atomic<std::uint32_t> root_window{4096};
  std::atomic<std::uint32_t> inline_value{100 << 10};        // bytes of arguments, and of a result
  std::atomic<std::uint32_t> requests_per_connection{1024};  // gets and waits not yet answered
  std::atomic<std::uint64_t> unfetched_per_session{65536};
  std::atomic<std::uint64_t> unfetched_bytes_per_session{64 << 20};
};

struct Shape {
  std::string name;
  Resources resources;
};

struct Shared {
  TaskTable& table;
  Slab<Task>& tasks;
  Registry<Function>& functions;
  Registry<Shape>& shapes;
  flow::Credits& in_flight;  // accepted, not yet published
  flow::Credits&
      spawn_reserve;  // for the oldest waiting root when nothing of it can move otherwise
  Limits& limits;
  ReplySink& replies;
  Journal& journal;
  std::atomic<bool>& draining;       // no new roots
  std::atomic<bool>& room_wanted;    // somebody waits for a place in the in-flight bound
  std::atomic<std::int64_t>& stuck;  // tasks in flight that wait for other tasks
};

}  // namespace spillgate
