#include "schema/out_buffer.h"

#include <algorithm>

namespace spillgate::wire {
namespace {

constexpr std::size_t kLeast = 4096;

}  // namespace

void OutBuffer::Grow(std::size_t size) {
  const std::size_t held = end_ - begin_;
  const std::size_t needed = held + size;
  if (needed > capacity_ || begin_ < capacity_ / 2) {
    const std::size_t capacity = std::max({kLeast, needed, 2 * capacity_});
    std::unique_ptr<std::byte[]> bytes(
        new std::byte[capacity]);  // NOLINT: make_unique would zero it
    if (held > 0) std::memcpy(bytes.get(), bytes_.get() + begin_, held);
    bytes_ = std::move(bytes);
    capacity_ = capacity;
  } else {
    std::memmove(bytes_.get(), bytes_.get() + begin_, held);
  }
  begin_ = 0;
  end_ = held;
}

}  // namespace spillgate::wire
