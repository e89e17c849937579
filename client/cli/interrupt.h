// Interrupt: Ctrl-C and SIGTERM as a fact that a verb looks at, so that it can tidy up: cancel what
// it submitted, leave the screen whole. The first signal is noted, the second ends the process at
// once. From making one to its end; one at a time, on the main thread.
#pragma once

#include <csignal>

#include "core/base/clock.h"

namespace spillgate::cli {

class Interrupt {
 public:
  // Waits of the client library cannot be ended by a signal, so they are cut into pieces of this
  // length with a look at requested() between them.
  static constexpr Nanos kLook = std::chrono::milliseconds(100);

  Interrupt();
  ~Interrupt();
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;

  [[nodiscard]] bool requested() const;
  [[nodiscard]] int exit_code() const;  // 128 and the signal's number
  // For so long, or until a signal. True: there was one.
  bool Pause(Nanos time) const;

 private:
  int fd_ = -1;
  struct sigaction was_int_{};
  struct sigaction was_term_{};
};

}  // namespace spillgate::cli
