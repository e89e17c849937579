// HttpServer: the admin port: GET and HEAD of pages, on the node's loop. Everything is bounded:
// connections, heads, bodies, the time of each step, and the share of the loop's time that making
// pages may take, so that whoever asks too often waits and the tasks do not. Answers only to the
// names that the port is known by, so that no web page elsewhere can read it through a browser on
// this machine (DNS rebinding). Made before the loop runs, outlives it; loop's thread only.
#pragma once

#include <uv.h>

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/base/address.h"
#include "core/base/clock.h"
#include "core/base/result.h"
#include "core/ports/web_page.h"
#include "server/net/handles.h"
#include "server/net/http_connection.h"
#include "server/net/loop.h"

namespace spillgate::net {

struct HttpOptions {
  Address listen;                  // an IP address or "localhost"; port 0: any free one
  std::vector<std::string> names;  // further names of this machine that may be asked for
  std::size_t connections = 64;
  std::size_t body = 8 << 20;  // most bytes of one page
  int share_percent = 5;       // of the loop's time, for making pages
  HttpDeadlines deadlines;
};

class HttpServer final : public HttpConnectionOwner {
 public:
  // `routes` are matched whole; a query is ignored.
  HttpServer(Loop& loop, const Clock& clock, HttpOptions options, std::vector<WebRoute> routes);
  ~HttpServer() override;

  // Binds and listens. The error names the address, what is in its way and the key to change.
  [[nodiscard]] Status Open();
  // Closes the port and all connections; also done by the destructor.
  void Close();

  // Where it listens, with the port that it got.
  [[nodiscard]] std::string address() const;
  [[nodiscard]] std::size_t connections() const { return open_.size(); }

  void OnRequest(HttpConnection& connection) override;
  void OnClosed(HttpConnection& connection) override;

 private:
  void Accept();
  void TurnAway();
  [[nodiscard]] bool MakeRoom();
  void ServeAsked();
  void ServeAfter(Nanos wait);
  [[nodiscard]] WebPage Answer(const HttpRequest& request) const;
  [[nodiscard]] WebPage NotFound(const std::string& path) const;
  [[nodiscard]] bool KnowsHost(const std::string& host) const;
  void CheckDeadlines(Instant now);

  Loop& loop_;
  const Clock& clock_;
  const HttpOptions options_;
  const std::vector<WebRoute> routes_;
  TcpHandle port_;
  TimerHandle timer_;
  std::uint16_t bound_port_ = 0;
  std::uint64_t next_id_ = 1;
  std::unordered_map<std::uint64_t, std::unique_ptr<HttpConnection>> open_;
  std::vector<std::unique_ptr<HttpConnection>> closed_;  // until the turn ends
  std::deque<std::uint64_t> asked_;                      // whose turn has not come
  Instant next_page_;                                    // when the loop has time for another one
};

}  // namespace spillgate::net
