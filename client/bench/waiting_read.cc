#include "client/bench/waiting_read.h"

#include <poll.h>
#include <sched.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

namespace spillgate::bench {

void AwaitEvents(int fd, short events, Nanos at_most) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(std::max(at_most, Nanos(0)));
  const timespec time{.tv_sec = seconds.count(),
                      .tv_nsec = (std::max(at_most, Nanos(0)) - seconds).count()};
  pollfd watched{.fd = fd, .events = events, .revents = 0};
  ppoll(&watched, 1, &time, nullptr);
}

ReadResult WaitingRead(int fd, std::span<std::byte> into, Nanos poll, Nanos at_most,
                       const Clock& clock) {
  Instant until = kNever;  // the clock is read only when there is something to wait for
  Instant poll_until = kNever;
  while (true) {
    const ssize_t got = recv(fd, into.data(), into.size(), 0);
    if (got > 0) return {ReadEnd::kRead, static_cast<std::size_t>(got)};
    if (got == 0 || (errno != EAGAIN && errno != EINTR)) return {ReadEnd::kGone, 0};
    if (at_most <= Nanos(0)) return {ReadEnd::kTimeout, 0};
    const Instant now = clock.Now();
    if (until == kNever) {
      until = After(now, at_most);
      poll_until = std::min(until, After(now, poll));
    }
    if (now >= until) return {ReadEnd::kTimeout, 0};
    if (now < poll_until) {
      sched_yield();
    } else {
      AwaitEvents(fd, POLLIN, until - now);
    }
  }
}

}  // namespace spillgate::bench
