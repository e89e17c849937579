// The life of a task as a list of facts. An event's type says what is already guaranteed; whoever
// holds the TaskPtr in it owns the task. Read with Node::Wire (server/node.cc), this is the whole
// graph.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "core/base/buffer.h"
#include "core/base/clock.h"
#include "core/base/ids.h"
#include "core/flow/admission.h"
#include "core/model/task.h"
#include "core/ports/executor.h"
#include "core/ports/journal.h"
#include "core/ports/peer_link.h"
#include "core/tables/record.h"
#include "stages/ruling.h"

namespace spillgate {

// ---- with the stream

// A frame of a client, worker or running task, header checked, from a connection that has said
// Hello.
struct Received {
  ConnectionId connection = 0;
  SessionId session = 0;
  TenantId tenant = 0;  // the session's
  Buffer frame;         // the whole frame, header included
  Nanos transit{0};     // time it spent in the kernel's queue, by the sender's clock
  Instant arrived;
  bool exceeds_credit = false;  // more than its connection was told it may send, and room is short
  Ruling ruling;                // of the door, if something is admitted; else it has not decided

  // Since it was sent, as far as is known: in the kernel's queue and in ours.
  [[nodiscard]] Nanos UnderWay(Instant now) const {
    return transit + std::max(Nanos(0), now - arrived);
  }
};

// Decoded, new, within every bound; recorded in the task table; its place in the in-flight bound is
// its own.
struct Accepted {
  TaskPtr task;
};

// Every argument is here.
struct Resolved {
  TaskPtr task;
};

// Resources are set aside for it: the lease that comes home in SlotFreed. One that is prefetched
// gets the lease of a run that ends before it begins.
struct Placed {
  TaskPtr task;
  TaskId nested_in;  // runs in the place of this blocked task; none as a rule
};

// May be run elsewhere.
struct Spilled {
  TaskPtr task;
};

// Its outcome is set. Nothing but publication is left.
struct Finished {
  TaskPtr task;
};

// A request about tasks rather than a task: get, wait, cancel, release, status. Rides to
// publication behind the submissions that came before it on the same connection.
struct Asked {
  ConnectionId connection = 0;
  SessionId session = 0;
  Buffer frame;
};

// ---- against the stream; each has slots of its own, at most one per task, slot or object in
// flight

// An object that resolution asked about has its outcome.
struct ObjectReady {
  TaskId task;
};

// Somebody asked for the end of an unfinished task. Goes to every stage that holds tasks.
struct CancelAsked {
  TaskId task;
};

// Another node did not take it, or what ran before it took too long, or it was to wait for a disk
// that stood still: it is to be placed here.
struct Returned {
  TaskPtr task;
};

// A lease comes home.
struct SlotFreed {
  TaskId task;
  Resources held;
  const Function* function = nullptr;
  std::uint32_t bytes = 0;  // of the task, as in Task
  RootPtr root;
  Nanos estimated{0};
  Nanos cost{0};            // slot time that its last run had; 0 if that never began
  Nanos earlier{0};         // and that it was held for before that: by runs that died, and between
  Nanos span{0};            // from the beginning of the run to its end
  Instant since = kNever;   // execution has the lease; kNever: that says nothing
  bool prefetched = false;  // it was placed without one: scheduling knows since when it has it
  TaskId handed_to;         // the prefetched task that runs on it now
  // What this says of the function's cost.
  enum class Lesson : std::uint8_t {
    kNone,     // it never began, or nobody looked at the clock
    kAtLeast,  // it was cut short
    kExact,
  };
  Lesson lesson = Lesson::kExact;
};

// A running task gives its slot back while it waits in a get, or takes it again.
struct SlotLent {
  RunNotice notice;
  Resources held;
  const Function* function = nullptr;  // whose slot limit it counts against; null for none
  bool prefetched = false;             // it may have no lease yet
};

// A slot is free, and goes to a task that was prefetched. Takes no place.
struct LeaseGranted {
  TaskId task;
};

// Places in the in-flight bound came free, and somebody waits for them.
struct RoomFreed {};

// A session ended, or lost its connection for good.
struct SessionEnded {
  SessionId session = 0;
};

// The session's connection takes pushed results again: it has caught up (what was not handed over),
// or it is a new one (`all` that is still kept).
struct PushAgain {
  SessionId session = 0;
  bool all = false;
};

// A connection is gone: nobody reads its replies. Comes behind all that it sent, and takes no
// place.
struct ConnectionGone {
  ConnectionId connection = 0;
  SessionId session = 0;  // that it served; 0 for a running task's
};

// ---- what the stage runtime asks of events

[[nodiscard]] inline flow::Meta MetaOf(const Task& task) {
  return {
      .arrived = task.arrived,
      .deadline = task.deadline,
      .bytes = task.bytes,
      .cls = static_cast<std::uint8_t>(task.cls),
      .cancelled = task.record != nullptr && task.record->cancelled.load(std::memory_order_relaxed),
      .is_task = true};
}
[[nodiscard]] inline flow::Meta MetaOf(const TaskPtr& task) {
  return MetaOf(*task);
}

template <class E>
concept CarriesTask = requires(E e) {
  { e.task } -> std::same_as<TaskPtr&>;
};

template <CarriesTask E>
[[nodiscard]] flow::Meta MetaOf(const E& event) {
  return MetaOf(event.task);
}
template <CarriesTask E>
void Arrive(E& event, Instant now) {
  event.task->arrived = now;
}
template <CarriesTask E>
[[nodiscard]] std::size_t RouteOf(const E& event) {
  return std::hash<TaskId>()(event.task->id);
}

[[nodiscard]] inline flow::Meta MetaOf(const Received& event) {
  return {.arrived = event.arrived,
          .deadline = kNever,
          .bytes = static_cast<std::uint32_t>(event.frame.size()),
          .cls = 0,
          .cancelled = false,
          .is_task = false};
}
inline void Arrive(Received& event, Instant now) {
  event.arrived = now;
}
[[nodiscard]] inline std::size_t RouteOf(const Received& event) {
  return Mix(event.session);
}

template <class E>
  requires(!CarriesTask<E> && !std::same_as<E, Received>)
void Arrive(E&, Instant) {}

[[nodiscard]] inline std::size_t RouteOf(const Asked& event) {
  return Mix(event.session);
}
[[nodiscard]] inline std::size_t RouteOf(const PushAgain& event) {
  return Mix(event.session);
}
[[nodiscard]] inline std::size_t RouteOf(const SessionEnded& event) {
  return Mix(event.session);
}
[[nodiscard]] inline std::size_t RouteOf(const LeaseGranted& event) {
  return std::hash<TaskId>()(event.task);
}
[[nodiscard]] inline std::size_t RouteOf(const CancelAsked& event) {
  return std::hash<TaskId>()(event.task);
}

}  // namespace spillgate
