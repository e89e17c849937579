#include "schema/table_writer.h"

#include <limits>

#include "schema/text.h"

namespace spillgate::wire {
namespace {

constexpr std::size_t kVtable = 4;  // right behind the offset of the root

constexpr std::size_t RoundUp(std::size_t size, std::size_t to) {
  return (size + to - 1) / to * to;
}

// Of the length word of a piece: its items follow it.
constexpr std::size_t PieceAt(std::size_t end, bool wide) {
  return wide ? RoundUp(end + 4, 8) - 4 : RoundUp(end, 4);
}

// Writes bytes one after the other, and zeros where it is told to skip.
class Cursor {
 public:
  explicit Cursor(std::byte* begin) : begin_(begin) {}

  void Skip(std::size_t to) {
    if (to > at_) std::memset(begin_ + at_, 0, to - at_);
    at_ = to;
  }
  void Write(const void* from, std::size_t size) {
    if (size > 0) std::memcpy(begin_ + at_, from, size);
    at_ += size;
  }
  template <class T>
  void Write(T value) {
    Write(&value, sizeof(value));
  }
  [[nodiscard]] std::size_t at() const { return at_; }

 private:
  std::byte* begin_;
  std::size_t at_ = 0;
};

constexpr std::size_t kSliceSize = 8;

void WriteSlices(std::span<const ByteView> payload, Cursor& cursor) {
  std::uint32_t offset = 0;
  for (const ByteView piece : payload) {
    const auto size = static_cast<std::uint32_t>(piece.size());
    cursor.Write(offset);
    cursor.Write(size);
    offset += size;
  }
}

}  // namespace

void TableWriter::Place(const void* from, std::size_t size, std::size_t alignment) {
  // The table begins 4 bytes before a multiple of 8.
  const std::size_t at = RoundUp(size_ + 4, alignment) - 4;
  SG_CHECK(fields_ < kMostFields && at + size <= kMostInline);
  std::memcpy(table_.data() + at, from, size);
  offsets_[fields_++] = static_cast<std::uint16_t>(at);
  size_ = at + size;
}

TableWriter& TableWriter::Text(std::string_view text, std::size_t most) {
  const std::string_view cut = CutText(text, most);
  AddPiece({.kind = Kind::kText,
            .bytes = AsBytes(cut),
            .count = static_cast<std::uint32_t>(cut.size())});
  return *this;
}

void TableWriter::AddPiece(const Piece& piece) {
  SG_CHECK(pieces_ < kMostPieces);
  Scalar(std::uint32_t{0});  // filled in when it is known where the piece goes
  places_[pieces_] = piece;
  places_[pieces_].field = offsets_[fields_ - 1];
  ++pieces_;
}

std::size_t TableWriter::LayOut(std::size_t table_at, std::span<const ByteView> payload) {
  std::size_t end = table_at + size_;
  for (Piece& piece : std::span(places_).first(pieces_)) {
    if (piece.kind == Kind::kSlices) piece.count = static_cast<std::uint32_t>(payload.size());
    const std::size_t at = PieceAt(end, piece.kind == Kind::kWide);
    const auto ahead = static_cast<std::uint32_t>(at - (table_at + piece.field));
    std::memcpy(table_.data() + piece.field, &ahead, sizeof(ahead));
    end = at + sizeof(piece.count);
    if (piece.kind == Kind::kSlices) end += std::size_t{piece.count} * kSliceSize;
    if (piece.kind == Kind::kText) ++end;
    end += piece.bytes.size();
  }
  return end;
}

void TableWriter::Append(FrameType type, std::uint32_t correlation, std::uint64_t sent_us,
                         std::span<const ByteView> payload, OutBuffer& out) {
  const std::size_t table_at = RoundUp(kVtable + 4 + 2 * fields_ + 4, 8) - 4;
  const std::size_t body = Padded(LayOut(table_at, payload));
  std::size_t payload_size = 0;
  for (const ByteView piece : payload) payload_size += piece.size();
  SG_CHECK(body <= kMaxBody && payload_size <= std::numeric_limits<std::uint32_t>::max() - 8);

  std::byte* frame = out.Extend(kHeaderSize + body + Padded(payload_size));
  WriteHeader({.type = type,
               .body_size = static_cast<std::uint32_t>(body),
               .payload_size = static_cast<std::uint32_t>(payload_size),
               .correlation = correlation,
               .sent_us = sent_us},
              frame);
  Cursor cursor(frame + kHeaderSize);
  cursor.Write(static_cast<std::uint32_t>(table_at));
  cursor.Write(static_cast<std::uint16_t>(4 + 2 * fields_));
  cursor.Write(static_cast<std::uint16_t>(size_));
  cursor.Write(offsets_.data(), 2 * fields_);
  cursor.Skip(table_at);
  const auto back = static_cast<std::int32_t>(table_at - kVtable);
  std::memcpy(table_.data(), &back, sizeof(back));
  cursor.Write(table_.data(), size_);
  for (const Piece& piece : std::span(places_).first(pieces_)) {
    cursor.Skip(PieceAt(cursor.at(), piece.kind == Kind::kWide));
    cursor.Write(piece.count);
    cursor.Write(piece.bytes.data(), piece.bytes.size());
    if (piece.kind == Kind::kSlices) WriteSlices(payload, cursor);
    if (piece.kind == Kind::kText) cursor.Write('\0');
  }
  cursor.Skip(body);
  for (const ByteView piece : payload) cursor.Write(piece.data(), piece.size());
  cursor.Skip(body + Padded(payload_size));
}

}  // namespace spillgate::wire
