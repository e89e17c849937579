// Reactor: the event loop as adapters with file descriptors of their own see it. Watch and Unwatch
// on the loop's thread only; Post from any thread. Callbacks run on the loop's thread and may
// watch, unwatch and post.
#pragma once

#include <cstdint>
#include <functional>

namespace spillgate {

class Reactor {
 public:
  using WatchId = std::uint64_t;  // never reused; 0 is "none"
  static constexpr unsigned kReadable = 1;
  static constexpr unsigned kWritable = 2;
  static constexpr unsigned kBroken =
      4;  // reset or error: read to learn which; reported whatever was asked for

  virtual ~Reactor() = default;
  // Calls back while the descriptor is in any of the states asked for (level-triggered).
  [[nodiscard]] virtual WatchId Watch(int fd, unsigned states,
                                      std::function<void(unsigned)> then) = 0;
  virtual void Change(WatchId watch, unsigned states) = 0;
  virtual void Unwatch(
      WatchId watch) = 0;  // before the descriptor is closed; no callback comes after it
  virtual void Post(std::function<void()> job) = 0;
};

}  // namespace spillgate
