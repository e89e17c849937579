// Frames: what goes over every socket of Spillgate, between clients, nodes and workers. A fixed
// 24-byte header, a control body of at most 64 KiB (FlatBuffers, for Submit behind a fixed
// preamble) and a raw payload. All parts are padded to 8 bytes on the wire, so that everything
// stays aligned in an aligned receive buffer. docs/protocol.md has the byte layouts. Pure functions
// over bytes; any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/base/buffer.h"
#include "core/model/reason.h"

namespace spillgate::wire {

inline constexpr std::uint16_t kMagic = 0x6753;  // "Sg", little endian
inline constexpr std::uint8_t kOldestVersion = 1;
inline constexpr std::uint8_t kProtocolVersion = 1;
inline constexpr std::size_t kHeaderSize = 24;
inline constexpr std::size_t kMaxBody = 64 << 10;
inline constexpr std::uint64_t kMostTime = 1ULL
                                           << 53;  // in any unit: a longer time is read as this

enum class FrameType : std::uint8_t {
  kGreeting = 1,
  kHello,
  kWelcome,
  kRegister,
  kRegistered,
  kShape,
  kShaped,
  kOpenRoot,
  kCloseRoot,
  kSubmit,
  kVerdicts,
  kCredits,
  kGet,
  kResults,
  kWait,
  kWaitDone,
  kPut,
  kCancel,
  kCancelled,
  kRelease,
  kStats,
  kStatsReply,
  kDrain,
  kDrained,
  kPing,
  kPong,
  kError,
  kStatus,
  kStatuses,
  kWorkerHello = 64,
  kLoad,
  kRun,
  kDone,
  kBlocked,
  kResumed,
  kStop,
  kInterrupt,
};

[[nodiscard]] std::string_view ToString(FrameType type);  // snake_case; "unknown" for what is none

struct FrameHeader {
  std::uint8_t version = kProtocolVersion;
  FrameType type{};
  std::uint16_t flags = 0;         // none are defined: 0
  std::uint32_t body_size = 0;     // bytes, a multiple of 8
  std::uint32_t payload_size = 0;  // bytes, exact; padded to 8 on the wire
  std::uint32_t correlation = 0;
  std::uint64_t sent_us = 0;  // the sender's monotonic clock; 0: not told
};

enum class HeaderError : std::uint8_t {
  kNone,
  kBadMagic,
  kHttp,  // somebody speaks HTTP to this port
  kVersion,
  kType,
  kFlags,
  kBodySize,
  kPayloadSize,
  kNoPayload,  // frames of this type have none
};

// Reads the first kHeaderSize bytes of `bytes`, which must hold as many. `header` is written only
// without error.
[[nodiscard]] HeaderError ParseHeader(ByteView bytes, std::size_t max_payload, FrameHeader& header,
                                      std::size_t max_body = kMaxBody);
[[nodiscard]] std::string_view ToString(HeaderError error);
// What an Error frame says of it before the connection is closed.
[[nodiscard]] Reason ReasonOf(HeaderError error);
void WriteHeader(const FrameHeader& header, std::byte* into);

// Only these types carry raw bytes behind the body.
[[nodiscard]] constexpr bool MayHavePayload(FrameType type) {
  return type == FrameType::kSubmit || type == FrameType::kPut || type == FrameType::kResults ||
         type == FrameType::kStatsReply || type == FrameType::kRun || type == FrameType::kDone;
}

[[nodiscard]] constexpr std::size_t Padded(std::size_t size) {
  return (size + 7) & ~std::size_t{7};
}
[[nodiscard]] constexpr std::size_t WireSize(const FrameHeader& header) {
  return kHeaderSize + header.body_size + Padded(header.payload_size);
}

struct FrameView {
  FrameHeader header;
  ByteView body;  // 8-byte aligned if the frame is
  ByteView payload;
};
// The parts of the whole frame with that header.
[[nodiscard]] inline FrameView View(const FrameHeader& header, ByteView frame) {
  return {.header = header,
          .body = frame.subspan(kHeaderSize, header.body_size),
          .payload = frame.subspan(kHeaderSize + header.body_size, header.payload_size)};
}

// The parts of a whole frame whose header has been parsed before; `frame` holds WireSize bytes and
// begins at a multiple of 8.
[[nodiscard]] FrameView View(ByteView frame);

}  // namespace spillgate::wire
