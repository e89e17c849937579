#include "client/lib/link.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>

#include "client/lib/connect.h"
#include "core/base/format.h"

namespace spillgate::client {
namespace {

constexpr std::size_t kUsual = 256 << 10;  // of the buffer: all that a Unix socket holds, and more

}  // namespace

Link::Link(int fd) : fd_(fd), bytes_(std::make_unique<std::byte[]>(kUsual)), capacity_(kUsual) {}

Link::~Link() {
  close(fd_);
}

std::unique_ptr<Link> Link::Over(int fd) {
  fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
  return std::unique_ptr<Link>(new Link(fd));  // NOLINT: the constructor is private
}

Result<std::unique_ptr<Link>> Link::Open(const Endpoint& endpoint, const Clock& clock,
                                         Instant until) {
  Result<int> fd = Connect(endpoint, clock, until);
  if (!fd.ok()) return fd.error();
  return Over(fd.value());
}

bool Link::Break(FailureKind kind, std::string why) {
  if (!broken_) problem_ = {.kind = kind, .message = std::move(why)};
  broken_ = true;
  return false;
}

bool Link::Send(wire::OutBuffer& out) {
  while (!out.empty() && !broken_) {
    const ssize_t sent = send(fd_, out.view().data(), out.size(), MSG_NOSIGNAL);
    if (sent >= 0) {
      out.Consume(static_cast<std::size_t>(sent));
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      return true;
    } else if (errno != EINTR) {
      Break(FailureKind::kUnavailable,
            Format("the connection to the node broke: {}", std::strerror(errno)));
    }
  }
  return !broken_;
}

bool Link::Receive() {
  received_ = false;
  MakeRoom(wanted_);
  ssize_t got = 0;
  do {
    got = recv(fd_, bytes_.get() + end_, capacity_ - end_, 0);
  } while (got < 0 && errno == EINTR);
  if (got > 0) {
    end_ += static_cast<std::size_t>(got);
    received_ = true;
    return true;
  }
  if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return true;
  if (got == 0) {
    return Break(FailureKind::kUnavailable, begin_ == end_
                                                ? "the node closed the connection"
                                                : "the node closed the connection in the middle "
                                                  "of a frame");
  }
  return Break(FailureKind::kUnavailable,
               Format("the connection to the node broke: {}", std::strerror(errno)));
}

// For the rest of a frame of `frame` bytes, and some more. What is in the buffer moves to its
// front, so that frames stay at multiples of 8.
void Link::MakeRoom(std::size_t frame) {
  const std::size_t held = end_ - begin_;
  const std::size_t capacity = std::max(kUsual, frame);
  const bool grows = capacity > capacity_;
  const bool shrinks = held == 0 && capacity < capacity_;  // one large frame is not kept in mind
  if (grows || shrinks) {
    auto bytes = std::make_unique<std::byte[]>(capacity);
    if (held > 0) std::memcpy(bytes.get(), bytes_.get() + begin_, held);
    bytes_ = std::move(bytes);
    capacity_ = capacity;
  } else if (begin_ > 0 && (held == 0 || capacity_ - begin_ < frame || end_ == capacity_)) {
    if (held > 0) std::memmove(bytes_.get(), bytes_.get() + begin_, held);
  } else {
    return;
  }
  begin_ = 0;
  end_ = held;
}

std::optional<wire::FrameView> Link::NextFrame() {
  wanted_ = 0;
  const std::size_t held = end_ - begin_;
  if (held < wire::kHeaderSize) return std::nullopt;
  const ByteView bytes(bytes_.get() + begin_, held);
  wire::FrameHeader header;
  const wire::HeaderError error = wire::ParseHeader(bytes, max_payload_, header);
  if (error != wire::HeaderError::kNone) {
    Break(FailureKind::kProtocol, Format("this is not a node of version {}: {}",
                                         wire::kProtocolVersion, wire::ToString(error)));
    begin_ = end_ = 0;
    return std::nullopt;
  }
  const std::size_t size = wire::WireSize(header);
  if (size > held) {
    wanted_ = size;
    return std::nullopt;
  }
  begin_ += size;
  return wire::View(bytes.first(size));
}

void Link::Sleep(int other_fd, bool writable, Nanos at_most) const {
  const auto wanted = static_cast<short>(POLLIN | (writable ? POLLOUT : 0));
  std::array<pollfd, 2> watched{pollfd{.fd = fd_, .events = wanted, .revents = 0},
                                pollfd{.fd = other_fd, .events = POLLIN, .revents = 0}};
  const Nanos wait = std::max(Nanos(0), at_most);
  const auto seconds = std::chrono::floor<std::chrono::seconds>(wait);
  const timespec timeout{.tv_sec = static_cast<time_t>(seconds.count()),
                         .tv_nsec = static_cast<long>((wait - seconds).count())};
  ppoll(watched.data(), watched.size(), &timeout, nullptr);
}

Result<wire::FrameView> Link::AwaitFrame(wire::FrameType type, const Clock& clock, Instant until) {
  while (true) {
    const std::optional<wire::FrameView> frame = NextFrame();
    if (frame.has_value() && frame->header.type == type) return *frame;
    if (frame.has_value() && frame->header.type == wire::FrameType::kError) {
      const auto error = wire::DecodeError(*frame);
      if (error.has_value()) {
        return Failure{.kind = KindOf(error->reason),
                       .reason = error->reason,
                       .message = Format("the node said: {}", error->message)};
      }
    }
    if (frame.has_value()) {
      Break(FailureKind::kProtocol,
            Format("the node sent {} where {} was expected", wire::ToString(frame->header.type),
                   wire::ToString(type)));
    }
    if (broken_) return problem_;
    if (!AwaitEvents(fd_, POLLIN, clock, until)) {
      Break(FailureKind::kUnavailable,
            Format("the node did not send {} in time; something else may listen there, or the "
                   "node is stuck",
                   wire::ToString(type)));
      return problem_;
    }
    // A link that breaks now may still have the Error that says why.
    if (!Receive() && end_ - begin_ < wire::kHeaderSize) return problem_;
  }
}

Result<wire::Welcome> Link::ShakeHands(const Visitor& visitor, SessionId session,
                                       const wire::Token& resume, const Clock& clock,
                                       Instant until) {
  Result<wire::FrameView> frame = AwaitFrame(wire::FrameType::kGreeting, clock, until);
  if (!frame.ok()) return frame.error();
  const auto greeting = wire::DecodeGreeting(frame.value());
  if (!greeting.has_value()) {
    return Failure{.kind = FailureKind::kProtocol, .message = "the node's greeting is malformed"};
  }
  if (greeting->version_min > wire::kProtocolVersion ||
      greeting->version_max < wire::kOldestVersion) {
    return Failure{.kind = FailureKind::kProtocol,
                   .message = Format("the node speaks versions {} to {} of the protocol, this "
                                     "client {} to {}; update the older of the two",
                                     greeting->version_min, greeting->version_max,
                                     wire::kOldestVersion, wire::kProtocolVersion)};
  }
  if (greeting->auth_required && visitor.token.empty()) {
    return Failure{.kind = FailureKind::kDenied,
                   .reason = Reason::kUnauthenticated,
                   .message = "this node wants a token; name the file that has it"};
  }
  wire::Hello hello{.version_min = wire::kOldestVersion,
                    .version_max = wire::kProtocolVersion,
                    .kind = visitor.kind,
                    .session = session,
                    .resume_token = resume,
                    .name = visitor.name,
                    .software = visitor.software};
  if (!visitor.token.empty()) {
    hello.mac = wire::HelloMac(visitor.token.Reveal(), greeting->nonce, session, visitor.name);
  }
  wire::OutBuffer out;
  wire::Encode(hello, 1, out);
  if (!Send(out)) return problem_;  // a fresh socket has room for it
  frame = AwaitFrame(wire::FrameType::kWelcome, clock, until);
  if (!frame.ok()) return frame.error();
  const auto welcome = wire::DecodeWelcome(frame.value());
  if (!welcome.has_value() || welcome->session == 0 || (welcome->session & kChildBit) != 0 ||
      welcome->max_batch == 0 || welcome->ids_per_get == 0) {
    return Failure{.kind = FailureKind::kProtocol, .message = "the node's welcome is malformed"};
  }
  max_payload_ = welcome->max_payload;
  return *welcome;
}

}  // namespace spillgate::client
