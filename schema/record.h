// Records: what the journal keeps of tasks, packed by hand: little endian, no padding, a type and a
// version first. Each is written as a head of few bytes and, for tasks and objects, the bytes they
// came in, unchanged. Times are microseconds of the wall clock, for they outlive the process.
// Reading checks every length: a damaged record is an answer, not a crash. Pure functions; views
// point into the bytes they were read from.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <variant>
#include <vector>

#include "core/base/buffer.h"
#include "core/base/ids.h"
#include "core/model/class.h"
#include "core/model/level.h"
#include "core/model/outcome.h"
#include "schema/out_buffer.h"

namespace spillgate::record {

// A process has begun to write here.
struct Start {
  std::uint64_t epoch = 0;
};

// A session whose tasks follow; comes before the first of them.
struct SessionOpened {
  SessionId session = 0;
  std::array<std::byte, 16> token{};
  std::string_view tenant;
};
struct SessionEnded {
  SessionId session = 0;
};

struct Run {  // of consecutive numbers
  std::uint64_t first = 0;
  std::uint64_t count = 0;
};

// Numbers of the session that were accepted, below `end`; only in snapshots.
struct Seen {
  SessionId session = 0;
  std::uint64_t end = 0;
  std::vector<Run> runs;
};

// Tasks of one Submit frame that were accepted. `function` and `shape` are names, since their
// numbers change from one process to the next; an empty shape is the function's own.
struct Tasks {
  SessionId session = 0;
  std::int64_t deadline_us = 0;  // 0: none
  std::string_view function;
  std::string_view shape;
  std::vector<Run> indexes;  // positions in the frame
  ByteView frame;            // whole, header included
};

// A value that was put.
struct Object {
  TaskId id;
  Level level = Level::kNone;
  bool detached = false;
  ByteView value;
};

struct RootOpened {
  TaskId id;
  TaskClass cls = TaskClass::kNormal;
  std::int64_t deadline_us = 0;  // 0: none
};
struct RootClosed {
  TaskId id;
};

// A task that may run once at most is about to.
struct Started {
  TaskId id;
};

// It was about to, but the node stopped before it did, or the disk stood still.
struct NotStarted {
  TaskId id;
};

// The one outcome of a task. In a snapshot (`kept`) of what nobody has let go of yet, with what the
// record of the task itself no longer says.
struct Ended {
  TaskId id;
  bool kept = false;
  bool push = false;
  bool detached = false;
  std::uint8_t returns = 1;
  Level level = Level::kNone;
  Fate fate = Fate::kOpen;
  Reason reason = Reason::kNone;
  std::vector<ByteView> values;  // returns, in order
  TaskId cause;
  std::string_view message;
};

struct Released {
  TaskId first;
  std::uint64_t count = 0;
};

using Any = std::variant<Start, SessionOpened, SessionEnded, Seen, Tasks, Object, RootOpened,
                         RootClosed, Started, Ended, Released, NotStarted>;

// Each appends the head of a record; the record ends with what the comment says.
void WriteHead(const Start& record, wire::OutBuffer& out);
void WriteHead(const SessionOpened& record, wire::OutBuffer& out);
void WriteHead(const SessionEnded& record, wire::OutBuffer& out);
void WriteHead(const Seen& record, wire::OutBuffer& out);
void WriteHead(const Tasks& record, wire::OutBuffer& out);   // the frame
void WriteHead(const Object& record, wire::OutBuffer& out);  // the value
void WriteHead(const RootOpened& record, wire::OutBuffer& out);
void WriteHead(const RootClosed& record, wire::OutBuffer& out);
void WriteHead(const Started& record, wire::OutBuffer& out);
// An Ended, whole: the id and the fields before the fate from `ended`, the rest from the outcome.
void WriteHead(const Ended& ended, const Outcome& outcome, wire::OutBuffer& out);
void WriteHead(const Released& record, wire::OutBuffer& out);
void WriteHead(const NotStarted& record, wire::OutBuffer& out);

// Nothing: these bytes are no record of this version.
[[nodiscard]] std::optional<Any> Read(ByteView bytes);

}  // namespace spillgate::record
