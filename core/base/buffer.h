// Buffer: bytes that several owners read, freed with the last of them. Filled by whoever allocates
// it, read-only from the moment it is shared. Value: immutable bytes of a task's argument or
// result; up to 16 bytes live in the object itself, so that small results cost no allocation. Both
// may be copied and dropped on any thread.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <utility>

namespace spillgate {

using ByteView = std::span<const std::byte>;

[[nodiscard]] inline ByteView AsBytes(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}
[[nodiscard]] inline std::string_view AsText(ByteView bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

class Buffer {
 public:
  Buffer() = default;
  [[nodiscard]] static Buffer Allocate(std::size_t size);  // 16-byte aligned, not zeroed
  [[nodiscard]] static Buffer CopyOf(ByteView bytes);

  Buffer(const Buffer& other) noexcept : block_(other.block_) { Retain(); }
  Buffer(Buffer&& other) noexcept : block_(std::exchange(other.block_, nullptr)) {}
  Buffer& operator=(Buffer other) noexcept {
    std::swap(block_, other.block_);
    return *this;
  }
  ~Buffer() { Release(); }

  [[nodiscard]] bool empty() const { return block_ == nullptr; }
  [[nodiscard]] std::size_t size() const { return block_ == nullptr ? 0 : block_->size; }
  [[nodiscard]] std::byte* data() { return block_ == nullptr ? nullptr : block_->bytes(); }
  [[nodiscard]] ByteView view() const {
    return block_ == nullptr ? ByteView() : ByteView(block_->bytes(), block_->size);
  }

 private:
  struct alignas(16) Block {
    std::atomic<std::uint32_t> owners;
    std::size_t size;
    [[nodiscard]] std::byte* bytes() { return reinterpret_cast<std::byte*>(this + 1); }
  };

  void Retain() const {
    if (block_ != nullptr) block_->owners.fetch_add(1, std::memory_order_relaxed);
  }
  void Release();

  Block* block_ = nullptr;
};

class Value {
 public:
  static constexpr std::size_t kInline = 16;

  Value() = default;
  // Copies `bytes`: into the object when they are few, else into a buffer of their own.
  explicit Value(ByteView bytes);
  // A slice of a buffer that is kept alive; nothing is copied unless it is small.
  Value(const Buffer& buffer, std::size_t offset, std::size_t size);

  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] ByteView view() const {
    return size_ <= kInline ? ByteView(small_, size_) : buffer_.view().subspan(offset_, size_);
  }
  // Heap bytes that this value keeps alive by itself; what bounds in bytes are charged.
  [[nodiscard]] std::size_t heap_bytes() const { return buffer_.size(); }

 private:
  Buffer buffer_;
  std::size_t offset_ = 0;
  std::size_t size_ = 0;
  std::byte small_[kInline] = {};
};

}  // namespace spillgate
