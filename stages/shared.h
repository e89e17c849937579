// What the stages of one node share: tables, registries, bounds and ports. Built by the node,
// outlives every stage. Each part says itself which threads may use it.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <vector>

#include "core/base/slab.h"
#include "core/flow/credits.h"
#include "core/model/cost_model.h"
#include "core/model/root_spans.h"
#include "core/model/task.h"
#include "core/model/work_account.h"
#include "core/ports/journal.h"
#include "core/ports/reply_sink.h"
#include "core/tables/gauges.h"
#include "core/tables/limits.h"
#include "core/tables/registry.h"
#include "core/tables/signals.h"
#include "core/tables/task_table.h"
#include "core/tables/tenants.h"
#include "stages/tally.h"

namespace spillgate {

// Requests about tasks that publication has not looked at yet: their number, and their bytes.
inline constexpr std::uint32_t kMostRequests = 16384;
inline constexpr std::int64_t kMostRequestBytes = 64 << 20;

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
  CostModel& costs;       // scheduling learns, submission asks
  RootSpans& root_spans;  // publication learns, submission asks
  WorkAccount& account;   // likewise
  ReplySink& replies;
  Journal* journal;  // set before the stages are made
  Signals& signals;
  std::int64_t wall_offset_us;  // wall clock less our clock, when the process began

  // Accepted and not yet published.
  [[nodiscard]] std::int64_t unfinished() const {
    return in_flight.count() + spawn_reserve.count();
  }
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
