// What the node answers most: verdicts on submissions and results of tasks, each a vector of
// structs, gathered for one connection and written as one frame. Decoded spans point into the
// frame. One thread for each writer.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "core/base/ids.h"
#include "core/model/level.h"
#include "core/model/outcome.h"
#include "core/model/reason.h"
#include "schema/frame.h"
#include "schema/out_buffer.h"

namespace spillgate::wire {

enum class VerdictStatus : std::uint8_t {
  kAccepted = 0,
  kRejected = 1,         // these ids did not and will not run
  kUnknown = 2,          // the store cannot say: send the same ids again with attempt + 1
  kSettled = 3,          // ran, ended, and nothing of it is kept
  kAcceptedEarlier = 4,  // a repeat of what was accepted before: there is one task, not two
};

// Who refused, or who would have to say.
enum class StageNumber : std::uint8_t {
  kSubmission = 0,
  kResolution = 1,
  kScheduling = 2,
  kSpillover = 3,
  kExecution = 4,
  kPublication = 5,
};

// On `count` consecutive ids from `first_seq` of the frame with that correlation.
struct Verdict {  // 32 bytes, as on the wire
  std::uint64_t first_seq = 0;
  std::uint32_t count = 0;
  std::uint32_t correlation = 0;
  std::uint32_t retry_after_us = 0;
  Reason reason = Reason::kNone;
  VerdictStatus status = VerdictStatus::kAccepted;
  Level level = Level::kNone;
  StageNumber stage = StageNumber::kSubmission;
  std::uint8_t load_level = 0;  // how full the node is, 0 to 255
  std::uint16_t reserved = 0;
  std::uint32_t reserved_too = 0;
};

struct ResultHead {  // 40 bytes, as on the wire
  TaskId task;
  std::uint32_t index = 0;        // which return
  std::uint32_t correlation = 0;  // of the get; 0 for a result that is pushed
  std::uint32_t offset = 0;       // of the value, or of the failure (below), in the payload
  std::uint32_t size = 0;
  Reason reason = Reason::kNone;
  Fate fate = Fate::kOpen;   // kOpen: no result, `reason` says why (timeout, not found, …)
  std::uint8_t returns = 1;  // how many the task has
  std::uint32_t reserved = 0;
};

// What a task that did not succeed has in the payload: the 16 bytes of the root cause's id, then
// the message.
struct FailureView {
  TaskId cause;  // none when the task itself is the cause
  std::string_view message;
};
inline constexpr std::size_t kFailureHead = 16;
inline constexpr std::size_t kMostPayload = 16 << 20;

void WriteVerdicts(std::span<const Verdict> verdicts, std::uint64_t sent_us, OutBuffer& out);
[[nodiscard]] std::optional<std::span<const Verdict>> ReadVerdicts(const FrameView& frame);

// Gathers results; Finish appends them as frames, which Add also does where one would become too
// large. A value that no frame may carry becomes a failure that says so. Keeps its memory.
class ResultsWriter {
 public:
  explicit ResultsWriter(std::size_t max_payload = kMostPayload);

  void Add(const ResultHead& head, ByteView value, OutBuffer& out);  // offset and size are set here
  void AddFailure(const ResultHead& head, TaskId cause, std::string_view message, OutBuffer& out);
  [[nodiscard]] bool empty() const { return heads_.empty(); }
  [[nodiscard]] std::size_t payload_bytes() const { return payload_.size(); }
  void Finish(OutBuffer& out);

 private:
  void Start(const ResultHead& head, std::size_t size, OutBuffer& out);

  std::size_t max_payload_;
  std::vector<ResultHead> heads_;
  OutBuffer payload_;
};

// Every head's range lies within the payload, in order and without overlap, and every failure has
// room for its cause. A reason may be one that a newer node gives and this build does not know.
[[nodiscard]] std::optional<std::span<const ResultHead>> ReadResults(const FrameView& frame);
// The bytes of one of those heads: a value, or what ReadFailure reads.
[[nodiscard]] inline ByteView BytesOf(const FrameView& frame, const ResultHead& head) {
  return frame.payload.subspan(head.offset, head.size);
}
[[nodiscard]] FailureView ReadFailure(ByteView bytes);

}  // namespace spillgate::wire
