// What a node and its worker processes say to each other. A worker is a client besides: it submits
// children, gets and waits with the same frames as everybody. Encode appends one whole frame; spans
// point into the frame they were decoded from. Pure functions; any thread.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "core/base/ids.h"
#include "core/model/outcome.h"
#include "core/model/reason.h"
#include "schema/decoded.h"
#include "schema/frame.h"
#include "schema/messages.h"
#include "schema/out_buffer.h"

namespace spillgate::wire {

struct WorkerHello {  // worker, in the place of Hello; not answered
  Token token{};      // that it was started with
  std::uint32_t pid = 0;
  std::uint8_t version_min = kProtocolVersion;
  std::uint8_t version_max = kProtocolVersion;
};
struct Load {  // node; answered by Registered
  FunctionId function = 0;
  std::string name;
  std::string library;  // path of the shared library that has it
};

struct Slice {  // of the payload; as on the wire
  std::uint32_t offset = 0;
  std::uint32_t size = 0;
};

struct Run {  // node
  TaskId task;
  TaskId parent;
  FunctionId function = 0;
  std::uint8_t attempt = 0;
  std::uint8_t depth = 0;
  std::uint8_t returns = 1;
  std::uint64_t remaining_us = 0;  // until its deadline; 0: none
  std::uint64_t memory_limit = 0;  // bytes; 0: none
  std::span<const Slice> args;     // set by decoding
};
struct Done {  // worker
  TaskId task;
  Fate fate = Fate::kDone;  // kDone, kFailed or kCancelled
  Reason reason = Reason::kNone;
  std::string message;            // for people, when it failed
  std::span<const Slice> values;  // its returns; set by decoding
};
// Worker: the task waits for others; its slot may be given away, and other tasks run in its place:
// those whose Run has this frame's correlation, which numbers the waits of a worker from 1. Sent
// again during the same wait to name another task.
struct Blocked {
  TaskId task;
  TaskId awaited;  // unstarted, as far as it knows, and good to run in its place; or none
};
// Worker: it goes on. Runs with the number of its wait that have not begun never will.
struct Resumed {
  TaskId task;
};
struct Interrupt {  // node: end this task soon; after `grace_us` the process is killed
  TaskId task;
  std::uint64_t grace_us = 0;
};
struct Stop {};  // node: finish what runs, then exit

void Encode(const WorkerHello& message, std::uint32_t correlation, OutBuffer& out);
void Encode(const Load& message, std::uint32_t correlation, OutBuffer& out);
// At most kMostSlices arguments or values.
inline constexpr std::size_t kMostSlices = 4096;
void Encode(const Run& message, std::span<const ByteView> args, std::uint32_t correlation,
            OutBuffer& out);
void Encode(const Done& message, std::span<const ByteView> values, std::uint32_t correlation,
            OutBuffer& out);
void Encode(const Blocked& message, std::uint32_t correlation, OutBuffer& out);
void Encode(const Resumed& message, std::uint32_t correlation, OutBuffer& out);
void Encode(const Interrupt& message, std::uint32_t correlation, OutBuffer& out);
void Encode(const Stop& message, std::uint32_t correlation, OutBuffer& out);

[[nodiscard]] Decoded<WorkerHello> DecodeWorkerHello(const FrameView& frame);
[[nodiscard]] Decoded<Load> DecodeLoad(const FrameView& frame);
[[nodiscard]] Decoded<Run> DecodeRun(const FrameView& frame);
[[nodiscard]] Decoded<Done> DecodeDone(const FrameView& frame);
[[nodiscard]] Decoded<Blocked> DecodeBlocked(const FrameView& frame);
[[nodiscard]] Decoded<Resumed> DecodeResumed(const FrameView& frame);
[[nodiscard]] Decoded<Interrupt> DecodeInterrupt(const FrameView& frame);

// One argument of a Run, or one value of a Done, whose slices decoding has checked.
[[nodiscard]] inline ByteView BytesOf(const FrameView& frame, Slice slice) {
  return frame.payload.subspan(slice.offset, slice.size);
}

}  // namespace spillgate::wire
