#include "server/net/http_connection.h"

#include <cstring>
#include <memory>
#include <utility>

#include "core/base/format.h"

namespace spillgate::net {
namespace {

constexpr std::size_t kMostThrownAway = 1 << 20;

// Pages are for the person who asked, not for other sites, caches or guessing browsers.
constexpr std::string_view kSafety =
    "Cache-Control: no-store\r\n"
    "X-Content-Type-Options: nosniff\r\n"
    "X-Frame-Options: DENY\r\n"
    "Cross-Origin-Resource-Policy: same-origin\r\n"
    "Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'\r\n";

}  // namespace

// An answer on its way out; libuv holds it until the write has ended.
struct HttpConnection::Sending {
  uv_write_t write;
  std::string headers;
  std::string body;
};

HttpConnection::HttpConnection(std::uint64_t id, HttpConnectionOwner& owner, const Clock& clock,
                               HttpDeadlines deadlines)
    : id_(id), owner_(owner), clock_(clock), deadlines_(deadlines) {}

int HttpConnection::Accept(uv_stream_t* server) {
  tcp_ = MakeHandle<uv_tcp_t>([&](uv_tcp_t* tcp) { uv_tcp_init(server->loop, tcp); }, this);
  const int status = uv_accept(server, stream());
  if (status == 0) uv_tcp_nodelay(tcp_.get(), 1);
  return status;
}

void HttpConnection::Start() {
  deadline_ = After(clock_.Now(), deadlines_.request);
  StartReading();
}

void HttpConnection::StartReading() {
  const int status = uv_read_start(
      stream(),
      [](uv_handle_t* handle, std::size_t, uv_buf_t* buffer) {
        auto* self = static_cast<HttpConnection*>(handle->data);
        *buffer = uv_buf_init(self->buffer_.data() + self->filled_,
                              static_cast<unsigned>(self->buffer_.size() - self->filled_));
      },
      [](uv_stream_t* stream, ssize_t count, const uv_buf_t*) {
        static_cast<HttpConnection*>(stream->data)->OnRead(count);
      });
  if (status < 0) Close();
}

void HttpConnection::OnRead(ssize_t count) {
  if (count == 0) return;  // nothing after all
  if (count < 0) {
    Close();
    return;
  }
  if (phase_ == Phase::kLeaving) {
    thrown_away_ += static_cast<std::size_t>(count);
    if (thrown_away_ > kMostThrownAway) Close();
    return;
  }
  if (filled_ == 0) deadline_ = After(clock_.Now(), deadlines_.request);
  filled_ += static_cast<std::size_t>(count);
  Advance();
}

void HttpConnection::Advance() {
  head_ = ReadHttpHead({buffer_.data(), filled_});
  if (head_.size == 0) return;
  uv_read_stop(stream());
  std::memmove(buffer_.data(), buffer_.data() + head_.size, filled_ - head_.size);
  filled_ -= head_.size;
  if (head_.status != 0) {
    Fail(head_.status, head_.problem);
    return;
  }
  keep_ = head_.request.keep_alive;
  phase_ = Phase::kAsked;
  deadline_ = After(clock_.Now(), deadlines_.answer);
  owner_.OnRequest(*this);
}

void HttpConnection::Reply(const WebPage& page) {
  Send(page, head_.request.head);
}

void HttpConnection::Fail(int status, const std::string& problem) {
  keep_ = false;
  Send({.status = status, .body = problem + "\n"}, false);
}

void HttpConnection::GiveUp() {
  if (phase_ == Phase::kReading && filled_ > 0) {
    uv_read_stop(stream());
    Fail(408, "the request took too long to arrive");
    return;
  }
  Close();
}

std::string HttpConnection::Headers(const WebPage& page) const {
  return Format(
      "HTTP/1.1 {} {}\r\nContent-Type: {}\r\nContent-Length: {}\r\n{}Connection: {}\r\n{}\r\n",
      page.status, HttpReason(page.status), page.type, page.body.size(),
      page.status == 405 ? "Allow: GET, HEAD\r\n" : "", keep_ ? "keep-alive" : "close", kSafety);
}

void HttpConnection::Send(const WebPage& page, bool head_only) {
  phase_ = Phase::kSending;
  deadline_ = After(clock_.Now(), deadlines_.answer);
  auto sending = std::make_unique<Sending>();
  sending->headers = Headers(page);
  if (!head_only) sending->body = page.body;
  uv_buf_t parts[2] = {
      uv_buf_init(sending->headers.data(), static_cast<unsigned>(sending->headers.size())),
      uv_buf_init(sending->body.data(), static_cast<unsigned>(sending->body.size()))};
  const unsigned count = sending->body.empty() ? 1 : 2;
  sending->write.data = sending.get();
  const int status =
      uv_write(&sending->write, stream(), parts, count, [](uv_write_t* write, int failed) {
        const std::unique_ptr<Sending> sent(static_cast<Sending*>(write->data));
        auto* self = static_cast<HttpConnection*>(write->handle->data);
        if (self != nullptr) self->OnSent(failed);  // else it was closed meanwhile
      });
  if (status < 0) {
    Close();
    return;
  }
  [[maybe_unused]] Sending* with_libuv = sending.release();
}

void HttpConnection::OnSent(int status) {
  if (status < 0) {
    Close();
  } else if (keep_) {
    ReadOn();
  } else {
    Leave();
  }
}

void HttpConnection::ReadOn() {
  served_ = true;
  phase_ = Phase::kReading;
  deadline_ = After(clock_.Now(), filled_ > 0 ? deadlines_.request : deadlines_.idle);
  if (filled_ > 0) Advance();  // the next request came along with the last
  if (phase_ == Phase::kReading) StartReading();
}

// Closing at once, with something unread, would reset the connection and take the answer with it.
void HttpConnection::Leave() {
  phase_ = Phase::kLeaving;
  filled_ = 0;
  deadline_ = After(clock_.Now(), deadlines_.goodbye);
  auto asked = std::make_unique<uv_shutdown_t>();
  const int status = uv_shutdown(asked.get(), stream(), [](uv_shutdown_t* done, int) {
    std::unique_ptr<uv_shutdown_t>(done).reset();
  });
  if (status < 0) {
    Close();
    return;
  }
  [[maybe_unused]] uv_shutdown_t* with_libuv = asked.release();
  StartReading();
}

void HttpConnection::Close() {
  if (phase_ == Phase::kClosed) return;
  phase_ = Phase::kClosed;
  tcp_.reset();
  owner_.OnClosed(*this);
}

}  // namespace spillgate::net
