// What the client library can be told, as plain values with their defaults. Read once, by the call
// that they are passed to. Times are durations; 0 as a deadline or timeout is said to mean what it
// means beside each.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "core/base/clock.h"
#include "core/base/ids.h"
#include "core/model/class.h"
#include "core/model/level.h"

namespace spillgate::client {

class Root;

// What this client does with a submission, or a root to be opened, that the node refuses for now. A
// retry has a new id, and waits for as long as the node said and up to half as long again. The
// budget: retries are at most this share of all submissions, and a handful (retry_budget.h). What
// waits costs no retries, and goes again until its deadline: tasks of a root that was let in, for
// room in it or in a quota of theirs; and, with ClientOptions::wait_for_credit, roots that are
// refused for load (places, quotas, backlog) by a node that gives credit, for more of it; without a
// deadline for ClientOptions::request_timeout (ops/decisions/0012). ClientStats counts the two
// apart.
struct RetryOptions {
  std::uint32_t most = 3;    // of one task or root; 0: hand every refusal to the caller
  double budget = 0.1;       // retries for each task that was answered the first time
  std::uint32_t burst = 10;  // retries that a new client has, and one may save up
  // Once the node takes less than one in so many of a class, over some seconds, more is not sent
  // but fails at once with kShed (throttle.h); what waits for credit is not counted. 0: never.
  double throttle = 2;
};

struct ClientOptions {
  // "unix:///path" or "tcp://host:port"; empty: $SPILLGATE_ADDRESS, else the user's own socket,
  // $XDG_RUNTIME_DIR/spillgate/default.sock or /tmp/spillgate-$UID/default.sock.
  std::string address;
  std::string name;        // tenant, where the node's config lets this user name one
  std::string token_file;  // for TCP: one line "NAME TOKEN", readable by its owner only
  std::string software = "spillgate-cpp";
  bool is_operator = false;  // may drain the node; a few connections are kept for operators

  Nanos connect_timeout = std::chrono::seconds(5);   // of Connect, handshake and all
  Nanos request_timeout = std::chrono::seconds(30);  // of calls that take no timeout of their own
  // For so long the client tries to get a lost connection back; then what is unanswered fails with
  // kOutcomeUnknown, what is waited for with kUnavailable. The next call tries again.
  Nanos lost_after = std::chrono::seconds(60);
  Nanos ping_after =
      std::chrono::seconds(30);  // of silence; twice that without an answer is a loss

  // How long a waiting thread looks again and again before it blocks; 0: it blocks at once.
  Nanos poll = std::chrono::microseconds(20);

  // Bounds. A submission past one waits for room, until its deadline or request_timeout; or fails
  // at once with kExhausted.
  std::uint32_t max_batch = 4096;                  // tasks in a frame, as the node allows
  std::uint32_t max_outstanding = 1 << 20;         // tasks that have no result yet
  std::size_t max_outstanding_bytes = 256U << 20;  // of arguments without a verdict
  std::size_t max_held_bytes = 256U << 20;         // of results here; others stay at the node
  bool wait_for_room = true;
  // The same for the node's credits: wait for them, or fail at once with kShed.
  bool wait_for_credit = true;

  RetryOptions retry;
  std::uint64_t seed = 0;  // of jitter; 0: from the system
};

// Resources for a task, in place of those that its function declares; Client::Shape makes one.
struct Shape {
  ShapeId id = 0;
  std::uint64_t epoch = 0;  // of the node that gave the id
  std::string text;
};

// A function of the node; Client::Find makes one. Cheap to copy; keeps its meaning when the node
// starts again.
struct Function {
  FunctionId id = 0;
  std::uint64_t epoch = 0;
  std::string name;
};

struct SubmitOptions {
  TaskClass cls = TaskClass::kNormal;
  Level level = Level::kNone;
  Nanos deadline{0};             // from now; 0: none
  std::uint8_t returns = 1;      // values that the task returns
  const Shape* shape = nullptr;  // null: the function's own
  // Null: a task with unfinished arguments of this client joins the root of the latest of them;
  // any other is a root of its own.
  const Root* root = nullptr;
  Nanos cost_hint{0};  // how long one task holds its slot; 0: no idea
  // The result comes by itself. Without it, it stays at the node until it is asked for: right for
  // large values that are only passed on.
  bool push = true;
  // The node keeps the result until the future is dropped, so that its id may be given to others.
  // Without it the node may let go as soon as this client has the value.
  bool keep = false;
  // Lives on when this session ends, and its result with it; implies keep, and dropping the future
  // releases nothing.
  bool detach = false;
};

struct PutOptions {
  Level level = Level::kNone;
  bool detach = false;
};

struct RootOptions {
  TaskClass cls = TaskClass::kNormal;
  Level level = Level::kNone;
  Nanos deadline{0};                  // of the whole graph, from now; 0: none
  std::uint32_t estimated_tasks = 0;  // 0: not known
  const Shape* shape = nullptr;       // of one of them
  Nanos slot_time{0};                 // of one of them; 0: no idea
};

}  // namespace spillgate::client
