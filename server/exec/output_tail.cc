#include "server/exec/output_tail.h"

#include <algorithm>

#include "schema/text.h"

namespace spillgate {

void OutputTail::Add(ByteView bytes) {
  if (bytes_.empty()) return;
  if (bytes.size() > bytes_.size()) bytes = bytes.last(bytes_.size());
  const std::size_t first = std::min(bytes.size(), bytes_.size() - next_);
  std::copy_n(bytes.begin(), first, bytes_.begin() + static_cast<std::ptrdiff_t>(next_));
  std::copy(bytes.begin() + static_cast<std::ptrdiff_t>(first), bytes.end(), bytes_.begin());
  next_ = (next_ + bytes.size()) % bytes_.size();
  size_ = std::min(bytes_.size(), size_ + bytes.size());
}

std::string OutputTail::Text(std::size_t most) const {
  const std::size_t size = std::min(most, size_);
  std::string text;
  text.reserve(size);
  for (std::size_t i = 0; i < size; ++i) {
    const std::size_t at = (next_ + bytes_.size() - size + i) % bytes_.size();
    text.push_back(static_cast<char>(bytes_[at]));
  }
  while (!text.empty() && text.back() == '\n') text.pop_back();
  const std::size_t line = text.find('\n');
  if (size < size_ && line != std::string::npos) text.erase(0, line + 1);
  return wire::Readable(text);
}

}  // namespace spillgate
