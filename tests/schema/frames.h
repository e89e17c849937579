// Frames for tests: cut a writer's bytes into views, and make frames around bodies that no writer
// makes.
#pragma once

#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <span>
#include <vector>

#include "core/base/buffer.h"
#include "schema/frame.h"
#include "schema/out_buffer.h"

namespace spillgate::wire {

// The one frame in `bytes`.
inline FrameView TheFrame(const OutBuffer& bytes) {
  FrameHeader header;
  EXPECT_EQ(ParseHeader(bytes.view(), 16 << 20, header), HeaderError::kNone);
  EXPECT_EQ(WireSize(header), bytes.size());
  return View(bytes.view());
}

inline std::vector<FrameView> AllFrames(const OutBuffer& bytes) {
  std::vector<FrameView> frames;
  ByteView rest = bytes.view();
  while (!rest.empty()) {
    FrameHeader header;
    EXPECT_EQ(ParseHeader(rest, 16 << 20, header), HeaderError::kNone);
    frames.push_back(View(rest.first(WireSize(header))));
    rest = rest.subspan(WireSize(header));
  }
  return frames;
}

// A frame of its own in memory that ends where it ends, so that reading past it is found.
class MadeFrame {
 public:
  MadeFrame(FrameType type, ByteView body, ByteView payload = {}) {
    const FrameHeader header{.type = type,
                             .body_size = static_cast<std::uint32_t>(Padded(body.size())),
                             .payload_size = static_cast<std::uint32_t>(payload.size())};
    bytes_ = std::make_unique<std::uint64_t[]>(WireSize(header) / 8);
    auto* at = reinterpret_cast<std::byte*>(bytes_.get());
    WriteHeader(header, at);
    if (!body.empty()) std::memcpy(at + kHeaderSize, body.data(), body.size());
    at += kHeaderSize + header.body_size;
    if (!payload.empty()) std::memcpy(at, payload.data(), payload.size());
    size_ = WireSize(header);
  }
  explicit MadeFrame(const FrameView& from)
      : MadeFrame(from.header.type, from.body, from.payload) {}

  [[nodiscard]] FrameView view() const { return View(bytes()); }
  [[nodiscard]] ByteView bytes() const {
    return {reinterpret_cast<const std::byte*>(bytes_.get()), size_};
  }
  [[nodiscard]] std::span<std::byte> body() {
    return {reinterpret_cast<std::byte*>(bytes_.get()) + kHeaderSize, view().body.size()};
  }
  template <class T>
  void Set(std::size_t at, T value) {
    ASSERT_LE(at + sizeof(value), body().size());
    std::memcpy(body().data() + at, &value, sizeof(value));
  }

 private:
  std::unique_ptr<std::uint64_t[]> bytes_;
  std::size_t size_ = 0;
};

}  // namespace spillgate::wire
