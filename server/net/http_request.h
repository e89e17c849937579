// The head of an HTTP/1 request: pure text in, facts or a refusal out. Takes what GET and HEAD
// need and nothing else: no bodies, no continued lines, no upgrades.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace spillgate::net {

inline constexpr std::size_t kMostHead = 8 << 10;  // bytes of a request line and its headers

struct HttpRequest {
  std::string path;         // without the query
  std::string host;         // without the port and brackets, lower case; "" when there is none
  std::string origin_host;  // likewise, of Origin
  bool has_origin = false;
  bool head = false;  // HEAD: everything but the body is wanted
  bool keep_alive = true;
};

struct HttpHead {
  std::size_t size = 0;  // bytes that the request took; 0: more is needed
  int status = 0;        // 0 when it is fine; otherwise answer with this and close
  std::string problem;   // a sentence
  HttpRequest request;
};

// Looks for one request at the start of `bytes`.
[[nodiscard]] HttpHead ReadHttpHead(std::string_view bytes);

[[nodiscard]] std::string_view HttpReason(int status);  // "Not Found"

// The host of "HOST", "HOST:PORT" or "[IPv6]:PORT", in lower case; "" if it is none of these.
[[nodiscard]] std::string HostOnly(std::string_view authority);

}  // namespace spillgate::net
