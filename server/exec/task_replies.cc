// TaskClient, second half: what the node answers.
#include <algorithm>

#include "core/base/format.h"
#include "schema/messages.h"
#include "server/exec/task_client.h"

namespace spillgate {
namespace {

Value TextValue(std::string_view text) {
  return Value(AsBytes(text));
}

}  // namespace

bool TaskClient::Deliver(ByteView frames) {
  while (!frames.empty()) {
    wire::FrameHeader header;
    if (frames.size() < wire::kHeaderSize) return false;
    if (wire::ParseHeader(frames, wire::kMostPayload, header) != wire::HeaderError::kNone) {
      return false;
    }
    const std::size_t size = wire::WireSize(header);
    if (frames.size() < size || !OnFrame(wire::View(frames.first(size)))) return false;
    frames = frames.subspan(size);
  }
  return true;
}

TaskClient::Pending* TaskClient::Find(std::uint32_t correlation) {
  for (Pending* pending : pending_) {
    if (correlation - pending->first < pending->frames) return pending;
  }
  return nullptr;  // nobody waits for it any more
}

bool TaskClient::OnFrame(const wire::FrameView& frame) {
  switch (frame.header.type) {
    case wire::FrameType::kVerdicts: {
      const auto verdicts = wire::ReadVerdicts(frame);
      if (!verdicts.has_value()) return false;
      for (const wire::Verdict& verdict : *verdicts) OnVerdict(verdict);
      return true;
    }
    case wire::FrameType::kResults: {
      const auto heads = wire::ReadResults(frame);
      if (!heads.has_value()) return false;
      for (const wire::ResultHead& head : *heads) OnResult(head, wire::BytesOf(frame, head));
      return true;
    }
    case wire::FrameType::kWaitDone: {
      const auto done = wire::DecodeWaitDone(frame);
      if (!done.has_value()) return false;
      Pending* pending = Find(frame.header.correlation);
      if (pending != nullptr && pending->kind == Kind::kReady) {
        OnReady(*pending, done->ready, done->timed_out, done->reason);
      }
      return true;
    }
    case wire::FrameType::kError: {
      const auto error = wire::DecodeError(frame);
      if (!error.has_value()) return false;
      Pending* pending = Find(frame.header.correlation);
      if (pending != nullptr) pending->failure = {error->reason, error->message};
      return true;
    }
    default: return true;  // what nobody waits for, such as the answer to a cancel
  }
}

// Verdicts come in the order of the tasks; those after the first refused one do not count.
void TaskClient::OnVerdict(const wire::Verdict& verdict) {
  Pending* pending = Find(verdict.correlation);
  if (pending == nullptr || pending->kind != Kind::kVerdicts) return;
  const std::uint32_t count = std::min(verdict.count, pending->open);
  pending->open -= count;
  switch (verdict.status) {
    case wire::VerdictStatus::kAccepted:
    case wire::VerdictStatus::kAcceptedEarlier:
    case wire::VerdictStatus::kSettled: pending->accepted += count; return;
    case wire::VerdictStatus::kRejected:
      pending->failure = {verdict.reason,
                          Format("the node refused a child: {}", ToString(verdict.reason))};
      return;
    case wire::VerdictStatus::kUnknown:
      pending->failure = {Reason::kLost, "the node cannot say whether it has taken a child"};
      return;
  }
}

void TaskClient::OnResult(const wire::ResultHead& head, ByteView bytes) {
  Pending* pending = Find(head.correlation);
  if (pending == nullptr || pending->kind != Kind::kResults) return;
  const std::tuple key(head.task.session, head.task.seq, head.index);
  const auto key_at = [&](std::size_t i) {
    const sg_future& future = pending->futures[i];
    return std::tuple(future.session, future.seq, future.index);
  };
  const auto put = [&](std::size_t i) {
    GetResult& result = pending->results[i];
    if (result.answered) return;
    result.answered = true;
    result.settled = head.fate != Fate::kOpen;
    result.reason = head.reason;
    const bool failed = result.settled && head.fate != Fate::kDone;
    result.bytes = failed ? TextValue(wire::ReadFailure(bytes).message) : Value(bytes);
    if (failed && head.reason == Reason::kNone) result.reason = Reason::kTaskError;
    if (!result.settled && bytes.empty()) result.bytes = TextValue(ToString(head.reason));
    --pending->open;
  };
  if (pending->order.empty()) {
    if (key_at(0) == key) put(0);
    return;
  }
  auto at = std::lower_bound(pending->order.begin(), pending->order.end(), key,
                             [&](std::uint32_t i, const auto& k) { return key_at(i) < k; });
  for (; at != pending->order.end() && key_at(*at) == key; ++at) put(*at);
}

void TaskClient::OnReady(Pending& pending, const std::vector<bool>& ready, bool timed_out,
                         Reason reason) {
  const std::size_t known = std::min(ready.size(), pending.ready.size());
  for (std::size_t i = 0; i < known; ++i) pending.ready[i] = ready[i] ? 1 : 0;
  pending.open = 0;
  if (reason != Reason::kNone) {
    pending.failure = {reason, Format("the wait ended: {}", ToString(reason))};
  } else if (timed_out) {
    pending.failure = {Reason::kTimeout, "fewer than were asked for have ended in time"};
  }
}

}  // namespace spillgate
