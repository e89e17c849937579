// HostCounts: how many threads or worker processes there are, and what they do, for people.
#pragma once

#include <cstdint>

namespace spillgate {

struct HostCounts {
  std::uint32_t starting = 0;
  std::uint32_t idle = 0;
  std::uint32_t busy = 0;
  std::uint32_t blocked = 0;  // in a get or a spawn, their slot given back
  std::uint32_t limit = 0;
  std::uint64_t started = 0;  // in all
  std::uint64_t died = 0;     // in all, other than as asked; threads do not
};

}  // namespace spillgate
