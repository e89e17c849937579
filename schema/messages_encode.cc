// Messages to bytes. The fields of each are in the order of cold.fbs.
#include <algorithm>

#include "schema/messages.h"
#include "schema/table_writer.h"

namespace spillgate::wire {
namespace {

template <class E>
std::uint8_t Byte(E value) {
  return static_cast<std::uint8_t>(value);
}
std::uint16_t Number(Reason reason) {
  return static_cast<std::uint16_t>(reason);
}

void AppendEmpty(FrameType type, std::uint32_t correlation, ByteView payload, OutBuffer& out) {
  const std::size_t size = Padded(payload.size());
  std::byte* at = out.Extend(kHeaderSize + size);
  WriteHeader({.type = type,
               .payload_size = static_cast<std::uint32_t>(payload.size()),
               .correlation = correlation},
              at);
  if (!payload.empty()) std::memcpy(at + kHeaderSize, payload.data(), payload.size());
  std::memset(at + kHeaderSize + payload.size(), 0, size - payload.size());
}

}  // namespace

void Encode(const Greeting& m, std::uint32_t correlation, OutBuffer& out) {
  TableWriter table;
  table.U8(m.version_min).U8(m.version_max).U8(m.auth_required ? 1 : 0).Struct(m.nonce);
  table.Append(FrameType::kGreeting, correlation, 0, {}, out);
}

void Encode(const Hello& m, std::uint32_t correlation, OutBuffer& out) {
  TableWriter table;
  table.U8(m.version_min).U8(m.version_max).U8(Byte(m.kind)).U64(m.session);
  table.Struct(m.resume_token).Text(m.name, kMostText).Struct(m.mac).Text(m.software, kMostText);
  table.Append(FrameType::kHello, correlation, 0, {}, out);
}

void Encode(const Welcome& m, std::uint32_t correlation, OutBuffer& out) {
  TableWriter table;
  table.U8(m.version).U8(m.resumed ? 1 : 0).U64(m.session).Struct(m.resume_token);
  table.Text(m.node, kMostText).U64(m.epoch).U64(m.next_seq).U32(m.max_payload);
  table.U32(m.ids_per_get).U32(m.deps_per_task).U32(m.inline_value).U32(m.max_batch);
  table.Append(FrameType::kWelcome, correlation, 0, {}, out);
}

void Encode(const Register& m, std::uint32_t correlation, OutBuffer& out) {
  TableWriter table;
  table.Text(m.name, kMostText);
  table.Append(FrameType::kRegister, correlation, 0, {}, out);
}

void Encode(const Registered& m, std::uint32_t correlation, OutBuffer& out) {
  TableWriter table;
  table.U32(m.function).U8(m.host).U16(Number(m.reason)).Text(m.detail, kMostText);
  table.Append(FrameType::kRegistered, correlation, 0, {}, out);
}

void Encode(const Shape& m, std::uint32_t correlation, OutBuffer& out) {
  TableWriter table;
  table.Text(m.text, kMostText);
  table.Append(FrameType::kShape, correlation, 0, {}, out);
}

void Encode(const Shaped& m, std::uint32_t correlation, OutBuffer& out) {
  TableWriter table;
  table.U32(m.shape).U16(Number(m.reason)).Text(m.detail, kMostText);
  table.Append(FrameType::kShaped, correlation, 0, {}, out);
}

void Encode(const OpenRoot& m, std::uint32_t correlation, OutBuffer& out, std::uint64_t sent_us) {
  TableWriter table;
  table.U64(m.seq).U8(Byte(m.cls)).U8(Byte(m.level)).U64(m.remaining_us);
  table.U32(m.estimated_tasks).U32(m.shape).U64(m.slot_time_ns);
  table.Append(FrameType::kOpenRoot, correlation, sent_us, {}, out);
}

void Encode(const CloseRoot& m, std::uint32_t correlation, OutBuffer& out) {
  TableWriter table;
  table.U64(m.seq);
  table.Append(FrameType::kCloseRoot, correlation, 0, {}, out);
}

void Encode(const Credits& m, std::uint32_t correlation, OutBuffer& out) {
  TableWriter table;
  for (const std::uint64_t window : m.window) table.U64(window);
  table.U32(m.ttl_ms).U8(m.load_level);
  table.Append(FrameType::kCredits, correlation, 0, {}, out);
}

void Encode(const Get& m, std::uint32_t correlation, OutBuffer& out) {
  TableWriter table;
  table.Vector(m.ids).U64(m.timeout_us);
  table.Append(FrameType::kGet, correlation, 0, {}, out);
}

void Encode(const Wait& m, std::uint32_t correlation, OutBuffer& out) {
  TableWriter table;
  table.Vector(m.ids).U32(m.needed).U64(m.timeout_us);
  table.Append(FrameType::kWait, correlation, 0, {}, out);
}

void Encode(const WaitDone& m, std::uint32_t correlation, OutBuffer& out) {
  std::array<std::byte, kMostObjects / 8> bits{};
  SG_CHECK(m.ready.size() <= kMostObjects);
  for (std::size_t i = 0; i < m.ready.size(); ++i) {
    if (m.ready[i]) bits[i / 8] |= std::byte{1} << (i % 8);
  }
  TableWriter table;
  table.Vector(std::span<const std::byte>(bits).first((m.ready.size() + 7) / 8));
  table.U32(static_cast<std::uint32_t>(m.ready.size()));
  table.U8(m.timed_out ? 1 : 0).U16(Number(m.reason));
  table.Append(FrameType::kWaitDone, correlation, 0, {}, out);
}

void Encode(const Put& m, ByteView value, std::uint32_t correlation, OutBuffer& out,
            std::uint64_t sent_us) {
  TableWriter table;
  table.U64(m.seq).U8(Byte(m.level)).U16(m.flags);
  table.Append(FrameType::kPut, correlation, sent_us, {&value, 1}, out);
}

void Encode(const Cancel& m, std::uint32_t correlation, OutBuffer& out) {
  TableWriter table;
  table.Vector(m.ids);
  table.Append(FrameType::kCancel, correlation, 0, {}, out);
}

void Encode(const Cancelled& m, std::uint32_t correlation, OutBuffer& out) {
  TableWriter table;
  table.U32(m.count).U32(m.already_done);
  table.Append(FrameType::kCancelled, correlation, 0, {}, out);
}

void Encode(const Release& m, std::uint32_t correlation, OutBuffer& out) {
  TableWriter table;
  table.Vector(m.ranges);
  table.Append(FrameType::kRelease, correlation, 0, {}, out);
}

void Encode(const Stats& m, std::uint32_t correlation, OutBuffer& out) {
  TableWriter table;
  table.Text(m.what, kMostText);
  table.Append(FrameType::kStats, correlation, 0, {}, out);
}

void Encode(const StatsReply&, std::string_view json, std::uint32_t correlation, OutBuffer& out) {
  AppendEmpty(FrameType::kStatsReply, correlation, AsBytes(json), out);
}

void Encode(const Drain& m, std::uint32_t correlation, OutBuffer& out) {
  TableWriter table;
  table.U64(m.timeout_us);
  table.Append(FrameType::kDrain, correlation, 0, {}, out);
}

void Encode(const Drained& m, std::uint32_t correlation, OutBuffer& out) {
  TableWriter table;
  table.U64(m.left).U64(m.handed_over);
  table.Append(FrameType::kDrained, correlation, 0, {}, out);
}

void Encode(const Ping&, std::uint32_t correlation, OutBuffer& out) {
  AppendEmpty(FrameType::kPing, correlation, {}, out);
}

void Encode(const Pong&, std::uint32_t correlation, OutBuffer& out) {
  AppendEmpty(FrameType::kPong, correlation, {}, out);
}

void Encode(const Error& m, std::uint32_t correlation, OutBuffer& out) {
  TableWriter table;
  table.U16(Number(m.reason)).Text(m.message, kMostText);
  table.Append(FrameType::kError, correlation, 0, {}, out);
}

void Encode(const Status& m, std::uint32_t correlation, OutBuffer& out) {
  TableWriter table;
  table.Vector(m.ids);
  table.Append(FrameType::kStatus, correlation, 0, {}, out);
}

void Encode(const Statuses& m, std::uint32_t correlation, OutBuffer& out) {
  constexpr std::size_t kMostAFrame = 1024;
  std::span<const TaskStatus> left = m.tasks;
  do {
    const auto some = left.first(std::min(left.size(), kMostAFrame));
    left = left.subspan(some.size());
    TableWriter table;
    table.Vector(some);
    table.Append(FrameType::kStatuses, correlation, 0, {}, out);
  } while (!left.empty());
}

}  // namespace spillgate::wire
