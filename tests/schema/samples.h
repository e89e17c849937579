// One frame of every kind, with the values that docs/protocol.md uses in its examples. The files in
// golden/ hold their bytes; the tests of hostile bytes begin from them.
#pragma once

#include <string>
#include <vector>

#include "schema/out_buffer.h"

namespace spillgate::wire {

struct Sample {
  std::string name;   // of the file
  std::string title;  // its first line
  OutBuffer bytes;    // one frame
};

inline constexpr std::uint64_t kSampleSession = 0x1122334455667788;

[[nodiscard]] std::vector<Sample> Samples();

}  // namespace spillgate::wire
