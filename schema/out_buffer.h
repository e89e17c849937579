// OutBuffer: bytes on their way out. Grows without zero-filling, is consumed from the front as a
// socket takes it, keeps its memory. One thread.
#pragma once

#include <cstddef>
#include <cstring>
#include <memory>

#include "core/base/buffer.h"

namespace spillgate::wire {

class OutBuffer {
 public:
  [[nodiscard]] std::size_t size() const { return end_ - begin_; }
  [[nodiscard]] bool empty() const { return end_ == begin_; }
  [[nodiscard]] ByteView view() const { return {bytes_.get() + begin_, size()}; }

  // Room for `size` more bytes, to be written in place at once.
  [[nodiscard]] std::byte* Extend(std::size_t size) {
    if (capacity_ - end_ < size) Grow(size);
    std::byte* at = bytes_.get() + end_;
    end_ += size;
    return at;
  }
  void Append(ByteView bytes) {
    if (!bytes.empty()) std::memcpy(Extend(bytes.size()), bytes.data(), bytes.size());
  }
  void Consume(std::size_t size) {
    begin_ += size;
    if (begin_ == end_) begin_ = end_ = 0;
  }
  void Clear() { begin_ = end_ = 0; }
  // Takes back the last `size` bytes.
  void Truncate(std::size_t size) { end_ -= size; }

 private:
  void Grow(std::size_t size);

  std::unique_ptr<std::byte[]> bytes_;
  std::size_t capacity_ = 0;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

}  // namespace spillgate::wire
