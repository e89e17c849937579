// What the stages of one node share: tables, registries, bounds and ports. Built by the node,
// outlives every stage. Each part says itself which threads may use it.
#pragma once

#include <array>
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
#include "core/tables/tenants.h"
#include "stages/tally.h"

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
  std::atomic<std::uint64_t> value_heap{512 << 20};  // bytes of all values over inline_value
  std::atomic<std::uint64_t> open_roots{65536};
};

// Requests about tasks that publication has not looked at yet: their number, and their bytes.
inline constexpr std::uint32_t kMostRequests = 16384;
inline constexpr std::int64_t kMostRequestBytes = 64 << 20;

// What serial stages show of themselves, at each tick; for people.
struct Gauges {
  std::atomic<std::int64_t> parked{0};
  std::atomic<std::int64_t> parked_bytes{0};
  std::atomic<std::int64_t> park_oldest_ns{kNever.time_since_epoch().count()};
  std::array<std::atomic<std::int64_t>, kResourceKinds> free{};
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
  Tenants& tenants;
  Tally& tally;
  Gauges& gauges;
  flow::Credits& requests;   // to publication, not yet looked at
  flow::Credits& in_flight;  // accepted, not yet published
  flow::Credits&
      spawn_reserve;  // for the oldest waiting root when nothing of it can move otherwise
  Limits& limits;
  ReplySink& replies;
  Journal* journal;                  // set before the stages are made
  std::atomic<bool>& draining;       // no new roots
  std::atomic<bool>& room_wanted;    // somebody waits for a place in the in-flight bound
  std::atomic<std::int64_t>& stuck;  // tasks in flight that wait for other tasks
  std::int64_t wall_offset_us;       // wall clock less our clock, when the process began

  // Microseconds of the wall clock; 0 is never.
  [[nodiscard]] std::int64_t ToWall(Instant at) const {
    if (at == kNever) return 0;
    return std::chrono::duration_cast<std::chrono::microseconds>(at.time_since_epoch()).count() +
           wall_offset_us;
  }
  [[nodiscard]] Instant FromWall(std::int64_t us) const {
    return us == 0 ? kNever : Instant(std::chrono::microseconds(us - wall_offset_us));
  }
};

}  // namespace spillgate
