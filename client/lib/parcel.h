// Parcel: a frame that the node answers by verdicts: tasks that are submitted together, a put, or
// the opening of a root. It exists from its first task until its last verdict, so that it can be
// sent again, and a while longer if an argument of its tasks may yet be refused. The session's own,
// under the driver's lock.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "client/lib/task_state.h"
#include "core/base/clock.h"
#include "schema/messages.h"
#include "schema/out_buffer.h"
#include "schema/submit.h"

namespace spillgate::client {

// What the tasks of one frame have in common.
struct Terms {
  TaskClass cls = TaskClass::kNormal;
  Level level = Level::kNone;
  std::uint16_t flags = 0;
  std::uint8_t retry = 0;
  FunctionId function = 0;
  ShapeId shape = 0;
  std::uint64_t cost_hint_ns = 0;
  std::uint64_t root = 0;  // 0: each task is its own
  Instant deadline = kNever;
};

// Argument `index` of task `position` of a parcel is a result of `state`, pinned until the parcel
// is done with.
struct Argument {
  TaskState* state = nullptr;
  std::uint64_t seq = 0;  // by which the frame names it
  std::uint32_t position = 0;
  std::uint32_t index = 0;
};

struct Parcel {
  enum class Kind : std::uint8_t { kSubmit, kPut, kOpenRoot };
  enum class Place : std::uint8_t {
    kOpen,   // in a lane, and takes more tasks
    kLane,   // waits to be sent
    kLater,  // waits for a time to be sent
    kSent,   // waits for verdicts
    kKept,   // has them all; an argument is unsure
  };

  Kind kind = Kind::kSubmit;
  Place place = Place::kLane;
  std::uint8_t lane = 0;
  bool was_sent = false;  // on any connection: its tasks may have been accepted
  bool again = false;     // kSent, and to be sent once more
  Terms terms;
  std::uint8_t attempt = 0;
  std::uint32_t count = 0;  // tasks
  std::uint32_t open = 0;   // of those without a verdict
  std::uint64_t first_seq = 0;
  std::uint64_t reserved_end = 0;  // kOpen: numbers up to this one are its own
  std::uint32_t correlation = 0;
  std::uint64_t order = 0;
  Instant came{};                // its first task, however often it was refused since
  Instant due{};                 // kLater, or was: when it goes, or went, to its lane
  Instant waits_since = kNever;  // refused for load, and goes again without a retry
  Instant give_up = kNever;      // an Error said that there will be no verdict
  std::uint64_t renames = 0;     // how often tasks had changed their number when this was encoded
  std::size_t charged = 0;       // bytes
  wire::OpenRoot root;           // kOpenRoot
  wire::OutBuffer bytes;         // the frame
  std::vector<TaskState*> tasks;
  std::vector<Argument> arguments;  // in order of position and index
  std::string note;                 // what an Error said
  Parcel* next = nullptr;           // among those sent and not done, the oldest first
  Parcel* previous = nullptr;

  // The task has a verdict, or is in another parcel by now.
  [[nodiscard]] bool Answered(std::uint32_t position) const {
    const TaskState* state = tasks[position];
    return state == nullptr || state->accepted;
  }
};

}  // namespace spillgate::client
