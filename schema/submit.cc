#include "schema/submit.h"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <limits>

#include "core/base/check.h"
#include "core/base/format.h"
#include "schema/flat.h"
#include "schema/hot_generated.h"

namespace spillgate::wire {
namespace {

// As the preambles lie on the wire.
struct RawPreamble {
  std::uint8_t cls, level, attempt, retry;
  std::uint16_t count, flags;
  std::uint32_t function, shape;
  std::uint64_t remaining_us, cost_hint_ns, root, first_seq;
};
static_assert(sizeof(RawPreamble) == kPreambleSize && offsetof(RawPreamble, remaining_us) == 16);

struct RawChild {
  std::uint64_t parent_session, parent_seq;
  std::uint32_t stream, attempt;
  std::uint64_t first_index;
};
static_assert(sizeof(RawChild) == kChildPreambleSize);

// What is cast between the wire and our own types has one layout.
static_assert(sizeof(TaskHead) == 16 && sizeof(fbs::TaskHead) == 16);
static_assert(offsetof(TaskHead, first_arg) == 8 && offsetof(TaskHead, arg_count) == 12 &&
              offsetof(TaskHead, returns) == 14 && offsetof(TaskHead, flags) == 15);
static_assert(sizeof(ArgRef) == 32 && sizeof(fbs::Arg) == 32);
static_assert(offsetof(ArgRef, session) == 0 && offsetof(ArgRef, seq) == 8 &&
              offsetof(ArgRef, index) == 16 && offsetof(ArgRef, kind) == 20 &&
              offsetof(ArgRef, offset) == 24 && offsetof(ArgRef, size) == 28);

// The FlatBuffers body as SubmitWriter lays it out: the offset of the table, its vtable, the table,
// then both vectors. Heads begin at 28 and need 4-byte alignment; arguments follow them and need 8,
// which 16-byte heads leave them.
struct BodyHead {
  std::uint32_t root = 12;
  std::uint16_t vtable[4] = {8, 12, 4, 8};  // its size, the table's, where the two fields are
  std::int32_t vtable_back = 8;
  std::uint32_t heads_ahead = 8;
  std::uint32_t args_ahead = 0;
  std::uint32_t heads = 0;  // how many
};
constexpr std::size_t kBodyHead = sizeof(BodyHead);
static_assert(kBodyHead == 28);

constexpr std::size_t FixedSize(std::uint16_t flags) {
  return kPreambleSize + ((flags & kChild) != 0 ? kChildPreambleSize : 0);
}

constexpr std::size_t BodySize(std::size_t tasks, std::size_t args) {
  return kBodyHead + tasks * sizeof(TaskHead) + 4 + args * sizeof(ArgRef);
}

SubmitError Malformed(std::string message) {
  return {Reason::kMalformed, "submit: " + std::move(message)};
}

SubmitError TooLarge(std::string message) {
  return {Reason::kTooLarge, "submit: " + std::move(message)};
}

// Inline arguments lie in the payload in their order and do not overlap, or a small frame could
// name many megabytes again and again.
bool ArgsAreGood(std::span<const ArgRef> args, std::size_t payload, std::uint32_t inline_value) {
  std::uint64_t end = 0;  // of the bytes of those so far
  for (const ArgRef& arg : args) {
    if (arg.kind == ArgRef::kObject) continue;
    if (arg.kind != ArgRef::kInline || arg.offset < end || arg.size > inline_value) return false;
    end = std::uint64_t{arg.offset} + arg.size;
  }
  return end <= payload;
}

// What ArgsAreGood found.
SubmitError ExplainArgs(std::span<const ArgRef> args, std::size_t payload,
                        std::uint32_t inline_value) {
  std::uint64_t end = 0;
  for (const ArgRef& arg : args) {
    if (arg.kind == ArgRef::kObject) continue;
    if (arg.kind != ArgRef::kInline) {
      return Malformed(Format("an argument of unknown kind {}", arg.kind));
    }
    if (arg.offset < end) {
      return Malformed(
          Format("an argument at {} of the payload overlaps one that ends at {}", arg.offset, end));
    }
    end = std::uint64_t{arg.offset} + arg.size;
    if (end > payload) {
      return Malformed(Format("an argument of {} bytes at {} lies outside of the payload of {}",
                              arg.size, arg.offset, payload));
    }
    if (arg.size > inline_value) {
      return TooLarge(
          Format("an inline argument has {} bytes, the limit is {}; put it first and "
                 "pass the object",
                 arg.size, inline_value));
    }
  }
  return {};
}

// Tasks may not share arguments: the work that a frame causes stays proportional to its size.
SubmitError CheckHeads(std::span<const TaskHead> heads, std::size_t args,
                       std::uint32_t deps_per_task) {
  std::uint64_t next_arg = 0;
  for (const TaskHead& head : heads) {
    if (head.flags != 0) return Malformed(Format("a task has unknown flags {:#x}", head.flags));
    if (head.first_arg != next_arg) {
      return Malformed(Format("a task's arguments begin at {}, those before it end at {}",
                              head.first_arg, next_arg));
    }
    if (head.arg_count > deps_per_task) {
      return TooLarge(
          Format("a task has {} arguments, the limit is {}", head.arg_count, deps_per_task));
    }
    next_arg += head.arg_count;
  }
  if (next_arg != args) {
    return Malformed(Format("the tasks have {} arguments, the list {}", next_arg, args));
  }
  return {};
}

}  // namespace

std::optional<SubmitPreamble> ReadPreamble(const FrameView& frame) {
  RawPreamble raw;
  if (frame.body.size() < sizeof(raw)) return std::nullopt;
  std::memcpy(&raw, frame.body.data(), sizeof(raw));
  const bool known = raw.cls < kClasses && raw.level <= static_cast<std::uint8_t>(Level::kSync) &&
                     (raw.flags & ~kKnownSubmitFlags) == 0 && raw.count > 0;
  const bool child = (raw.flags & kChild) != 0;
  const bool mixed = (raw.flags & kMixed) != 0;
  const bool joins_nothing = (raw.flags & kJoin) != 0 && (child || raw.root == 0);
  const bool numbered =
      (child || raw.first_seq > 0) && raw.first_seq <= ~std::uint64_t{0} - raw.count;
  const bool fits = frame.body.size() > FixedSize(raw.flags) + raw.count * sizeof(TaskHead);
  if (!known || (mixed && !child) || joins_nothing || !numbered || !fits) return std::nullopt;
  return SubmitPreamble{.cls = static_cast<TaskClass>(raw.cls),
                        .level = static_cast<Level>(raw.level),
                        .attempt = raw.attempt,
                        .retry = raw.retry,
                        .count = raw.count,
                        .flags = raw.flags,
                        .function = raw.function,
                        .shape = raw.shape,
                        .remaining_us = std::min(raw.remaining_us, kMostTime),
                        .cost_hint_ns = std::min(raw.cost_hint_ns, kMostTime),
                        .root = raw.root,
                        .first_seq = raw.first_seq};
}

std::optional<ChildPreamble> ReadChild(const FrameView& frame) {
  const auto preamble = ReadPreamble(frame);
  if (!preamble.has_value() || (preamble->flags & kChild) == 0) return std::nullopt;
  RawChild raw;
  std::memcpy(&raw, frame.body.data() + kPreambleSize, sizeof(raw));
  return ChildPreamble{.parent = {raw.parent_session, raw.parent_seq},
                       .stream = raw.stream,
                       .attempt = raw.attempt,
                       .first_index = raw.first_index};
}

SubmitError DecodeSubmit(const FrameView& frame, const SubmitLimits& limits, SubmitView& view) {
  RawPreamble raw;
  SG_CHECK(frame.body.size() >= sizeof(raw));  // ReadPreamble has seen it
  std::memcpy(&raw, frame.body.data(), sizeof(raw));
  view = SubmitView();
  if ((raw.flags & kChild) != 0) {
    const auto child = ReadChild(frame);
    SG_CHECK(child.has_value());
    view.child = *child;
    if (child->first_index > std::numeric_limits<std::uint64_t>::max() - raw.count) {
      return Malformed("the children's indexes overflow");
    }
  }
  if (raw.count > limits.batch) {
    return TooLarge(Format("{} tasks in one frame, the limit is {}", raw.count, limits.batch));
  }
  const auto* body = VerifiedRoot<fbs::Submit>(frame.body.subspan(FixedSize(raw.flags)));
  if (body == nullptr) return Malformed("the body is not a well-formed FlatBuffer");
  const auto heads = AsSpan<TaskHead>(body->heads());
  const auto args = AsSpan<ArgRef>(body->args());
  if (!heads || !args) return Malformed("a vector is not aligned");
  if (heads->size() != raw.count) {
    return Malformed(Format("{} tasks announced, {} present", raw.count, heads->size()));
  }
  SubmitError error = CheckHeads(*heads, args->size(), limits.deps_per_task);
  if (error.reason != Reason::kNone) return error;
  if (!ArgsAreGood(*args, frame.payload.size(), limits.inline_value)) {
    return ExplainArgs(*args, frame.payload.size(), limits.inline_value);
  }
  view.heads = *heads;
  view.args = *args;
  return error;
}

void SubmitWriter::Begin(const SubmitPreamble& preamble, const ChildPreamble* child) {
  heads_.clear();
  args_.clear();
  payload_.Clear();
  preamble_ = preamble;
  preamble_.flags &= static_cast<std::uint16_t>(~kChild);
  if (child == nullptr) return;
  preamble_.flags |= kChild;
  child_ = *child;
}

void SubmitWriter::BeginTask(std::uint32_t function, std::uint32_t shape, std::uint8_t returns) {
  heads_.push_back({.function = function,
                    .shape = shape,
                    .first_arg = static_cast<std::uint32_t>(args_.size()),
                    .arg_count = 0,
                    .returns = returns});
}

void SubmitWriter::AddInline(ByteView bytes) {
  args_.push_back({.session = 0,
                   .seq = 0,
                   .index = 0,
                   .kind = ArgRef::kInline,
                   .offset = static_cast<std::uint32_t>(payload_.size()),
                   .size = static_cast<std::uint32_t>(bytes.size())});
  payload_.Append(bytes);
  ++heads_.back().arg_count;
}

void SubmitWriter::AddObject(ObjectId object) {
  args_.push_back({.session = object.task.session,
                   .seq = object.task.seq,
                   .index = object.index,
                   .kind = ArgRef::kObject,
                   .offset = 0,
                   .size = 0});
  ++heads_.back().arg_count;
}

bool SubmitWriter::Fits(std::size_t args, std::size_t bytes, std::size_t max_payload) const {
  const std::size_t most = kMaxBody - kPreambleSize - kChildPreambleSize;
  if (args > most / sizeof(ArgRef) || bytes > max_payload) return false;  // so the sums stay small
  return BodySize(heads_.size() + 1, args_.size() + args) <= most &&
         payload_.size() + bytes <= max_payload;
}

void SubmitWriter::Finish(std::uint32_t correlation, std::uint64_t sent_us, OutBuffer& out) {
  const std::size_t heads_size = heads_.size() * sizeof(TaskHead);
  const std::size_t args_size = args_.size() * sizeof(ArgRef);
  const std::size_t fixed = FixedSize(preamble_.flags);
  const std::size_t body = fixed + BodySize(heads_.size(), args_.size());
  const ByteView payload = payload_.view();
  SG_CHECK(!heads_.empty() && body <= kMaxBody);
  std::byte* at = out.Extend(kHeaderSize + body + Padded(payload.size()));
  WriteHeader({.type = FrameType::kSubmit,
               .body_size = static_cast<std::uint32_t>(body),
               .payload_size = static_cast<std::uint32_t>(payload.size()),
               .correlation = correlation,
               .sent_us = sent_us},
              at);
  at += kHeaderSize;
  const RawPreamble raw{.cls = static_cast<std::uint8_t>(preamble_.cls),
                        .level = static_cast<std::uint8_t>(preamble_.level),
                        .attempt = preamble_.attempt,
                        .retry = preamble_.retry,
                        .count = static_cast<std::uint16_t>(heads_.size()),
                        .flags = preamble_.flags,
                        .function = preamble_.function,
                        .shape = preamble_.shape,
                        .remaining_us = preamble_.remaining_us,
                        .cost_hint_ns = preamble_.cost_hint_ns,
                        .root = preamble_.root,
                        .first_seq = preamble_.first_seq};
  std::memcpy(at, &raw, sizeof(raw));
  if (fixed > sizeof(raw)) {
    const RawChild child{.parent_session = child_.parent.session,
                         .parent_seq = child_.parent.seq,
                         .stream = child_.stream,
                         .attempt = child_.attempt,
                         .first_index = child_.first_index};
    std::memcpy(at + sizeof(raw), &child, sizeof(child));
  }
  at += fixed;
  BodyHead head;
  head.heads = static_cast<std::uint32_t>(heads_.size());
  head.args_ahead =
      static_cast<std::uint32_t>(kBodyHead + heads_size - offsetof(BodyHead, args_ahead));
  std::memcpy(at, &head, sizeof(head));
  std::memcpy(at + kBodyHead, heads_.data(), heads_size);
  const auto args = static_cast<std::uint32_t>(args_.size());
  std::memcpy(at + kBodyHead + heads_size, &args, sizeof(args));
  at += kBodyHead + heads_size + sizeof(args);
  if (args_size > 0) std::memcpy(at, args_.data(), args_size);
  at += args_size;
  if (!payload.empty()) std::memcpy(at, payload.data(), payload.size());
  std::memset(at + payload.size(), 0, Padded(payload.size()) - payload.size());
}

}  // namespace spillgate::wire
