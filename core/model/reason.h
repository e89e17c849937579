// Why something was refused or did not succeed. One closed set, used as wire code, as metric label
// and in messages, so that the three never disagree. Values are part of the protocol: append, never
// renumber.
#pragma once

#include <cstdint>
#include <string_view>

namespace spillgate {

enum class Reason : std::uint16_t {
  kNone = 0,
  // A submission was refused: this id did not and will not run.
  kInFlight = 1,       // the node's in-flight bound, in count
  kInFlightBytes = 2,  // the same in bytes
  kStageFull = 3,      // the bound of submission's inbox
  kQuota = 4,          // the tenant's or the root's window of unfinished tasks
  kUnfetched = 5,      // the session leaves too many results unfetched
  kExpired = 6,        // the deadline had passed, or passes before the task could end
  kDraining = 7,       // the node takes no new work
  kJournal = 8,        // the journal cannot take new work at this level
  kInfeasible = 9,     // no slots of this node could ever fit it
  kUnknownFunction = 10,
  kUnknownShape = 11,
  kUnknownRoot = 12,  // not open, not of this session, or ended
  kMalformed = 13,    // the frame contradicts itself
  kTooLarge = 14,     // an argument, a payload or a count over its limit
  kIdConflict = 15,   // the id was used before for something else
  kNestingDepth = 16,
  kFunctionBroken = 17,  // its breaker is open: it killed too many workers
  kSettled = 18,         // the id ran, ended and was let go of
  kSessionEnded = 19,    // its session has ended, or is not known any more
  kBacklog = 20,         // more of the tenant's work waits than its share serves in time
  kClientQuota = 21,     // the client's bound of unfinished tasks
  kRate = 22,            // tasks of the client, or of its tenant, come faster than they may
  kTooDurable = 23,      // a level above the most that this node's journal is there for
  // An accepted task did not succeed.
  kTaskError = 32,   // the function itself reported a failure
  kWorkerDied = 33,  // retries are used up
  kPoison = 34,      // it killed three workers
  kTimeout = 35,     // its own time limit
  kDeadline = 36,    // its deadline passed after it was accepted
  kCancelled = 37,
  kDependencyFailed = 38,
  kNestedLimit = 39,    // blocked gets have used up the extra threads or workers
  kOwnAncestor = 40,    // a get waits for a task that waits for it
  kQuotaExceeded = 41,  // the spawn reserve is spent
  kOutOfStore = 42,     // no room for its result
  kNotFound = 43,       // a get or an argument names what was never accepted here
  kReleased = 44,       // a get or an argument names what was let go of
  kLost = 45,           // accepted, but beyond the loss bound of its level
  kDrained = 46,        // the node stopped before it could run
  kParkTimeout = 47,    // waited in the park for longer than its time to live
  kNoWorker = 48,       // no worker process could be started to run it
  // A request other than a submission could not be served.
  kBadRequest = 64,
  kUnsupported = 65,
  kUnauthenticated = 66,
  kTooManyConnections = 67,
  kTooManyWaiters = 68,
};

inline constexpr std::size_t kReasons = 69;  // one past the largest value

// Whether the same submission may be accepted later, with nothing done about it.
[[nodiscard]] constexpr bool Passes(Reason reason) {
  const bool early = reason >= Reason::kInFlight && reason <= Reason::kJournal;
  const bool late = reason >= Reason::kBacklog && reason <= Reason::kRate;
  return (early && reason != Reason::kExpired) || late;
}

[[nodiscard]] std::string_view ToString(
    Reason reason);  // snake_case, a metric label; "unknown" if unused

}  // namespace spillgate
