// NodeFigures: what the node itself knows and the stage runtime does not: bounds in use, sessions,
// the park, workers, the journal. The node fills one whenever a snapshot is taken, on the loop's
// thread; what it leaves alone shows as zero.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "core/base/clock.h"
#include "core/flow/credits.h"
#include "core/model/class.h"
#include "core/model/level.h"
#include "core/model/resources.h"

namespace spillgate::admin {

// A bound in count and bytes, and how much of it is used.
struct Use {
  std::int64_t count = 0;
  std::int64_t count_limit = 0;
  std::int64_t bytes = 0;
  std::int64_t bytes_limit = 0;

  [[nodiscard]] static Use Of(const flow::Credits& credits) {
    return {.count = credits.count(),
            .count_limit = credits.count_limit(),
            .bytes = credits.bytes(),
            .bytes_limit = credits.bytes_limit()};
  }
};

// Threads that run native functions, or worker processes.
struct HostFigures {
  std::int64_t starting = 0;
  std::int64_t idle = 0;
  std::int64_t busy = 0;
  std::int64_t blocked = 0;  // in a get, their slot given back
  std::int64_t limit = 0;
  std::uint64_t started = 0;  // in all
  std::uint64_t died = 0;     // in all, other than as asked
};

struct JournalFigures {
  Level level_max = Level::kNone;  // none: there is no journal
  bool accepting = true;
  std::string why_not;        // a sentence, when it takes no new work
  std::uint64_t written = 0;  // records
  std::uint64_t syncs = 0;
  std::int64_t buffered_bytes = 0;
  std::int64_t buffer_limit = 0;
  std::int64_t disk_bytes = 0;
  std::uint64_t errors = 0;
  bool stands = false;  // a sync takes so long that tasks that wait for it leave their slots
};

// In whole units: CPUs, GPUs, bytes.
struct ResourceFigures {
  std::string name;
  double total = 0;
  double free = 0;
};

[[nodiscard]] std::vector<ResourceFigures> ListResources(const Resources& total,
                                                         const Resources& free,
                                                         const ResourceNames& names);

// CPU slots beyond those of the node, and limits of functions: as they were learned.
struct SlotFigures {
  std::int64_t extra = 0;
  std::int64_t useful = 0;  // extra ones that the CPUs would have had time for, an estimate
  std::int64_t most = 0;    // extra ones that the config allows
  std::int64_t limited_functions = 0;
};

struct NodeFigures {
  bool accepting = false;
  bool draining = false;
  std::string why_not;  // a sentence, when it is not accepting

  std::int64_t connections = 0;
  std::int64_t connections_limit = 0;
  std::uint64_t connection_rests = 0;     // not read for a while, as they were refused too much
  std::int64_t connections_not_read = 0;  // now, for whatever reason
  std::int64_t sessions = 0;
  std::int64_t records = 0;   // tasks whose outcome, or want of one, is known
  std::int64_t requests = 0;  // gets and waits not yet answered
  Use in_flight;
  Use spawn_reserve;
  Use park;
  std::array<std::uint64_t, kClasses> deferred{};  // tasks of patient roots that wait
  std::int64_t value_bytes = 0;                    // of results and puts that are kept
  std::int64_t value_bytes_limit = 0;
  Instant park_oldest = kNever;

  HostFigures threads;
  HostFigures workers;
  JournalFigures journal;
  std::vector<ResourceFigures> resources;
  SlotFigures slots;

  std::uint64_t config_generation = 1;  // how many configurations have taken effect
  bool last_reload_ok = true;
};

}  // namespace spillgate::admin
