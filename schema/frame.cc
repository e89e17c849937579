#include "schema/frame.h"

#include <array>
#include <bit>
#include <cstring>

#include "core/base/check.h"

namespace spillgate::wire {
namespace {

static_assert(std::endian::native == std::endian::little, "frames are copied as they are");

// As the header lies on the wire.
struct Raw {
  std::uint16_t magic;
  std::uint8_t version;
  std::uint8_t type;
  std::uint16_t flags;
  std::uint16_t body_words;
  std::uint32_t payload_size;
  std::uint32_t correlation;
  std::uint64_t sent_us;
};
static_assert(sizeof(Raw) == kHeaderSize);

constexpr std::array<std::string_view, 29> kNames{
    "greeting",  "hello",     "welcome",    "register",    "registered", "shape",
    "shaped",    "open_root", "close_root", "submit",      "verdicts",   "credits",
    "get",       "results",   "wait",       "wait_done",   "put",        "cancel",
    "cancelled", "release",   "stats",      "stats_reply", "drain",      "drained",
    "ping",      "pong",      "error",      "status",      "statuses"};
constexpr std::array<std::string_view, 8> kWorkerNames{
    "worker_hello", "load", "run", "done", "blocked", "resumed", "stop", "interrupt"};

constexpr std::uint8_t kFirst = static_cast<std::uint8_t>(FrameType::kGreeting);
constexpr std::uint8_t kFirstOfWorkers = static_cast<std::uint8_t>(FrameType::kWorkerHello);
static_assert(static_cast<std::size_t>(FrameType::kStatuses) == kFirst + kNames.size() - 1);
static_assert(static_cast<std::size_t>(FrameType::kInterrupt) ==
              kFirstOfWorkers + kWorkerNames.size() - 1);

bool IsType(std::uint8_t type) {
  return (type >= kFirst && type < kFirst + kNames.size()) ||
         (type >= kFirstOfWorkers && type < kFirstOfWorkers + kWorkerNames.size());
}

bool LooksLikeHttp(ByteView bytes) {
  constexpr std::array<std::string_view, 9> kMethods{"GET ", "POST", "HEAD", "PUT ", "DELE",
                                                     "OPTI", "PATC", "CONN", "PRI "};
  for (const std::string_view method : kMethods) {
    if (AsText(bytes.first(method.size())) == method) return true;
  }
  return false;
}

FrameHeader FromRaw(const Raw& raw) {
  return {.version = raw.version,
          .type = static_cast<FrameType>(raw.type),
          .flags = raw.flags,
          .body_size = std::uint32_t{raw.body_words} * 8,
          .payload_size = raw.payload_size,
          .correlation = raw.correlation,
          .sent_us = raw.sent_us};
}

}  // namespace

std::string_view ToString(FrameType type) {
  const auto number = static_cast<std::uint8_t>(type);
  if (!IsType(number)) return "unknown";
  return number < kFirstOfWorkers ? kNames[number - kFirst]
                                  : kWorkerNames[number - kFirstOfWorkers];
}

HeaderError ParseHeader(ByteView bytes, std::size_t max_payload, FrameHeader& header,
                        std::size_t max_body) {
  SG_CHECK(bytes.size() >= kHeaderSize);
  Raw raw;
  std::memcpy(&raw, bytes.data(), sizeof(raw));
  if (raw.magic != kMagic) {
    return LooksLikeHttp(bytes) ? HeaderError::kHttp : HeaderError::kBadMagic;
  }
  if (raw.version < kOldestVersion || raw.version > kProtocolVersion) return HeaderError::kVersion;
  if (!IsType(raw.type)) return HeaderError::kType;
  if (raw.flags != 0) return HeaderError::kFlags;
  if (std::size_t{raw.body_words} * 8 > max_body) return HeaderError::kBodySize;
  if (raw.payload_size > 0 && !MayHavePayload(static_cast<FrameType>(raw.type))) {
    return HeaderError::kNoPayload;
  }
  if (raw.payload_size > max_payload) return HeaderError::kPayloadSize;
  header = FromRaw(raw);
  return HeaderError::kNone;
}

std::string_view ToString(HeaderError error) {
  switch (error) {
    case HeaderError::kNone: return "no error";
    case HeaderError::kBadMagic: return "these are not the first bytes of a frame";
    case HeaderError::kHttp: return "this port does not speak HTTP; the admin port does";
    case HeaderError::kVersion: return "a protocol version that this node does not speak";
    case HeaderError::kType: return "an unknown type of frame";
    case HeaderError::kFlags: return "header flags that version 1 does not have";
    case HeaderError::kBodySize: return "a body over 64 KiB";
    case HeaderError::kPayloadSize: return "a payload over this node's limit";
    case HeaderError::kNoPayload: return "a payload on a type of frame that has none";
  }
  return "no error";
}

Reason ReasonOf(HeaderError error) {
  switch (error) {
    case HeaderError::kNone: return Reason::kNone;
    case HeaderError::kBodySize:
    case HeaderError::kPayloadSize: return Reason::kTooLarge;
    case HeaderError::kVersion:
    case HeaderError::kType: return Reason::kUnsupported;
    case HeaderError::kBadMagic:
    case HeaderError::kHttp:
    case HeaderError::kFlags:
    case HeaderError::kNoPayload: return Reason::kMalformed;
  }
  return Reason::kMalformed;
}

void WriteHeader(const FrameHeader& header, std::byte* into) {
  const Raw raw{.magic = kMagic,
                .version = header.version,
                .type = static_cast<std::uint8_t>(header.type),
                .flags = header.flags,
                .body_words = static_cast<std::uint16_t>(header.body_size / 8),
                .payload_size = header.payload_size,
                .correlation = header.correlation,
                .sent_us = header.sent_us};
  std::memcpy(into, &raw, sizeof(raw));
}

FrameView View(ByteView frame) {
  SG_CHECK(frame.size() >= kHeaderSize);
  SG_CHECK(reinterpret_cast<std::uintptr_t>(frame.data()) % 8 == 0);
  Raw raw;
  std::memcpy(&raw, frame.data(), sizeof(raw));
  const FrameHeader header = FromRaw(raw);
  SG_CHECK(frame.size() >= WireSize(header));
  return View(header, frame);
}

}  // namespace spillgate::wire
