// The fuzz targets as plain functions, so that libFuzzer drives them and an ordinary test replays
// their corpora. Each takes any bytes and dies on a broken promise.
#pragma once

#include <algorithm>
#include <cstring>

#include "core/base/check.h"
#include "tests/fuzz/recode.h"

namespace spillgate::wire {

// What was written for `frame` is a frame of the same type, and taken apart again says the same.
inline void CheckWritten(const FrameView& frame, const OutBuffer& written) {
  ByteView rest = written.view();
  FrameHeader header;
  OutBuffer again;
  while (!rest.empty()) {
    SG_CHECK(ParseHeader(rest, kMostPayload, header) == HeaderError::kNone);
    SG_CHECK(header.type == frame.header.type && WireSize(header) <= rest.size());
    SG_CHECK(Recode(View(rest.first(WireSize(header))), again));
    rest = rest.subspan(WireSize(header));
  }
  SG_CHECK(std::ranges::equal(written.view(), again.view()));
}

inline void FuzzOneFrame(ByteView bytes) {
  const FrameView frame = View(bytes);
  OutBuffer written;
  if (Recode(frame, written)) {
    CheckWritten(frame, written);
  } else {
    SG_CHECK(written.empty());
  }
}

// A stream of frames, as a connection cuts it.
inline void FuzzStream(ByteView bytes) {
  const Buffer aligned = Buffer::CopyOf(bytes);
  ByteView rest = aligned.view();
  FrameHeader header;
  while (rest.size() >= kHeaderSize) {
    const HeaderError error = ParseHeader(rest, kMostPayload, header);
    if (error != HeaderError::kNone) {
      SG_CHECK(!ToString(error).empty() && ReasonOf(error) != Reason::kNone);
      return;
    }
    if (rest.size() < WireSize(header)) return;
    FuzzOneFrame(rest.first(WireSize(header)));
    rest = rest.subspan(WireSize(header));
  }
}

// One message with a right header: the first byte picks its type, the next two how much of the rest
// is body.
inline void FuzzMessage(ByteView bytes) {
  constexpr std::size_t kPick = 3;
  if (bytes.size() < kPick) return;
  const auto pick = static_cast<FrameType>(bytes[0]);
  std::uint16_t split = 0;
  std::memcpy(&split, bytes.data() + 1, sizeof(split));
  bytes = bytes.subspan(kPick);
  const ByteView body = bytes.first(std::min<std::size_t>(split, bytes.size()));
  const ByteView payload = MayHavePayload(pick) ? bytes.subspan(body.size()) : ByteView();
  FrameHeader header{.type = pick,
                     .body_size = static_cast<std::uint32_t>(Padded(body.size())),
                     .payload_size = static_cast<std::uint32_t>(payload.size()),
                     .correlation = 7};
  Buffer frame = Buffer::Allocate(WireSize(header));
  std::byte* const at = frame.data();
  SG_CHECK(at != nullptr);
  std::memset(at, 0, frame.size());
  WriteHeader(header, at);
  std::ranges::copy(body, at + kHeaderSize);
  std::ranges::copy(payload, at + kHeaderSize + header.body_size);
  if (ParseHeader(frame.view(), kMostPayload, header) != HeaderError::kNone) return;
  FuzzOneFrame(frame.view());
}

}  // namespace spillgate::wire
