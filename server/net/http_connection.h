// HttpConnection: one socket of the admin port. Reads one request at a time into a buffer of fixed
// size, hands it to its owner, sends the answer, and goes on with the next; the owner decides when
// it answers. Each step has a deadline, which the owner watches. Loop's thread only.
#pragma once

#include <uv.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

#include "core/base/clock.h"
#include "core/ports/web_page.h"
#include "server/net/handles.h"
#include "server/net/http_request.h"

namespace spillgate::net {

class HttpConnection;

class HttpConnectionOwner {
 public:
  virtual ~HttpConnectionOwner() = default;
  // Answer its request() with Reply, now or later.
  virtual void OnRequest(HttpConnection& connection) = 0;
  // It is closed. Do not destroy it before the call has returned to the loop.
  virtual void OnClosed(HttpConnection& connection) = 0;
};

struct HttpDeadlines {
  Nanos request = std::chrono::seconds(5);  // from its first byte, or from connecting, to its last
  Nanos idle = std::chrono::seconds(60);    // between two requests
  Nanos answer = std::chrono::seconds(5);   // for its turn to come, and again until it is read
  Nanos goodbye = std::chrono::seconds(1);  // for the other side to close after the last answer
};

class HttpConnection {
 public:
  HttpConnection(std::uint64_t id, HttpConnectionOwner& owner, const Clock& clock,
                 HttpDeadlines deadlines);

  [[nodiscard]] int Accept(uv_stream_t* server);
  void Start();
  void Reply(const WebPage& page);
  // Its deadline has passed: says so to one that is slow to ask, and closes.
  void GiveUp();
  void Close();

  [[nodiscard]] std::uint64_t id() const { return id_; }
  [[nodiscard]] const HttpRequest& request() const { return head_.request; }
  [[nodiscard]] Instant deadline() const { return deadline_; }
  // Between two requests: nobody misses it if it is closed.
  [[nodiscard]] bool idle() const { return phase_ == Phase::kReading && served_ && filled_ == 0; }

 private:
  enum class Phase : std::uint8_t { kReading, kAsked, kSending, kLeaving, kClosed };
  struct Sending;

  void OnRead(ssize_t count);
  void Advance();
  void OnSent(int status);
  void ReadOn();
  void Leave();
  void Fail(int status, const std::string& problem);
  void Send(const WebPage& page, bool head_only);
  void StartReading();
  [[nodiscard]] std::string Headers(const WebPage& page) const;
  uv_stream_t* stream() { return reinterpret_cast<uv_stream_t*>(tcp_.get()); }

  const std::uint64_t id_;
  HttpConnectionOwner& owner_;
  const Clock& clock_;
  const HttpDeadlines deadlines_;
  TcpHandle tcp_;
  Phase phase_ = Phase::kReading;
  bool served_ = false;
  bool keep_ = true;  // for another request
  Instant deadline_ = kNever;
  HttpHead head_;
  std::array<char, kMostHead> buffer_;
  std::size_t filled_ = 0;
  std::size_t thrown_away_ = 0;  // read after the last answer
};

}  // namespace spillgate::net
