// How durable a submission is once it is acknowledged. Values are part of the protocol.
#pragma once

#include <cstdint>

namespace spillgate {

enum class Level : std::uint8_t {
  kNone = 0,   // in memory: lost with the process
  kAsync = 1,  // survives the death of the process; at most 20 ms are lost with the machine's power
  kSync = 2,   // on disk before it is acknowledged
};

}  // namespace spillgate
