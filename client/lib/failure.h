// Failure: why a call of the client library, or a task, did not succeed. `kind` is what programs
// branch on; `reason` is the node's own word for it; `message` is one sentence for people: what,
// where, what to do next. Result<T> is a T or a Failure. Plain values; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/base/clock.h"
#include "core/base/ids.h"
#include "core/base/result.h"
#include "core/model/reason.h"
#include "schema/replies.h"

namespace spillgate::client {

enum class FailureKind : std::uint8_t {
  kShed,     // the node has too much to do: this did not and will not run; see retry_after
  kRefused,  // this did not and will not run, and trying again cannot help
  kTaskFailed,
  kDependencyFailed,  // an argument failed; `cause` is the first task of the chain
  kCancelled,
  kExpired,         // its deadline passed before it had a result
  kTimeout,         // the time limit of this call; the task may still end well
  kOutcomeUnknown,  // it may or may not have run: the node could not be asked in time
  kUnavailable,     // no node there, or the connection was lost and could not be had again
  kExhausted,       // a bound of this client: see ClientOptions
  kInvalid,         // the caller's mistake
  kDenied,          // who we are did not please the node
  kGone,            // never accepted, released, or lost: there is no such result
  kProtocol,        // the node said what the protocol does not allow
};

[[nodiscard]] std::string_view ToString(FailureKind kind);  // snake_case

struct Failure {
  FailureKind kind = FailureKind::kOutcomeUnknown;
  Reason reason = Reason::kNone;
  wire::StageNumber stage = wire::StageNumber::kSubmission;  // kShed: who refused
  Nanos retry_after{0};                                      // kShed: not before, add jitter
  TaskId cause;  // kDependencyFailed, when it is another task
  std::string message;
};

template <class T>
using Result = spillgate::Result<T, Failure>;
using Status = spillgate::BasicStatus<Failure>;

// The failure of a submission that was rejected, or of a request, or of a task that ended.
[[nodiscard]] FailureKind KindOf(Reason reason);
// As the exit code of a command: 1 failed, 2 usage, 69 cannot connect, 75 shed, 124 timed out.
[[nodiscard]] int ExitCodeOf(FailureKind kind);

}  // namespace spillgate::client
