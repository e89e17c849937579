#include "server/net/connection.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "core/base/check.h"
#include "core/base/format.h"
#include "schema/messages.h"

namespace spillgate::net {
namespace {

// Operator new aligns to 16, which all frames rely on.
std::unique_ptr<std::byte[]> RawBytes(std::size_t size) {
  return std::unique_ptr<std::byte[]>(new std::byte[size]);  // NOLINT: make_unique would zero it
}

}  // namespace

Connection::Connection(ConnectionId id, ConnectionOwner& owner, ConnectionLimits limits)
    : id_(id), owner_(owner), limits_(limits), buffer_(RawBytes(kReadBuffer)) {}

Connection::~Connection() = default;

int Connection::AcceptPipe(uv_stream_t* server) {
  uv_pipe_init(server->loop, &handle_.pipe, 0);
  handle_.pipe.data = this;
  return uv_accept(server, stream());
}

int Connection::AcceptTcp(uv_stream_t* server) {
  is_unix_ = false;
  uv_tcp_init(server->loop, &handle_.tcp);
  handle_.tcp.data = this;
  const int status = uv_accept(server, stream());
  if (status == 0) uv_tcp_nodelay(&handle_.tcp, 1);
  return status;
}

int Connection::AdoptPipe(uv_loop_t* loop, int fd) {
  uv_pipe_init(loop, &handle_.pipe, 0);
  handle_.pipe.data = this;
  return uv_pipe_open(&handle_.pipe, fd);
}

int Connection::fd() const {
  uv_os_fd_t fd = -1;
  uv_fileno(reinterpret_cast<const uv_handle_t*>(&handle_), &fd);
  return fd;
}

void Connection::Start() {
  ResumeReading();
}

void Connection::PauseReading() {
  if (!reading_) return;
  reading_ = false;
  uv_read_stop(stream());
}

void Connection::ResumeReading() {
  if (reading_ || closing_) return;
  reading_ = true;
  if (end_ > begin_) {  // frames that came before the pause
    CutFrames();
    if (!closing_) owner_.OnReadEnd(*this);
    if (!reading_) return;
  }
  may_read_ = kTurn;
  uv_read_start(
      stream(),
      [](uv_handle_t* handle, std::size_t, uv_buf_t* buffer) {
        static_cast<Connection*>(handle->data)->OnAlloc(buffer);
      },
      [](uv_stream_t* stream, ssize_t count, const uv_buf_t*) {
        static_cast<Connection*>(stream->data)->OnRead(count);
      });
}

// libuv reads on, up to 32 times, as long as each read fills what it was given. One that is given
// nothing ends that without a system call: the others have their turn first.
void Connection::OnAlloc(uv_buf_t* buffer) {
  std::byte* begin = buffer_.get() + end_;
  room_ = kReadBuffer - end_;
  if (!large_.empty()) {
    begin = large_.data() + large_filled_;
    room_ = large_.size() - large_filled_;
  }
  room_ = std::min(room_, may_read_);
  *buffer = uv_buf_init(reinterpret_cast<char*>(begin), static_cast<unsigned>(room_));
}

void Connection::OnRead(ssize_t count) {
  const bool reads_on = count > 0 && static_cast<std::size_t>(count) == room_;
  may_read_ = reads_on ? may_read_ - room_ : kTurn;
  if (count == 0 || (count == UV_ENOBUFS && room_ == 0)) return;  // nothing after all
  if (count < 0) {
    Close(count == UV_EOF ? "the peer closed the connection"
                          : uv_strerror(static_cast<int>(count)));
    return;
  }
  if (!large_.empty()) {
    large_filled_ += static_cast<std::size_t>(count);
    if (large_filled_ == large_.size()) {
      const Buffer frame = std::exchange(large_, Buffer());
      owner_.OnFrame(*this, wire::View(frame.view()), frame.view());
      owner_.OnTaken(frame.size());
    }
  } else {
    end_ += static_cast<std::size_t>(count);
    CutFrames();
  }
  if (!closing_) owner_.OnReadEnd(*this);
}

void Connection::CutFrames() {
  while (reading_ && CutOne()) {
  }
  if (begin_ == end_) {
    begin_ = end_ = 0;
  } else if (begin_ > 0) {
    // The rest moves to the front, so that frames stay aligned and the room behind it is whole.
    std::memmove(buffer_.get(), buffer_.get() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
}

bool Connection::CutOne() {
  const std::size_t held = end_ - begin_;
  if (held < wire::kHeaderSize) return false;
  wire::FrameHeader header;
  const ByteView bytes(buffer_.get() + begin_, held);
  const wire::HeaderError error = wire::ParseHeader(bytes, limits_.payload, header, limits_.body);
  if (error != wire::HeaderError::kNone) {
    FailHeader(error);
    return false;
  }
  const std::size_t size = wire::WireSize(header);
  if (held >= size) {
    begin_ += size;
    owner_.OnFrame(*this, wire::View(header, bytes), bytes.first(size));
    return true;
  }
  if (size > kReadBuffer) {
    if (!owner_.MayTake(*this, size)) return false;
    large_ = Buffer::Allocate(size);
    std::memcpy(large_.data(), bytes.data(), held);
    large_filled_ = held;
    begin_ = end_ = 0;
  }
  return false;
}

void Connection::FailHeader(wire::HeaderError error) {
  owner_.OnReadEnd(*this);  // what came before it is answered before it
  if (closing_) return;
  if (error != wire::HeaderError::kHttp) {
    wire::Encode(wire::Error{wire::ReasonOf(error), std::string(wire::ToString(error))}, 0, out_);
  }
  FlushAndClose(wire::ToString(error));
}

void Connection::Flush() {
  if (closing_ || writing_ || out_.empty()) return;
  uv_buf_t buffer = uv_buf_init(
      const_cast<char*>(reinterpret_cast<const char*>(out_.view().data())),  // libuv only reads it
      static_cast<unsigned>(out_.size()));
  const int sent = uv_try_write(stream(), &buffer, 1);
  if (sent > 0) out_.Consume(static_cast<std::size_t>(sent));
  if (sent < 0 && sent != UV_EAGAIN) {
    Close(uv_strerror(sent));
    return;
  }
  if (out_.empty()) return;
  std::swap(out_, in_write_);
  writing_ = true;
  buffer = uv_buf_init(const_cast<char*>(reinterpret_cast<const char*>(in_write_.view().data())),
                       static_cast<unsigned>(in_write_.size()));
  write_.data = this;
  const int status = uv_write(&write_, stream(), &buffer, 1, [](uv_write_t* write, int failed) {
    auto* self = static_cast<Connection*>(write->data);
    self->writing_ = false;
    self->in_write_.Clear();
    if (self->closing_) return;
    if (failed < 0) {
      self->Close(uv_strerror(failed));
      return;
    }
    self->Flush();
    if (!self->closing_) self->owner_.OnWritten(*self);
  });
  if (status < 0) Close(uv_strerror(status));
}

void Connection::FlushAndClose(std::string_view why) {
  Flush();
  Close(why);
}

void Connection::Close(std::string_view why) {
  if (closing_) return;
  closing_ = true;
  reading_ = false;
  const std::string reason(why);
  if (!large_.empty()) owner_.OnTaken(large_.size());
  uv_close(reinterpret_cast<uv_handle_t*>(&handle_), [](uv_handle_t* handle) {
    delete static_cast<Connection*>(handle->data);  // NOLINT: it belongs to libuv until here
  });
  owner_.OnClosed(*this, reason);
}

}  // namespace spillgate::net
