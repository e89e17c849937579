#include "server/net/http_request.h"

#include <algorithm>
#include <optional>

#include "core/base/format.h"

namespace spillgate::net {
namespace {

constexpr std::size_t kMostHeaders = 64;

char Lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

std::string Lower(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(), [](char c) { return Lower(c); });
  return lower;
}

std::string_view Trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

bool IsControl(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
}

bool IsTokenChar(char c) {
  const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  return letter || std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

bool IsToken(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), IsTokenChar);
}

// Takes the next line, without its end, off `text`. The caller knows that there is one.
std::string_view TakeLine(std::string_view& text) {
  const std::size_t end = text.find('\n');
  std::string_view line = text.substr(0, end);
  text.remove_prefix(end + 1);
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  return line;
}

// The size of the head, its empty line included; 0 when that has not come yet.
std::size_t HeadSize(std::string_view bytes) {
  for (std::size_t end = bytes.find('\n'); end != std::string_view::npos;
       end = bytes.find('\n', end + 1)) {
    const std::string_view next = bytes.substr(end + 1, 2);
    if (next.starts_with('\n')) return end + 2;
    if (next == "\r\n") return end + 3;
  }
  return 0;
}

HttpHead Refuse(HttpHead head, int status, std::string problem) {
  head.status = status;
  head.problem = std::move(problem);
  return head;
}

// "GET /path HTTP/1.1". The answer's status is 0 when it is fine.
HttpHead ReadRequestLine(std::string_view line, HttpHead head) {
  const std::size_t first = line.find(' ');
  const std::size_t last = line.rfind(' ');
  if (first == std::string_view::npos || first == last || !IsToken(line.substr(0, first)) ||
      std::any_of(line.begin(), line.end(), IsControl)) {
    return Refuse(std::move(head), 400, "this is no HTTP request line");
  }
  const std::string_view method = line.substr(0, first);
  const std::string_view target = line.substr(first + 1, last - first - 1);
  const std::string_view version = line.substr(last + 1);
  if (version != "HTTP/1.1" && version != "HTTP/1.0") {
    return Refuse(std::move(head), 505, "only HTTP/1.0 and HTTP/1.1 are spoken here");
  }
  if (method != "GET" && method != "HEAD") {
    return Refuse(std::move(head), 405,
                  "nothing here can be changed over HTTP: use GET, or the command for changes");
  }
  if (!target.starts_with('/') || target.find(' ') != std::string_view::npos) {
    return Refuse(std::move(head), 400, "the path has to start with a slash");
  }
  head.request.head = method == "HEAD";
  head.request.keep_alive = version == "HTTP/1.1";
  head.request.path = target.substr(0, target.find_first_of("?#"));
  return head;
}

// What is remembered while headers are read.
struct Seen {
  bool host = false;
};

HttpHead ReadHeader(std::string_view line, Seen& seen, HttpHead head) {
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos || !IsToken(line.substr(0, colon))) {
    return Refuse(std::move(head), 400, "a header line is no \"name: value\"");
  }
  const std::string name = Lower(line.substr(0, colon));
  const std::string_view value = Trim(line.substr(colon + 1));
  if (std::any_of(value.begin(), value.end(), [](char c) { return IsControl(c) && c != '\t'; })) {
    return Refuse(std::move(head), 400, "a header value holds a control character");
  }
  if (name == "host") {
    head.request.host = HostOnly(value);
    if (seen.host || head.request.host.empty()) {
      return Refuse(std::move(head), 400, "the Host header has to be there once, as HOST:PORT");
    }
    seen.host = true;
  } else if (name == "origin") {
    const std::size_t scheme = value.find("://");
    const bool known = scheme != std::string_view::npos;
    // Two origins, or none that is a host ("null"): it is not one of ours in any case.
    const bool again = head.request.has_origin;
    head.request.has_origin = true;
    head.request.origin_host = known && !again ? HostOnly(value.substr(scheme + 3)) : "";
  } else if (name == "connection") {
    const std::string wish = Lower(value);  // a list of which no other entry matters
    if (wish.find("keep-alive") != std::string::npos) head.request.keep_alive = true;
    if (wish.find("close") != std::string::npos) head.request.keep_alive = false;
  } else if (name == "transfer-encoding" || (name == "content-length" && value != "0")) {
    return Refuse(std::move(head), 400, "requests have no body here");
  }
  return head;
}

}  // namespace

HttpHead ReadHttpHead(std::string_view bytes) {
  HttpHead head;
  const std::size_t size = HeadSize(bytes.substr(0, kMostHead));
  if (size == 0) {
    if (bytes.size() < kMostHead) return head;
    head.size = bytes.size();
    return Refuse(std::move(head), 431,
                  Format("the request line and its headers have more than {} bytes", kMostHead));
  }
  head.size = size;
  std::string_view rest = bytes.substr(0, size);
  const std::string_view request_line = TakeLine(rest);
  const bool http_1_1 = request_line.ends_with("HTTP/1.1");
  head = ReadRequestLine(request_line, std::move(head));
  Seen seen;
  std::size_t headers = 0;
  for (std::string_view line = TakeLine(rest); !line.empty() && head.status == 0;
       line = TakeLine(rest)) {
    if (++headers > kMostHeaders) {
      return Refuse(std::move(head), 431, Format("more than {} headers", kMostHeaders));
    }
    head = ReadHeader(line, seen, std::move(head));
  }
  if (head.status == 0 && http_1_1 && !seen.host) {
    return Refuse(std::move(head), 400, "the Host header has to be there once, as HOST:PORT");
  }
  return head;
}

std::string_view HttpReason(int status) {
  switch (status) {
    case 200: return "OK";
    case 400: return "Bad Request";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 408: return "Request Timeout";
    case 431: return "Request Header Fields Too Large";
    case 500: return "Internal Server Error";
    case 503: return "Service Unavailable";
    case 505: return "HTTP Version Not Supported";
    default: return "Unknown";
  }
}

std::string HostOnly(std::string_view authority) {
  std::string_view host = authority;
  std::string_view port;
  if (host.starts_with('[')) {
    const std::size_t end = host.find(']');
    if (end == std::string_view::npos) return "";
    port = host.substr(end + 1);
    host = host.substr(1, end - 1);
  } else if (const std::size_t colon = host.find(':'); colon != std::string_view::npos) {
    port = host.substr(colon);
    host = host.substr(0, colon);
  }
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  const bool port_ok = port.empty() || (port.starts_with(':') && port.size() <= 6 &&
                                        std::all_of(port.begin() + 1, port.end(), is_digit));
  const auto in_host = [](char c) {
    return IsTokenChar(c) || c == ':';  // the colons of IPv6
  };
  if (!port_ok || !std::all_of(host.begin(), host.end(), in_host)) return "";
  return Lower(host);
}

}  // namespace spillgate::net
