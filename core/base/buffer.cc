#include "core/base/buffer.h"

#include <new>

#include "core/base/check.h"

namespace spillgate {

Buffer Buffer::Allocate(std::size_t size) {
  void* memory = ::operator new(sizeof(Block) + size, std::align_val_t(alignof(Block)));
  Buffer buffer;
  buffer.block_ = new (memory) Block{.owners = 1, .size = size};
  return buffer;
}

Buffer Buffer::CopyOf(ByteView bytes) {
  Buffer buffer = Allocate(bytes.size());
  if (!bytes.empty()) std::memcpy(buffer.data(), bytes.data(), bytes.size());
  return buffer;
}

void Buffer::Release() {
  if (block_ == nullptr || block_->owners.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  block_->~Block();
  ::operator delete(block_, std::align_val_t(alignof(Block)));
  block_ = nullptr;
}

Value::Value(ByteView bytes) : size_(bytes.size()) {
  if (size_ > kInline) {
    buffer_ = Buffer::CopyOf(bytes);
  } else if (size_ > 0) {
    std::memcpy(small_, bytes.data(), size_);
  }
}

Value::Value(const Buffer& buffer, std::size_t offset, std::size_t size) : size_(size) {
  SG_CHECK(offset + size <= buffer.size());
  if (size_ > kInline) {
    buffer_ = buffer;
    offset_ = offset;
  } else if (size_ > 0) {
    std::memcpy(small_, buffer.view().data() + offset, size_);
  }
}

}  // namespace spillgate
