#include "client/bench/bare_echo.h"

#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <span>
#include <utility>

#include "client/bench/waiting_read.h"
#include "core/base/format.h"

namespace spillgate::bench {
namespace {

// Nobody asked for so long: whoever forked it is gone in some way that was not noticed.
constexpr Nanos kLongestSilence = std::chrono::minutes(5);

bool SendAll(int fd, std::span<const std::byte> bytes, Nanos at_most) {
  while (!bytes.empty()) {
    const ssize_t sent = send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN && errno != EINTR) return false;
    if (sent < 0) AwaitEvents(fd, POLLOUT, at_most);
    if (sent > 0) bytes = bytes.subspan(static_cast<std::size_t>(sent));
  }
  return true;
}

bool ReadAll(int fd, std::span<std::byte> buffer, Nanos poll, Nanos at_most, const Clock& clock) {
  while (!buffer.empty()) {
    const ReadResult read = WaitingRead(fd, buffer, poll, at_most, clock);
    if (read.end != ReadEnd::kRead) return false;
    buffer = buffer.subspan(read.size);
  }
  return true;
}

// In the child: system calls only, and memory that was there before.
[[noreturn]] void Serve(int fd, EchoSizes sizes, Nanos poll, std::span<std::byte> buffer,
                        pid_t parent) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  setpgid(0, 0);  // the terminal's Ctrl-C is for the parent, which then ends this
  const SteadyClock clock;
  while (getppid() == parent) {
    if (!ReadAll(fd, buffer.first(sizes.request), poll, kLongestSilence, clock)) break;
    if (!SendAll(fd, buffer.first(sizes.reply), kLongestSilence)) break;
  }
  _exit(0);
}

}  // namespace

BareEcho::BareEcho(EchoSizes sizes, Nanos poll, int fd, pid_t child)
    : sizes_(sizes),
      poll_(poll),
      fd_(fd),
      child_(child),
      buffer_(std::max(sizes.request, sizes.reply)) {}

BareEcho::BareEcho(BareEcho&& other) noexcept
    : sizes_(other.sizes_),
      poll_(other.poll_),
      fd_(std::exchange(other.fd_, -1)),
      child_(std::exchange(other.child_, -1)),
      buffer_(std::move(other.buffer_)) {}

BareEcho::~BareEcho() {
  if (fd_ >= 0) close(fd_);
  if (child_ <= 0) return;
  kill(child_, SIGKILL);
  while (waitpid(child_, nullptr, 0) < 0 && errno == EINTR) continue;
}

Result<BareEcho> BareEcho::Start(EchoSizes sizes, EchoPolls polls) {
  int fds[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) != 0) {
    return Error{Code::kUnavailable,
                 Format("no socket for the bare echo: {}", std::strerror(errno))};
  }
  std::vector<std::byte> buffer(std::max(sizes.request, sizes.reply));
  const pid_t parent = getpid();
  const pid_t child = fork();
  if (child == 0) {
    close(fds[0]);
    Serve(fds[1], sizes, polls.server, buffer, parent);
  }
  const int error = errno;
  close(fds[1]);
  if (child > 0) return BareEcho(sizes, polls.client, fds[0], child);
  close(fds[0]);
  return Error{Code::kUnavailable,
               Format("no process for the bare echo: {}", std::strerror(error))};
}

bool BareEcho::Once(Nanos at_most) {
  return SendAll(fd_, std::span(buffer_).first(sizes_.request), at_most) &&
         ReadAll(fd_, std::span(buffer_).first(sizes_.reply), poll_, at_most, clock_);
}

}  // namespace spillgate::bench
