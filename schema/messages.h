// Every message that is not sent per task, as a plain value. Encode appends one whole frame and
// allocates nothing; lists must fit into 64 KiB, texts are cut at kMostText. Decode… gives the
// reason instead when the body is not well-formed, a field is out of its range or a text too long.
// Spans point into the frame they came from, or are the caller's. docs/protocol.md says who sends
// what, when, and what is answered. Pure functions; any thread.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/ids.h"
#include "core/model/class.h"
#include "core/model/level.h"
#include "core/model/reason.h"
#include "schema/decoded.h"
#include "schema/frame.h"
#include "schema/out_buffer.h"

namespace spillgate::wire {

using Token = std::array<std::byte, 16>;
using Mac = std::array<std::byte, 32>;

inline constexpr std::size_t kMostName = 256;   // bytes of a name: UTF-8 without control characters
inline constexpr std::size_t kMostText = 4096;  // bytes of any other text
inline constexpr std::size_t kMostObjects =
    2048;  // ids that one Get, Wait, Cancel, Release or Status takes

enum class Kind : std::uint8_t { kClient = 0, kOperator = 1, kWorker = 2, kPeer = 3 };

struct Greeting {  // server, first on each connection
  std::uint8_t version_min = kProtocolVersion;
  std::uint8_t version_max = kProtocolVersion;
  bool auth_required = false;
  Token nonce{};
};
struct Hello {
  std::uint8_t version_min = kProtocolVersion;
  std::uint8_t version_max = kProtocolVersion;
  Kind kind = Kind::kClient;
  SessionId session = 0;  // 0: a new one
  Token resume_token{};
  std::string name;
  Mac mac{};  // HMAC-SHA256 of the greeting's nonce, the session and the name; zero without a token
  std::string software;
};
struct Welcome {
  std::uint8_t version = kProtocolVersion;
  bool resumed = false;
  SessionId session = 0;
  Token resume_token{};
  std::string node;
  std::uint64_t epoch = 0;
  std::uint64_t next_seq = 1;  // one past the largest number that was accepted; numbers begin at 1
  std::uint32_t max_payload = 0;
  std::uint32_t ids_per_get = 0;
  std::uint32_t deps_per_task = 0;
  std::uint32_t inline_value = 0;
  std::uint32_t max_batch = 4096;  // tasks in one Submit
};
struct Register {
  std::string name;
};
struct Registered {
  FunctionId function = 0;
  std::uint8_t host = 0;
  Reason reason = Reason::kNone;
  std::string detail;
};
struct Shape {
  std::string text;  // "cpu=1,gpu=0.5,memory=64MiB"
};
struct Shaped {
  ShapeId shape = 0;
  Reason reason = Reason::kNone;
  std::string detail;
};
struct OpenRoot {         // answered by a verdict on its number
  std::uint64_t seq = 0;  // from the same numbers as tasks and puts
  TaskClass cls = TaskClass::kNormal;
  Level level = Level::kNone;
  std::uint64_t remaining_us = 0;     // until its deadline; 0: none
  std::uint32_t estimated_tasks = 0;  // 0: not known
  ShapeId shape = 0;
  std::uint64_t slot_time_ns = 0;  // of one task; 0: no idea
};
struct CloseRoot {  // not answered
  std::uint64_t seq = 0;
};
struct Credits {
  std::array<std::uint64_t, kClasses>
      window{};  // root tasks sent on this connection: up to so many
  std::uint32_t ttl_ms = 0;
  std::uint8_t load_level = 0;  // how full the node is, 0 to 255
};
struct ObjectName {  // as on the wire
  TaskId task;
  std::uint32_t index = 0;
  std::uint32_t reserved = 0;
};
struct Get {
  std::span<const ObjectName> ids;
  std::uint64_t timeout_us = 0;  // 0: answer with what is there now
};
struct Wait {
  std::span<const ObjectName> ids;
  std::uint32_t needed = 0;  // how many of them must be ready
  std::uint64_t timeout_us = 0;
};
struct WaitDone {
  std::vector<bool> ready;  // by position in the list of ids; failures are ready too
  bool timed_out = false;
  Reason reason = Reason::kNone;
};
struct Put {  // the value is the payload; answered by a verdict on its number
  std::uint64_t seq = 0;
  Level level = Level::kNone;
  std::uint16_t flags = 0;  // kDetach, or none
};
struct Cancel {
  std::span<const TaskId> ids;
};
struct Cancelled {
  std::uint32_t count = 0;         // were asked to stop
  std::uint32_t already_done = 0;  // had ended, or are not known
};
struct Range {  // as on the wire
  TaskId first;
  std::uint64_t count = 0;
};
struct Release {  // not answered
  std::span<const Range> ranges;
};
struct Stats {
  std::string what;  // "stages", "status"
};
struct StatsReply {};  // JSON in the payload
struct Drain {
  std::uint64_t timeout_us = 0;
};
struct Drained {
  std::uint64_t left = 0;         // unfinished tasks
  std::uint64_t handed_over = 0;  // tasks that other nodes have taken
};
struct Ping {};
struct Pong {};
struct Error {
  Reason reason = Reason::kBadRequest;
  std::string message;
};
struct Status {
  std::span<const TaskId> ids;
};
enum class TaskState : std::uint8_t { kUnknown = 0, kUnfinished = 1, kEnded = 2 };
struct TaskStatus {  // as on the wire
  TaskId task;
  std::uint64_t age_us = 0;  // since it was accepted, or since it ended
  TaskState state = TaskState::kUnknown;
  std::uint8_t fate = 0;
  Reason reason = Reason::kNone;
  std::uint32_t attempt = 0;
};
struct Statuses {  // several frames with one correlation when they do not fit into one
  std::span<const TaskStatus> tasks;
};

void Encode(const Greeting& message, std::uint32_t correlation, OutBuffer& out);
void Encode(const Hello& message, std::uint32_t correlation, OutBuffer& out);
void Encode(const Welcome& message, std::uint32_t correlation, OutBuffer& out);
void Encode(const Register& message, std::uint32_t correlation, OutBuffer& out);
void Encode(const Registered& message, std::uint32_t correlation, OutBuffer& out);
void Encode(const Shape& message, std::uint32_t correlation, OutBuffer& out);
void Encode(const Shaped& message, std::uint32_t correlation, OutBuffer& out);
void Encode(const OpenRoot& message, std::uint32_t correlation, OutBuffer& out,
            std::uint64_t sent_us = 0);
void Encode(const CloseRoot& message, std::uint32_t correlation, OutBuffer& out);
void Encode(const Credits& message, std::uint32_t correlation, OutBuffer& out);
void Encode(const Get& message, std::uint32_t correlation, OutBuffer& out);
void Encode(const Wait& message, std::uint32_t correlation, OutBuffer& out);
void Encode(const WaitDone& message, std::uint32_t correlation, OutBuffer& out);
void Encode(const Put& message, ByteView value, std::uint32_t correlation, OutBuffer& out,
            std::uint64_t sent_us = 0);
void Encode(const Cancel& message, std::uint32_t correlation, OutBuffer& out);
void Encode(const Cancelled& message, std::uint32_t correlation, OutBuffer& out);
void Encode(const Release& message, std::uint32_t correlation, OutBuffer& out);
void Encode(const Stats& message, std::uint32_t correlation, OutBuffer& out);
void Encode(const StatsReply& message, std::string_view json, std::uint32_t correlation,
            OutBuffer& out);
void Encode(const Drain& message, std::uint32_t correlation, OutBuffer& out);
void Encode(const Drained& message, std::uint32_t correlation, OutBuffer& out);
void Encode(const Ping& message, std::uint32_t correlation, OutBuffer& out);
void Encode(const Pong& message, std::uint32_t correlation, OutBuffer& out);
void Encode(const Error& message, std::uint32_t correlation, OutBuffer& out);
void Encode(const Status& message, std::uint32_t correlation, OutBuffer& out);
void Encode(const Statuses& message, std::uint32_t correlation, OutBuffer& out);

[[nodiscard]] Decoded<Greeting> DecodeGreeting(const FrameView& frame);
[[nodiscard]] Decoded<Hello> DecodeHello(const FrameView& frame);
[[nodiscard]] Decoded<Welcome> DecodeWelcome(const FrameView& frame);
[[nodiscard]] Decoded<Register> DecodeRegister(const FrameView& frame);
[[nodiscard]] Decoded<Registered> DecodeRegistered(const FrameView& frame);
[[nodiscard]] Decoded<Shape> DecodeShape(const FrameView& frame);
[[nodiscard]] Decoded<Shaped> DecodeShaped(const FrameView& frame);
[[nodiscard]] Decoded<OpenRoot> DecodeOpenRoot(const FrameView& frame);
[[nodiscard]] Decoded<CloseRoot> DecodeCloseRoot(const FrameView& frame);
[[nodiscard]] Decoded<Credits> DecodeCredits(const FrameView& frame);
[[nodiscard]] Decoded<Get> DecodeGet(const FrameView& frame);
[[nodiscard]] Decoded<Wait> DecodeWait(const FrameView& frame);
[[nodiscard]] Decoded<WaitDone> DecodeWaitDone(const FrameView& frame);
[[nodiscard]] Decoded<Put> DecodePut(const FrameView& frame);
[[nodiscard]] Decoded<Cancel> DecodeCancel(const FrameView& frame);
[[nodiscard]] Decoded<Cancelled> DecodeCancelled(const FrameView& frame);
[[nodiscard]] Decoded<Release> DecodeRelease(const FrameView& frame);
[[nodiscard]] Decoded<Stats> DecodeStats(const FrameView& frame);
// The JSON of a StatsReply is the payload of its frame: AsText(frame.payload).
[[nodiscard]] Decoded<Drain> DecodeDrain(const FrameView& frame);
[[nodiscard]] Decoded<Drained> DecodeDrained(const FrameView& frame);
[[nodiscard]] Decoded<Error> DecodeError(const FrameView& frame);
[[nodiscard]] Decoded<Status> DecodeStatus(const FrameView& frame);
[[nodiscard]] Decoded<Statuses> DecodeStatuses(const FrameView& frame);

}  // namespace spillgate::wire
