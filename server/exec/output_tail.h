// OutputTail: the last bytes of what a worker wrote to its stdout and stderr; the rest is
// forgotten. One thread.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "core/base/buffer.h"

namespace spillgate {

class OutputTail {
 public:
  explicit OutputTail(std::size_t capacity) : bytes_(capacity) {}

  void Add(ByteView bytes);
  void Clear() { size_ = 0; }
  // The last `most` bytes at most, from the beginning of a line if they hold one; readable, without
  // a last newline.
  [[nodiscard]] std::string Text(std::size_t most) const;

 private:
  std::vector<std::byte> bytes_;  // a ring
  std::size_t next_ = 0;
  std::size_t size_ = 0;
};

}  // namespace spillgate
