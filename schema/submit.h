// Submit: a group of tasks in one frame. All that a verdict on the group may read stands in a fixed
// preamble before the FlatBuffers body; tasks are structs, their arguments one shared vector of
// structs, inline bytes the payload. SubmitView points into the frame it was decoded from. Pure
// functions; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/base/ids.h"
#include "core/model/class.h"
#include "core/model/level.h"
#include "core/model/reason.h"
#include "core/model/task.h"
#include "schema/frame.h"
#include "schema/out_buffer.h"

namespace spillgate::wire {

// Flags of a submission.
inline constexpr std::uint16_t kPush = 1;   // send results as they come, without a get
inline constexpr std::uint16_t kMixed = 2;  // each task names its function and shape; children only
inline constexpr std::uint16_t kChild = 4;  // spawned by a running task: a ChildPreamble follows
inline constexpr std::uint16_t kDetach = 8;  // lives on when its session ends
// Of `root` if that still takes tasks, else each a root of its own, to be judged as one. For tasks
// whose client joined them to the root of an argument, which may end at any time.
inline constexpr std::uint16_t kJoin = 16;
inline constexpr std::uint16_t kKnownSubmitFlags = 31;

struct SubmitPreamble {  // 48 bytes on the wire, in this order
  TaskClass cls = TaskClass::kNormal;
  Level level = Level::kNone;
  std::uint8_t attempt = 0;  // 0 the first time these ids are sent
  std::uint8_t retry = 0;    // times this work was refused before, under other ids
  std::uint16_t count = 0;   // tasks in the frame, at least 1
  std::uint16_t flags = 0;
  std::uint32_t function = 0;
  std::uint32_t shape = 0;         // 0: the function's own
  std::uint64_t remaining_us = 0;  // until the deadline; 0: none; at most kMostTime
  std::uint64_t cost_hint_ns =
      0;                        // how long one task holds its slot; 0: no idea; at most kMostTime
  std::uint64_t root = 0;       // number of an open root of the session; 0: each task is its own
  std::uint64_t first_seq = 0;  // the tasks have consecutive numbers; a session counts from 1
};
inline constexpr std::size_t kPreambleSize = 48;

struct ChildPreamble {  // 32 bytes, behind the other
  TaskId parent;
  std::uint32_t stream = 0;       // the parent's thread that spawns, in order of first spawn
  std::uint32_t attempt = 0;      // the parent's, in which it spawns
  std::uint64_t first_index = 0;  // of that stream's children
};
inline constexpr std::size_t kChildPreambleSize = 32;

struct TaskHead {               // 16 bytes, as on the wire
  std::uint32_t function = 0;   // with kMixed
  std::uint32_t shape = 0;      // with kMixed
  std::uint32_t first_arg = 0;  // the tasks' arguments follow each other without gaps
  std::uint16_t arg_count = 0;
  std::uint8_t returns = 1;  // 0 is read as 1
  std::uint8_t flags = 0;    // none are defined: 0
};

struct SubmitLimits {
  std::uint32_t deps_per_task = 1000;      // arguments of one task
  std::uint32_t inline_value = 100 << 10;  // bytes of one inline argument
  std::uint32_t batch = 4096;              // tasks in one frame
};

struct SubmitView {
  std::span<const TaskHead> heads;
  std::span<const ArgRef> args;
  ChildPreamble child;
};

struct SubmitError {
  Reason reason = Reason::kNone;
  std::string message;
};

// The fixed part alone: no FlatBuffers, a few loads. Nothing when it is cut short, unknown or
// contradicts itself; a count that the body has no room for is such a contradiction.
[[nodiscard]] std::optional<SubmitPreamble> ReadPreamble(const FrameView& frame);

// The fixed part of children, behind that; nothing if the frame is no submission of children.
[[nodiscard]] std::optional<ChildPreamble> ReadChild(const FrameView& frame);

// Verifies the rest: structure, ranges, counts. The frame must be one that ReadPreamble has read.
// On success `view` is filled and the reason is kNone; else `view` is unspecified.
[[nodiscard]] SubmitError DecodeSubmit(const FrameView& frame, const SubmitLimits& limits,
                                       SubmitView& view);

// Builds Submit frames; keeps its memory from one to the next. One thread.
class SubmitWriter {
 public:
  // A new group. Its `count` is set by Finish; kChild is set when there is a `child`.
  void Begin(const SubmitPreamble& preamble, const ChildPreamble* child = nullptr);
  // A new task of the group; the arguments that are added next are its own.
  void BeginTask(std::uint32_t function = 0, std::uint32_t shape = 0, std::uint8_t returns = 1);
  void AddInline(ByteView bytes);
  void AddObject(ObjectId object);
  [[nodiscard]] std::uint32_t count() const { return static_cast<std::uint32_t>(heads_.size()); }
  // What was added so far, until the next change.
  [[nodiscard]] SubmitView view() const { return {heads_, args_, child_}; }
  [[nodiscard]] ByteView payload() const { return payload_.view(); }
  // Whether one more task with `args` arguments and `bytes` inline bytes still fits into this
  // frame.
  [[nodiscard]] bool Fits(std::size_t args, std::size_t bytes, std::size_t max_payload) const;
  // Appends the whole frame. The group has a task at least and fitted.
  void Finish(std::uint32_t correlation, std::uint64_t sent_us, OutBuffer& out);

 private:
  SubmitPreamble preamble_;
  ChildPreamble child_;
  std::vector<TaskHead> heads_;
  std::vector<ArgRef> args_;
  OutBuffer payload_;
};

}  // namespace spillgate::wire
