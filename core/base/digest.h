// Digest: 128 bits over a list of byte strings, such that any change of the bytes, of their order
// or of where one ends gives another. Made of XXH3; the same on every machine. Not for security. A
// value of one thread.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "core/base/ids.h"

namespace spillgate {

class Digest {
 public:
  void Add(std::string_view bytes);
  [[nodiscard]] std::string Hex() const;
  // Hex(), and behind it as many bytes that depend on it as make `size` in all.
  [[nodiscard]] std::string Stretch(std::size_t size) const;

 private:
  TaskId state_{};
};

}  // namespace spillgate
