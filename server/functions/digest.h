// Digest: 128 bits over a list of byte strings, such that any change of the bytes, of their order
// or of where one ends gives another. Made of the XXH3 that core/base/ids.h offers; the same on
// every machine. Not for security.
#pragma once

#include <string>
#include <string_view>

#include "core/base/ids.h"

namespace spillgate::functions {

class Digest {
 public:
  void Add(std::string_view bytes);
  [[nodiscard]] std::string Hex() const;

 private:
  TaskId state_{};
};

}  // namespace spillgate::functions
