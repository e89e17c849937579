// Recode: takes a frame of any type apart and writes it again: every decoder behind one door, and
// the rule that what was understood can be said again. For the fuzz targets and the tests of
// hostile bytes; any thread.
#pragma once

#include <vector>

#include "schema/messages.h"
#include "schema/replies.h"
#include "schema/submit.h"
#include "schema/worker_messages.h"

namespace spillgate::wire {

template <class Message>
bool Again(const FrameView& frame, const Decoded<Message>& message, OutBuffer& out) {
  if (message.has_value()) Encode(*message, frame.header.correlation, out);
  return message.has_value();
}

inline bool RecodeSubmit(const FrameView& frame, OutBuffer& out) {
  const auto preamble = ReadPreamble(frame);
  SubmitView view;
  if (!preamble || DecodeSubmit(frame, {}, view).reason != Reason::kNone) return false;
  SubmitWriter writer;
  writer.Begin(*preamble, (preamble->flags & kChild) != 0 ? &view.child : nullptr);
  for (const TaskHead& head : view.heads) {
    writer.BeginTask(head.function, head.shape, head.returns);
    for (const ArgRef& arg : view.args.subspan(head.first_arg, head.arg_count)) {
      if (arg.kind == ArgRef::kObject) {
        writer.AddObject(arg.object());
      } else {
        writer.AddInline(frame.payload.subspan(arg.offset, arg.size));
      }
    }
  }
  writer.Finish(frame.header.correlation, frame.header.sent_us, out);
  return true;
}

inline bool RecodeResults(const FrameView& frame, OutBuffer& out) {
  const auto heads = ReadResults(frame);
  if (!heads) return false;
  ResultsWriter writer;
  for (const ResultHead& head : *heads) {
    const ByteView bytes = BytesOf(frame, head);
    if (head.fate == Fate::kOpen || head.fate == Fate::kDone) {
      writer.Add(head, bytes, out);
    } else {
      const FailureView failure = ReadFailure(bytes);
      writer.AddFailure(head, failure.cause, failure.message, out);
    }
  }
  writer.Finish(out);
  return true;
}

template <class Message>
bool WithPayload(const FrameView& frame, const Decoded<Message>& message,
                 std::span<const Slice> Message::* slices, OutBuffer& out) {
  if (!message.has_value()) return false;
  std::vector<ByteView> pieces;
  for (const Slice& slice : (*message).*slices) pieces.push_back(BytesOf(frame, slice));
  Encode(*message, pieces, frame.header.correlation, out);
  return true;
}

inline bool RecodeFromWorkers(const FrameView& frame, OutBuffer& out) {
  switch (frame.header.type) {
    case FrameType::kWorkerHello: return Again(frame, DecodeWorkerHello(frame), out);
    case FrameType::kLoad: return Again(frame, DecodeLoad(frame), out);
    case FrameType::kRun: return WithPayload(frame, DecodeRun(frame), &Run::args, out);
    case FrameType::kDone: return WithPayload(frame, DecodeDone(frame), &Done::values, out);
    case FrameType::kBlocked: return Again(frame, DecodeBlocked(frame), out);
    case FrameType::kResumed: return Again(frame, DecodeResumed(frame), out);
    case FrameType::kInterrupt: return Again(frame, DecodeInterrupt(frame), out);
    case FrameType::kStop: return Encode(Stop{}, frame.header.correlation, out), true;
    default: return false;
  }
}

// Those that answer, and those with a payload.
inline bool RecodeFromNodes(const FrameView& frame, OutBuffer& out) {
  const std::uint32_t correlation = frame.header.correlation;
  switch (frame.header.type) {
    case FrameType::kGreeting: return Again(frame, DecodeGreeting(frame), out);
    case FrameType::kWelcome: return Again(frame, DecodeWelcome(frame), out);
    case FrameType::kRegistered: return Again(frame, DecodeRegistered(frame), out);
    case FrameType::kShaped: return Again(frame, DecodeShaped(frame), out);
    case FrameType::kVerdicts: {
      const auto verdicts = ReadVerdicts(frame);
      if (verdicts) WriteVerdicts(*verdicts, frame.header.sent_us, out);
      return verdicts.has_value();
    }
    case FrameType::kCredits: return Again(frame, DecodeCredits(frame), out);
    case FrameType::kResults: return RecodeResults(frame, out);
    case FrameType::kWaitDone: return Again(frame, DecodeWaitDone(frame), out);
    case FrameType::kCancelled: return Again(frame, DecodeCancelled(frame), out);
    case FrameType::kStatsReply:
      return Encode(StatsReply{}, AsText(frame.payload), correlation, out), true;
    case FrameType::kDrained: return Again(frame, DecodeDrained(frame), out);
    case FrameType::kPing: return Encode(Ping{}, correlation, out), true;
    case FrameType::kPong: return Encode(Pong{}, correlation, out), true;
    case FrameType::kError: return Again(frame, DecodeError(frame), out);
    case FrameType::kStatuses: return Again(frame, DecodeStatuses(frame), out);
    default: return RecodeFromWorkers(frame, out);
  }
}

// False if the frame is malformed; then nothing is written. `frame` has a header that ParseHeader
// accepts.
inline bool Recode(const FrameView& frame, OutBuffer& out) {
  const FrameHeader& header = frame.header;
  switch (header.type) {
    case FrameType::kHello: return Again(frame, DecodeHello(frame), out);
    case FrameType::kRegister: return Again(frame, DecodeRegister(frame), out);
    case FrameType::kShape: return Again(frame, DecodeShape(frame), out);
    case FrameType::kOpenRoot: {
      const auto root = DecodeOpenRoot(frame);
      if (root.has_value()) Encode(*root, header.correlation, out, header.sent_us);
      return root.has_value();
    }
    case FrameType::kCloseRoot: return Again(frame, DecodeCloseRoot(frame), out);
    case FrameType::kSubmit: return RecodeSubmit(frame, out);
    case FrameType::kGet: return Again(frame, DecodeGet(frame), out);
    case FrameType::kWait: return Again(frame, DecodeWait(frame), out);
    case FrameType::kPut: {
      const auto put = DecodePut(frame);
      if (put.has_value()) Encode(*put, frame.payload, header.correlation, out, header.sent_us);
      return put.has_value();
    }
    case FrameType::kCancel: return Again(frame, DecodeCancel(frame), out);
    case FrameType::kRelease: return Again(frame, DecodeRelease(frame), out);
    case FrameType::kStats: return Again(frame, DecodeStats(frame), out);
    case FrameType::kDrain: return Again(frame, DecodeDrain(frame), out);
    case FrameType::kStatus: return Again(frame, DecodeStatus(frame), out);
    default: return RecodeFromNodes(frame, out);
  }
}

}  // namespace spillgate::wire
