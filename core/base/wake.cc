#include "core/base/wake.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cstdint>
#include <ctime>

#include "core/base/check.h"

namespace spillgate {

Wake::Wake() : fd_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  SG_CHECK(fd_ >= 0);
}

Wake::~Wake() {
  close(fd_);
}

void Wake::Ring() {
  // Whoever clears the flag rings; so many notifiers cost one system call.
  if (!sleeping_.exchange(false, std::memory_order_acq_rel)) return;
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = write(fd_, &one, sizeof(one));
}

void Wake::Wait(Nanos at_most) {
  pollfd watched{.fd = fd_, .events = POLLIN, .revents = 0};
  const auto seconds = std::chrono::floor<std::chrono::seconds>(at_most);
  const timespec timeout{.tv_sec = static_cast<time_t>(seconds.count()),
                         .tv_nsec = static_cast<long>((at_most - seconds).count())};
  ppoll(&watched, 1, at_most < Nanos(0) ? nullptr : &timeout, nullptr);
}

// Whoever rings clears the flag first: what is written after the sleeper has read would be there
// for ever, and no sleep would last any longer.
void Wake::Done() {
  if (!sleeping_.exchange(false, std::memory_order_acq_rel)) ++unread_;
  if (unread_ == 0) return;
  std::uint64_t rings = 0;
  if (read(fd_, &rings, sizeof(rings)) == sizeof(rings)) unread_ -= rings;
}

}  // namespace spillgate
