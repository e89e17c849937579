// WaitingRead: how every reader of a benchmark waits, the bare echo as well as the client of a
// node: it looks again, yielding on every turn, for a while; then it blocks. What is compared then
// differs in what is done, not in how it is waited for. Any thread; safe in a forked child.
#pragma once

#include <cstddef>
#include <span>

#include "core/base/clock.h"

namespace spillgate::bench {

enum class ReadEnd {
  kRead,     // `size` bytes, one at least
  kTimeout,  // nothing came
  kGone,     // the stream has ended, or broke
};

struct ReadResult {
  ReadEnd end = ReadEnd::kGone;
  std::size_t size = 0;
};

// Reads once. `at_most` 0: only what is there now. `fd` does not block by itself.
[[nodiscard]] ReadResult WaitingRead(int fd, std::span<std::byte> into, Nanos poll, Nanos at_most,
                                     const Clock& clock);

// Blocks until `fd` has one of `events` (of poll), or the time is over.
void AwaitEvents(int fd, short events, Nanos at_most);

}  // namespace spillgate::bench
