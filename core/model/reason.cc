#include "core/model/reason.h"

namespace spillgate {

// A switch without a default, so that the compiler names a reason that was forgotten here.
std::string_view ToString(Reason reason) {
  switch (reason) {
    case Reason::kNone: return "none";
    case Reason::kInFlight: return "in_flight";
    case Reason::kInFlightBytes: return "in_flight_bytes";
    case Reason::kStageFull: return "stage_full";
    case Reason::kQuota: return "quota";
    case Reason::kUnfetched: return "unfetched";
    case Reason::kExpired: return "expired";
    case Reason::kDraining: return "draining";
    case Reason::kJournal: return "journal";
    case Reason::kInfeasible: return "infeasible";
    case Reason::kUnknownFunction: return "unknown_function";
    case Reason::kUnknownShape: return "unknown_shape";
    case Reason::kUnknownRoot: return "unknown_root";
    case Reason::kMalformed: return "malformed";
    case Reason::kTooLarge: return "too_large";
    case Reason::kIdConflict: return "id_conflict";
    case Reason::kNestingDepth: return "nesting_depth";
    case Reason::kFunctionBroken: return "function_broken";
    case Reason::kSettled: return "settled";
    case Reason::kSessionEnded: return "session_ended";
    case Reason::kBacklog: return "backlog";
    case Reason::kClientQuota: return "client_quota";
    case Reason::kRate: return "rate";
    case Reason::kTooDurable: return "too_durable";
    case Reason::kTaskError: return "task_error";
    case Reason::kWorkerDied: return "worker_died";
    case Reason::kPoison: return "poison";
    case Reason::kTimeout: return "timeout";
    case Reason::kDeadline: return "deadline";
    case Reason::kCancelled: return "cancelled";
    case Reason::kDependencyFailed: return "dependency_failed";
    case Reason::kNestedLimit: return "nested_limit";
    case Reason::kOwnAncestor: return "own_ancestor";
    case Reason::kQuotaExceeded: return "quota_exceeded";
    case Reason::kOutOfStore: return "out_of_store";
    case Reason::kNotFound: return "not_found";
    case Reason::kReleased: return "released";
    case Reason::kLost: return "lost";
    case Reason::kDrained: return "drained";
    case Reason::kParkTimeout: return "park_timeout";
    case Reason::kNoWorker: return "no_worker";
    case Reason::kBadRequest: return "bad_request";
    case Reason::kUnsupported: return "unsupported";
    case Reason::kUnauthenticated: return "unauthenticated";
    case Reason::kTooManyConnections: return "too_many_connections";
    case Reason::kTooManyWaiters: return "too_many_waiters";
  }
  return "unknown";
}

}  // namespace spillgate
