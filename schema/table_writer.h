// TableWriter: one FlatBuffers table, written straight into an outgoing frame. Every field is
// present and stands where its position in the schema puts it, so a message of one type has its
// numbers at the same offsets each time; docs/protocol.md prints them. Legal FlatBuffers, without a
// builder's allocations. For schema's own sources; one value on the stack for each message.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <type_traits>

#include "core/base/buffer.h"
#include "core/base/check.h"
#include "schema/frame.h"
#include "schema/out_buffer.h"

namespace spillgate::wire {

class TableWriter {
 public:
  // Fields, in the order of the schema.
  TableWriter& U8(std::uint8_t value) { return Scalar(value); }
  TableWriter& U16(std::uint16_t value) { return Scalar(value); }
  TableWriter& U32(std::uint32_t value) { return Scalar(value); }
  TableWriter& U64(std::uint64_t value) { return Scalar(value); }
  template <class T>
  TableWriter& Struct(const T& value) {
    static_assert(std::is_trivially_copyable_v<T>);
    Place(&value, sizeof(T), alignof(T));
    return *this;
  }
  // A view that lives until Append; cut at `most` bytes, between two characters.
  TableWriter& Text(std::string_view text, std::size_t most);
  template <class T>
  TableWriter& Vector(std::span<const T> items) {
    static_assert(std::is_trivially_copyable_v<T> && alignof(T) <= 8);
    AddPiece({.kind = alignof(T) > 4 ? Kind::kWide : Kind::kPlain,
              .bytes = std::as_bytes(items),
              .count = static_cast<std::uint32_t>(items.size())});
    return *this;
  }
  // A vector of {offset, size}: where each piece of the payload comes to lie.
  TableWriter& Slices() {
    AddPiece({.kind = Kind::kSlices});
    return *this;
  }

  // Appends the frame: header, this table, and a payload that the pieces make together.
  void Append(FrameType type, std::uint32_t correlation, std::uint64_t sent_us,
              std::span<const ByteView> payload, OutBuffer& out);

 private:
  static constexpr std::size_t kMostFields = 14;
  static constexpr std::size_t kMostInline = 128;
  static constexpr std::size_t kMostPieces = 3;

  enum class Kind : std::uint8_t {
    kPlain,   // items that need no more than 4-byte alignment
    kWide,    // items that begin at a multiple of 8
    kText,    // a zero follows
    kSlices,  // of the payload
  };
  // What stands behind the table; `field` says where the table says where.
  struct Piece {
    Kind kind = Kind::kPlain;
    ByteView bytes{};
    std::uint32_t count = 0;
    std::size_t field = 0;
  };

  template <class T>
  TableWriter& Scalar(T value) {
    Place(&value, sizeof(T), sizeof(T));
    return *this;
  }
  void Place(const void* from, std::size_t size, std::size_t alignment);
  void AddPiece(const Piece& piece);
  // Gives each piece its place; the end of the last.
  std::size_t LayOut(std::size_t table_at, std::span<const ByteView> payload);

  std::size_t fields_ = 0;
  std::size_t pieces_ = 0;
  std::size_t size_ = 4;  // of the table: the offset to its vtable comes first
  std::array<std::uint16_t, kMostFields> offsets_;
  std::array<Piece, kMostPieces> places_;
  std::array<std::byte, kMostInline> table_{};
};

}  // namespace spillgate::wire
