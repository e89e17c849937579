#include "client/lib/failure.h"

namespace spillgate::client {
namespace {

constexpr int kFailed = 1;
constexpr int kUsage = 2;
constexpr int kCannotConnect = 69;
constexpr int kTryLater = 75;
constexpr int kTimedOut = 124;

}  // namespace

std::string_view ToString(FailureKind kind) {
  switch (kind) {
    case FailureKind::kShed: return "shed";
    case FailureKind::kRefused: return "refused";
    case FailureKind::kTaskFailed: return "task_failed";
    case FailureKind::kDependencyFailed: return "dependency_failed";
    case FailureKind::kCancelled: return "cancelled";
    case FailureKind::kExpired: return "expired";
    case FailureKind::kTimeout: return "timeout";
    case FailureKind::kOutcomeUnknown: return "outcome_unknown";
    case FailureKind::kUnavailable: return "unavailable";
    case FailureKind::kExhausted: return "exhausted";
    case FailureKind::kInvalid: return "invalid";
    case FailureKind::kDenied: return "denied";
    case FailureKind::kGone: return "gone";
    case FailureKind::kProtocol: return "protocol";
  }
  return "unknown";
}

FailureKind KindOf(Reason reason) {
  switch (reason) {
    case Reason::kInFlight:
    case Reason::kInFlightBytes:
    case Reason::kStageFull:
    case Reason::kQuota:
    case Reason::kUnfetched:
    case Reason::kDraining:
    case Reason::kJournal:
    case Reason::kBacklog:
    case Reason::kClientQuota:
    case Reason::kRate:
    case Reason::kTooManyWaiters: return FailureKind::kShed;
    case Reason::kExpired:
    case Reason::kDeadline: return FailureKind::kExpired;
    case Reason::kDependencyFailed: return FailureKind::kDependencyFailed;
    case Reason::kCancelled: return FailureKind::kCancelled;
    case Reason::kSettled:
    case Reason::kNotFound:
    case Reason::kReleased:
    case Reason::kLost: return FailureKind::kGone;
    case Reason::kUnauthenticated: return FailureKind::kDenied;
    case Reason::kTooManyConnections: return FailureKind::kUnavailable;
    case Reason::kTaskError:
    case Reason::kWorkerDied:
    case Reason::kPoison:
    case Reason::kTimeout:
    case Reason::kNestedLimit:
    case Reason::kOwnAncestor:
    case Reason::kQuotaExceeded:
    case Reason::kOutOfStore:
    case Reason::kDrained:
    case Reason::kParkTimeout:
    case Reason::kNoWorker: return FailureKind::kTaskFailed;
    default: return FailureKind::kRefused;  // also those that this build does not know
  }
}

int ExitCodeOf(FailureKind kind) {
  switch (kind) {
    case FailureKind::kInvalid: return kUsage;
    case FailureKind::kUnavailable:
    case FailureKind::kDenied: return kCannotConnect;
    case FailureKind::kShed:
    case FailureKind::kExhausted: return kTryLater;
    case FailureKind::kTimeout: return kTimedOut;
    default: return kFailed;
  }
}

}  // namespace spillgate::client
