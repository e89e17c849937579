#include "client/lib/connect.h"

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <memory>
#include <system_error>
#include <thread>

#include "client/lib/waiter.h"
#include "core/base/format.h"

namespace spillgate::client {
namespace {

Failure CannotConnect(const Endpoint& endpoint, std::string_view why) {
  return {.kind = FailureKind::kUnavailable,
          .message = Format("cannot connect to {}: {}; is the node running (spillgate up), and is "
                            "this its address?",
                            ToString(endpoint), why)};
}

// The system's resolver takes no deadline, so it runs on a thread of its own; who gives up leaves
// it behind, and the last one to hold the answer frees it.
struct Lookup {
  std::atomic<bool> done{false};  // after which the rest is constant
  Parker parker;
  int error = 0;
  addrinfo* found = nullptr;

  ~Lookup() {
    if (found != nullptr) freeaddrinfo(found);
  }
};

void Resolve(Lookup& lookup, const std::string& host, std::uint16_t port, int flags) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV | flags;
  lookup.error = getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &lookup.found);
  lookup.done.store(true, std::memory_order_release);
  if (lookup.parker.Signal()) Parker::Ring(lookup.parker.address());
}

Result<std::shared_ptr<Lookup>> LookUp(const Endpoint& endpoint, const Clock& clock,
                                       Instant until) {
  auto lookup = std::make_shared<Lookup>();  // shared with the thread that may outlive this call
  Resolve(*lookup, endpoint.host, endpoint.port, AI_NUMERICHOST);
  if (lookup->error == 0) return lookup;
  lookup = std::make_shared<Lookup>();
  try {
    std::thread([lookup, host = endpoint.host, port = endpoint.port] {
      Resolve(*lookup, host, port, 0);
    }).detach();
  } catch (const std::system_error&) {
    return CannotConnect(endpoint, "the system has no thread left to look the name up");
  }
  while (!lookup->done.load(std::memory_order_acquire)) {
    const Nanos left = until - clock.Now();
    if (left <= Nanos(0)) return CannotConnect(endpoint, "looking up the host took too long");
    lookup->parker.Park(left);
  }
  if (lookup->error != 0) return CannotConnect(endpoint, gai_strerror(lookup->error));
  return lookup;
}

// 0, or the error.
int ConnectSocket(int fd, const sockaddr* address, socklen_t size, const Clock& clock,
                  Instant until) {
  while (connect(fd, address, size) != 0) {
    if (errno == EAGAIN) {  // a Unix socket whose backlog is full: it says so at once, always
      if (clock.Now() >= until) return ETIMEDOUT;
      constexpr int kPauseMs = 1;
      poll(nullptr, 0, kPauseMs);
      continue;
    }
    if (errno != EINPROGRESS && errno != EINTR) return errno;
    if (!AwaitEvents(fd, POLLOUT, clock, until)) return ETIMEDOUT;
    int error = 0;
    socklen_t length = sizeof(error);
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) != 0) return errno;
    return error;
  }
  return 0;
}

Result<int> ConnectUnix(const Endpoint& endpoint, const Clock& clock, Instant until) {
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return CannotConnect(endpoint, std::strerror(errno));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  endpoint.path.copy(address.sun_path, sizeof(address.sun_path) - 1);
  const int error =
      ConnectSocket(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address), clock, until);
  if (error == 0) return fd;
  close(fd);
  return CannotConnect(endpoint, std::strerror(error));
}

}  // namespace

bool AwaitEvents(int fd, short events, const Clock& clock, Instant until) {
  while (true) {
    const Nanos left = until - clock.Now();
    if (left <= Nanos(0)) return false;
    constexpr std::int64_t kMostMs = 60'000;
    const std::int64_t ms =
        std::min(kMostMs, std::chrono::ceil<std::chrono::milliseconds>(left).count());
    pollfd watched{.fd = fd, .events = events, .revents = 0};
    if (poll(&watched, 1, static_cast<int>(ms)) > 0) return true;
  }
}

Result<int> Connect(const Endpoint& endpoint, const Clock& clock, Instant until) {
  if (endpoint.is_unix) return ConnectUnix(endpoint, clock, until);
  Result<std::shared_ptr<Lookup>> lookup = LookUp(endpoint, clock, until);
  if (!lookup.ok()) return lookup.error();
  int error = ETIMEDOUT;
  for (const addrinfo* at = lookup.value()->found; at != nullptr; at = at->ai_next) {
    const int fd = socket(at->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
      error = errno;
      continue;
    }
    error = ConnectSocket(fd, at->ai_addr, at->ai_addrlen, clock, until);
    if (error == 0) {
      const int on = 1;
      setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
      return fd;
    }
    close(fd);
  }
  return CannotConnect(endpoint, std::strerror(error));
}

}  // namespace spillgate::client
