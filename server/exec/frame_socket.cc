#include "server/exec/frame_socket.h"

#include <sys/socket.h>

#include <cerrno>

#include "schema/replies.h"

namespace spillgate {
namespace {

constexpr std::size_t kMostRead = 64 << 10;
constexpr std::size_t kLargeFrame = 1 << 20;

FrameSocket::State AfterError() {
  const bool later = errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
  return later ? FrameSocket::State::kEmpty : FrameSocket::State::kClosed;
}

}  // namespace

FrameSocket::State FrameSocket::Read() {
  std::byte* room = in_.Extend(kMostRead);
  const ssize_t got = recv(fd_, room, kMostRead, MSG_DONTWAIT);
  in_.Truncate(kMostRead - static_cast<std::size_t>(got > 0 ? got : 0));
  if (got > 0) return State::kOpen;
  return got == 0 ? State::kClosed : AfterError();
}

ByteView FrameSocket::Front() {
  const ByteView read = in_.view();
  if (broken_ || read.size() < wire::kHeaderSize) return {};
  wire::FrameHeader header;
  if (wire::ParseHeader(read, wire::kMostPayload, header) != wire::HeaderError::kNone) {
    broken_ = true;
    return {};
  }
  front_ = wire::WireSize(header);
  return front_ <= read.size() ? read.first(front_) : ByteView();
}

void FrameSocket::Pop() {
  in_.Consume(front_);
  // A large frame leaves a large buffer: the next one is as likely small.
  if (in_.empty() && front_ > kLargeFrame) in_ = wire::OutBuffer();
}

FrameSocket::State FrameSocket::Write() {
  while (!out_.empty()) {
    const ssize_t sent = send(fd_, out_.view().data(), out_.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0) return AfterError();
    out_.Consume(static_cast<std::size_t>(sent));
  }
  return State::kOpen;
}

}  // namespace spillgate
