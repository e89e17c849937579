#include "schema/replies.h"

#include <algorithm>
#include <cstddef>
#include <cstring>

#include "core/base/check.h"
#include "core/base/format.h"
#include "schema/flat.h"
#include "schema/hot_generated.h"
#include "schema/messages.h"
#include "schema/text.h"

namespace spillgate::wire {
namespace {

// What is cast between the wire and our own types has one layout.
static_assert(sizeof(Verdict) == 32 && sizeof(fbs::Verdict) == 32);
static_assert(offsetof(Verdict, count) == 8 && offsetof(Verdict, correlation) == 12 &&
              offsetof(Verdict, retry_after_us) == 16 && offsetof(Verdict, reason) == 20 &&
              offsetof(Verdict, status) == 22 && offsetof(Verdict, level) == 23 &&
              offsetof(Verdict, stage) == 24 && offsetof(Verdict, load_level) == 25);
static_assert(sizeof(ResultHead) == 40 && sizeof(fbs::ResultHead) == 40);
static_assert(offsetof(ResultHead, index) == 16 && offsetof(ResultHead, correlation) == 20 &&
              offsetof(ResultHead, offset) == 24 && offsetof(ResultHead, size) == 28 &&
              offsetof(ResultHead, reason) == 32 && offsetof(ResultHead, fate) == 34 &&
              offsetof(ResultHead, returns) == 35);

// The body of a table with one vector of 8-byte aligned structs, as FlatBuffers has it: the offset
// of the table, its vtable, the table, the length of the vector, its items.
struct BodyHead {
  std::uint32_t root = 12;
  std::uint16_t vtable[3] = {6, 8, 4};  // its size, the table's, where the field is
  std::uint16_t padding = 0;
  std::int32_t vtable_back = 8;
  std::uint32_t vector_ahead = 4;
  std::uint32_t count = 0;
};
static_assert(sizeof(BodyHead) == 24);

constexpr std::size_t kHeadsAFrame = (kMaxBody - sizeof(BodyHead)) / sizeof(ResultHead);
constexpr std::size_t kVerdictsAFrame = (kMaxBody - sizeof(BodyHead)) / sizeof(Verdict);
// Results are cut into frames of about this payload, so that one connection's do not hold up the
// loop.
constexpr std::size_t kPayloadAFrame = 1 << 20;

template <class Item>
std::byte* WriteItems(FrameType type, std::span<const Item> items, std::size_t payload,
                      std::uint64_t sent_us, OutBuffer& out) {
  const std::size_t body = sizeof(BodyHead) + items.size_bytes();
  std::byte* at = out.Extend(kHeaderSize + body + Padded(payload));
  WriteHeader({.type = type,
               .body_size = static_cast<std::uint32_t>(body),
               .payload_size = static_cast<std::uint32_t>(payload),
               .sent_us = sent_us},
              at);
  const BodyHead head{.count = static_cast<std::uint32_t>(items.size())};
  std::memcpy(at + kHeaderSize, &head, sizeof(head));
  std::memcpy(at + kHeaderSize + sizeof(head), items.data(), items.size_bytes());
  return at + kHeaderSize + body;
}

bool IsGood(const Verdict& verdict) {
  return verdict.status <= VerdictStatus::kAcceptedEarlier && verdict.level <= Level::kSync &&
         verdict.stage <= StageNumber::kPublication;
}

// `end` is where the bytes of the heads before this one end.
bool IsGood(const ResultHead& head, std::uint64_t& end) {
  const bool failure = head.fate != Fate::kOpen && head.fate != Fate::kDone;
  const bool in_order = head.offset >= end;
  end = std::uint64_t{head.offset} + head.size;
  return head.fate <= Fate::kForwarded && in_order && (!failure || head.size >= kFailureHead);
}

}  // namespace

void WriteVerdicts(std::span<const Verdict> verdicts, std::uint64_t sent_us, OutBuffer& out) {
  while (!verdicts.empty()) {
    const auto some = verdicts.first(std::min(verdicts.size(), kVerdictsAFrame));
    verdicts = verdicts.subspan(some.size());
    WriteItems(FrameType::kVerdicts, some, 0, sent_us, out);
  }
}

std::optional<std::span<const Verdict>> ReadVerdicts(const FrameView& frame) {
  const auto* body = VerifiedRoot<fbs::Verdicts>(frame.body);
  if (body == nullptr) return std::nullopt;
  const auto verdicts = AsSpan<Verdict>(body->verdicts());
  if (!verdicts) return std::nullopt;
  const bool good = std::all_of(verdicts->begin(), verdicts->end(),
                                [](const Verdict& verdict) { return IsGood(verdict); });
  return good ? verdicts : std::nullopt;
}

ResultsWriter::ResultsWriter(std::size_t max_payload) : max_payload_(max_payload) {
  heads_.reserve(64);
}

// A head whose `size` bytes come next.
void ResultsWriter::Start(const ResultHead& head, std::size_t size, OutBuffer& out) {
  const bool full = heads_.size() >= kHeadsAFrame ||
                    payload_.size() + size > std::min(kPayloadAFrame, max_payload_);
  if (full) Finish(out);
  ResultHead& started = heads_.emplace_back(head);
  started.offset = static_cast<std::uint32_t>(payload_.size());
  started.size = static_cast<std::uint32_t>(size);
}

void ResultsWriter::Add(const ResultHead& head, ByteView value, OutBuffer& out) {
  if (value.size() > max_payload_) {
    ResultHead refused = head;
    refused.fate = Fate::kFailed;
    refused.reason = Reason::kTooLarge;
    return AddFailure(
        refused, {},
        Format("the value has {} bytes, a frame carries {} at most", value.size(), max_payload_),
        out);
  }
  Start(head, value.size(), out);
  payload_.Append(value);
}

void ResultsWriter::AddFailure(const ResultHead& head, TaskId cause, std::string_view message,
                               OutBuffer& out) {
  static_assert(sizeof(TaskId) == kFailureHead);
  const std::string_view text = CutText(message, kMostText);
  Start(head, kFailureHead + text.size(), out);
  payload_.Append(std::as_bytes(std::span(&cause, 1)));
  payload_.Append(AsBytes(text));
}

void ResultsWriter::Finish(OutBuffer& out) {
  if (heads_.empty()) return;
  const ByteView payload = payload_.view();
  std::byte* at =
      WriteItems(FrameType::kResults, std::span<const ResultHead>(heads_), payload.size(), 0, out);
  if (!payload.empty()) std::memcpy(at, payload.data(), payload.size());
  std::memset(at + payload.size(), 0, Padded(payload.size()) - payload.size());
  heads_.clear();
  payload_.Clear();
}

std::optional<std::span<const ResultHead>> ReadResults(const FrameView& frame) {
  const auto* body = VerifiedRoot<fbs::Results>(frame.body);
  if (body == nullptr) return std::nullopt;
  const auto heads = AsSpan<ResultHead>(body->heads());
  if (!heads) return std::nullopt;
  std::uint64_t end = 0;
  for (const ResultHead& head : *heads) {
    if (!IsGood(head, end)) return std::nullopt;
  }
  return end <= frame.payload.size() ? heads : std::nullopt;
}

FailureView ReadFailure(ByteView bytes) {
  FailureView failure;
  if (bytes.size() < kFailureHead) return failure;
  std::memcpy(&failure.cause, bytes.data(), kFailureHead);
  failure.message = AsText(bytes.subspan(kFailureHead));
  return failure;
}

}  // namespace spillgate::wire
