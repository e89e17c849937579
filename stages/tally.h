// Tally: what the stages count about tasks, and the sockets before them about connections, beside
// what the stage runtime counts about events. One block for each shard of a stage, with that shard
// as its one writer; read by anyone. The command, the admin port and the tests all read these same
// numbers. Built by the node, outlives the stages.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/base/clock.h"
#include "core/base/gauge.h"
#include "core/flow/spread.h"
#include "core/flow/stage_stats.h"
#include "core/model/class.h"
#include "core/model/outcome.h"
#include "core/model/reason.h"

namespace spillgate {

inline constexpr std::size_t kFates = 6;  // one past the largest Fate
inline constexpr std::uint64_t kNoRootWaits = ~std::uint64_t{0};

using ByClass = std::array<flow::Counter, kClasses>;
using ByReason = std::array<flow::Counter, kReasons>;

// What waited for something before it could go on, for a millisecond at least: for how long, and
// how that ended. Tasks; of the sockets, connections.
struct DeferralTally {
  enum Outcome : std::uint8_t { kRun, kExpired, kCancelled, kFailed, kOutcomes };
  static constexpr Nanos kLeast = std::chrono::milliseconds(1);

  std::array<flow::Counter, kOutcomes> outcomes;
  flow::Histogram ages;

  void Count(Outcome outcome, Nanos age, std::uint64_t tasks = 1) {
    if (age < kLeast || tasks == 0) return;
    outcomes[outcome].Add(tasks);
    ages.Add(age, tasks);
  }
};

// In tasks, not frames. Each task of a frame counts once: accepted, refused, or repeated.
struct SubmissionTally {
  ByClass accepted;
  ByReason refused;
  ByClass roots_refused;        // of those refused, roots for which there was no room or no time
  flow::Counter repeated;       // known already: answered again, not run again
  flow::Counter spawns_waited;  // times that the rest of a frame of spawns had to wait for room
  flow::Counter from_reserve;   // accepted on the spawn reserve
  DeferralTally deferrals;      // spawns that waited for room
  Gauge waiting;                // tasks of spawns that wait for it now
  Gauge waiting_bytes;          // of their frames
  Gauge waiting_since{kNever.time_since_epoch().count()};  // when the first of those came
  // Which root is the oldest that has spawns waiting here, by its order.
  // tidy: atomics: the other shards of the stage ask it before they touch the one reserve.
  std::atomic<std::uint64_t> oldest_waiting{kNoRootWaits};
};

struct ResolutionTally {
  flow::Counter parked;
  DeferralTally deferrals;  // tasks that waited for their arguments
};

struct SchedulingTally {
  DeferralTally deferrals;     // tasks of patient roots that waited for their turn
  flow::Counter out_of_reach;  // dropped with their deadline still to come
  flow::Counter prefetched;    // placed before a slot was free for them
};

struct ExecutionTally {
  flow::Counter started;  // runs, first and further ones
  flow::Counter host_deaths;
  flow::Counter retried;
  flow::Counter held_up;  // started, and given back before they began
  // Without a slot, while the disk stood still on which their one run has to be noted.
  DeferralTally disk_deferrals;
  DeferralTally retry_deferrals;  // rested after the death of their worker
  Gauge aside;                    // tasks that wait for that disk now
  Gauge resting;                  // and that rest
};

// How those fared that were let in. Counted while a controller wants to know it
// (Signals::observed). Times are of tasks that wait for no other: for no argument, and for no
// parent.
struct ServedTally {
  flow::Counter ran;         // tasks that ran to their end
  flow::Counter timed;       // those of them whose run is in service_ns
  flow::Counter service_ns;  // from the beginning of the run to its end
  flow::Counter wait_ns;     // from being accepted to there, also of what expired before it
  flow::Spread wait;
  flow::Spread response;  // from being accepted to the end
};

struct PublicationTally {
  std::array<flow::Counter, kFates> ended;
  ByReason unsuccessful;    // why, of those that were not done or forwarded
  flow::Counter late;       // cancels and expiries that another outcome was before, dropped
  flow::Counter unmatched;  // children of earlier runs that their parent's last run did not spawn
  ByClass wasted_ns;        // slot time of roots that were not done in time
  ByClass saved_ns;         // that tasks are known to take which were dropped before they began
  ServedTally served;
};

// Connections that are not read for a while: what they send waits in the sockets. By why, once for
// each pause, whatever lies there. "run": it is read again. "expired": it was closed, as it did not
// read its replies for too long. "cancelled": it was closed meanwhile.
struct SocketTally {
  enum Why : std::uint8_t {
    kRefusals,  // it was refused too much: it rests
    kFull,      // submission is full
    kLarge,     // large frames of others are on their way in, as many as there is room for
    kUnread,    // it does not read its replies
    kWhys
  };
  std::array<DeferralTally, kWhys> deferrals;
  Gauge not_read;  // connections, now, for whatever of these
};

struct TallyShards {
  std::size_t submission = 1;
  std::size_t execution = 1;
  std::size_t publication = 1;
};

struct Tally {
  explicit Tally(TallyShards shards)
      : submission(shards.submission),
        execution(shards.execution),
        publication(shards.publication) {}

  std::vector<SubmissionTally> submission;
  ResolutionTally resolution;
  SchedulingTally scheduling;
  std::vector<ExecutionTally> execution;
  std::vector<PublicationTally> publication;
  SocketTally sockets;  // the loop's thread writes it
};

}  // namespace spillgate
