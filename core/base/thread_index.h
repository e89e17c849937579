// A small number for the calling thread, unique among the threads alive, for arrays with one entry
// a thread. Taken at first use, given back when the thread ends.
#pragma once

#include <cstddef>

namespace spillgate {

inline constexpr std::size_t kThreadIndexes = 256;

[[nodiscard]] std::size_t
ThreadIndex();  // less than kThreadIndexes; more threads than that is a bug of ours

}  // namespace spillgate
