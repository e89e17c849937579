#include "client/cli/interrupt.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdint>

#include "client/cli/exits.h"
#include "core/base/check.h"

namespace spillgate::cli {
namespace {

// A signal's handler is given nothing, so what it touches is global: the only such state here.
volatile std::sig_atomic_t noted_signal = 0;
volatile std::sig_atomic_t noted_fd = -1;

void Note(int signal) {
  if (noted_signal != 0) _exit(kSignalled + signal);
  const int error = errno;
  noted_signal = signal;
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = write(noted_fd, &one, sizeof(one));
  errno = error;
}

}  // namespace

Interrupt::Interrupt() : fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  SG_CHECK(fd_ >= 0);
  noted_signal = 0;
  noted_fd = fd_;
  struct sigaction action{};
  action.sa_handler = Note;
  action.sa_flags = SA_RESTART;  // the library's own system calls are none of its business
  sigaction(SIGINT, &action, &was_int_);
  sigaction(SIGTERM, &action, &was_term_);
}

Interrupt::~Interrupt() {
  sigaction(SIGINT, &was_int_, nullptr);
  sigaction(SIGTERM, &was_term_, nullptr);
  noted_fd = -1;
  close(fd_);
}

bool Interrupt::requested() const {
  return noted_signal != 0;
}

int Interrupt::exit_code() const {
  return kSignalled + noted_signal;
}

bool Interrupt::Pause(Nanos time) const {
  const SteadyClock clock;
  const Instant until = After(clock.Now(), time);
  while (!requested()) {
    const Instant now = clock.Now();
    if (now >= until) return false;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - now).count();
    pollfd watched{.fd = fd_, .events = POLLIN, .revents = 0};
    poll(&watched, 1, static_cast<int>(std::min<std::int64_t>(left, INT_MAX)));
  }
  return true;
}

}  // namespace spillgate::cli
