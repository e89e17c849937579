#include "server/net/http_server.h"

#include <arpa/inet.h>

#include <algorithm>

#include "core/base/format.h"

namespace spillgate::net {
namespace {

constexpr int kBacklog = 64;
constexpr Nanos kCheckPeriod = std::chrono::milliseconds(250);
constexpr Nanos kLongestRest = std::chrono::seconds(1);  // after a page that took oddly long
constexpr std::size_t kMostEcho = 128;                   // of what a client sent, in an answer

bool IsIpAddress(const std::string& text) {
  in6_addr parsed{};
  return inet_pton(AF_INET, text.c_str(), &parsed) == 1 ||
         inet_pton(AF_INET6, text.c_str(), &parsed) == 1;
}

bool IsEveryAddress(const std::string& text) {
  in6_addr parsed{};
  return text == "0.0.0.0" ||
         (inet_pton(AF_INET6, text.c_str(), &parsed) == 1 && IN6_IS_ADDR_UNSPECIFIED(&parsed));
}

std::string Spell(const std::string& host, std::uint16_t port) {
  const bool v6 = host.find(':') != std::string::npos;
  return v6 ? Format("[{}]:{}", host, port) : Format("{}:{}", host, port);
}

int Resolve(const Address& from, sockaddr_storage& to) {
  const std::string host = from.host == "localhost" ? "127.0.0.1" : from.host;
  const int v4 = uv_ip4_addr(host.c_str(), from.port, reinterpret_cast<sockaddr_in*>(&to));
  if (v4 == 0) return 0;
  return uv_ip6_addr(host.c_str(), from.port, reinterpret_cast<sockaddr_in6*>(&to));
}

std::uint16_t PortOf(const uv_tcp_t& tcp) {
  sockaddr_storage bound{};
  int size = sizeof(bound);
  if (uv_tcp_getsockname(&tcp, reinterpret_cast<sockaddr*>(&bound), &size) != 0) return 0;
  return ntohs(bound.ss_family == AF_INET6 ? reinterpret_cast<sockaddr_in6*>(&bound)->sin6_port
                                           : reinterpret_cast<sockaddr_in*>(&bound)->sin_port);
}

}  // namespace

HttpServer::HttpServer(Loop& loop, const Clock& clock, HttpOptions options,
                       std::vector<WebRoute> routes)
    : loop_(loop),
      clock_(clock),
      options_(std::move(options)),
      routes_(std::move(routes)),
      next_page_(clock.Now()) {
  loop_.Every(kCheckPeriod, [this](Instant now) { CheckDeadlines(now); });
  loop_.AtTurnEnd([this](Instant) { closed_.clear(); });
}

HttpServer::~HttpServer() {
  Close();
}

Status HttpServer::Open() {
  const std::string where = Spell(options_.listen.host, options_.listen.port);
  sockaddr_storage address{};
  if (Resolve(options_.listen, address) != 0) {
    return Error{Code::kInvalid,
                 Format("listen.admin = \"{}\": give an IP address or localhost; other names are "
                        "not looked up",
                        where)};
  }
  timer_ = MakeHandle<uv_timer_t>([&](uv_timer_t* t) { uv_timer_init(loop_.uv(), t); }, this);
  port_ = MakeHandle<uv_tcp_t>([&](uv_tcp_t* t) { uv_tcp_init(loop_.uv(), t); }, this);
  int status = uv_tcp_bind(port_.get(), reinterpret_cast<sockaddr*>(&address), 0);
  if (status == 0) {
    status = uv_listen(reinterpret_cast<uv_stream_t*>(port_.get()), kBacklog,
                       [](uv_stream_t* port, int failed) {
                         auto* self = static_cast<HttpServer*>(port->data);
                         if (failed == 0 && self != nullptr) self->Accept();
                       });
  }
  if (status == 0) {
    bound_port_ = PortOf(*port_);
    return {};
  }
  port_.reset();
  timer_.reset();
  return Error{Code::kUnavailable,
               Format("{}: cannot listen for metrics and status: {}; set listen.admin to another "
                      "port, or to \"\" for none",
                      where, uv_strerror(status))};
}

void HttpServer::Close() {
  port_.reset();
  timer_.reset();
  asked_.clear();
  while (!open_.empty()) open_.begin()->second->Close();
  closed_.clear();
}

std::string HttpServer::address() const {
  return Spell(options_.listen.host, bound_port_);
}

void HttpServer::Accept() {
  if (open_.size() >= options_.connections && !MakeRoom()) {
    TurnAway();
    return;
  }
  const std::uint64_t id = next_id_++;
  auto made = std::make_unique<HttpConnection>(id, *this, clock_, options_.deadlines);
  HttpConnection& connection = *made;
  open_.emplace(id, std::move(made));
  if (connection.Accept(reinterpret_cast<uv_stream_t*>(port_.get())) != 0) {
    connection.Close();
    return;
  }
  connection.Start();
}

// One that is open only for a next request makes room for one that has a request now.
bool HttpServer::MakeRoom() {
  HttpConnection* longest_idle = nullptr;
  for (const auto& [id, connection] : open_) {
    if (!connection->idle()) continue;
    if (longest_idle == nullptr || connection->deadline() < longest_idle->deadline()) {
      longest_idle = connection.get();
    }
  }
  if (longest_idle == nullptr) return false;
  longest_idle->Close();
  return true;
}

void HttpServer::TurnAway() {
  const TcpHandle tcp =
      MakeHandle<uv_tcp_t>([&](uv_tcp_t* t) { uv_tcp_init(loop_.uv(), t); }, nullptr);
  auto* stream = reinterpret_cast<uv_stream_t*>(tcp.get());
  if (uv_accept(reinterpret_cast<uv_stream_t*>(port_.get()), stream) != 0) return;
  constexpr std::string_view kWhy = "too many connections; try again in a while\n";
  std::string answer = Format(
      "HTTP/1.1 503 {}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {}\r\n"
      "Connection: close\r\nRetry-After: 5\r\n\r\n{}",
      HttpReason(503), kWhy.size(), kWhy);
  uv_buf_t buffer = uv_buf_init(answer.data(), static_cast<unsigned>(answer.size()));
  uv_try_write(stream, &buffer, 1);  // whoever does not get it sees the connection closed
}

void HttpServer::OnRequest(HttpConnection& connection) {
  asked_.push_back(connection.id());
  // Not from here: to answer a pipeline of requests one within the other would have no end.
  if (asked_.size() == 1) ServeAfter(Nanos(0));
}

void HttpServer::ServeAfter(Nanos wait) {
  const auto ms = std::chrono::ceil<std::chrono::milliseconds>(wait).count();
  uv_timer_start(
      timer_.get(), [](uv_timer_t* t) { static_cast<HttpServer*>(t->data)->ServeAsked(); },
      static_cast<std::uint64_t>(ms), 0);
}

void HttpServer::ServeAsked() {
  while (!asked_.empty()) {
    const Instant begin = clock_.Now();
    if (begin < next_page_) return ServeAfter(next_page_ - begin);
    const auto found = open_.find(asked_.front());
    asked_.pop_front();
    if (found == open_.end()) continue;  // gone meanwhile
    HttpConnection& connection = *found->second;
    const WebPage page = Answer(connection.request());
    const Nanos took = clock_.Now() - begin;
    next_page_ = begin + std::min(took * 100 / options_.share_percent, took + kLongestRest);
    connection.Reply(page);
  }
}

WebPage HttpServer::Answer(const HttpRequest& request) const {
  if (!request.host.empty() && !KnowsHost(request.host)) {
    return {.status = 403,
            .body = Format("this port does not answer to the name '{}': ask for localhost or for "
                           "the address that it listens on ({})\n",
                           request.host.substr(0, kMostEcho), address())};
  }
  if (request.has_origin && !KnowsHost(request.origin_host)) {
    return {.status = 403, .body = "pages of other origins may not read this port\n"};
  }
  const auto route = std::find_if(routes_.begin(), routes_.end(),
                                  [&](const WebRoute& r) { return r.path == request.path; });
  if (route == routes_.end()) return NotFound(request.path);
  WebPage page = route->make();
  if (page.body.size() > options_.body) {
    return {.status = 500,
            .body = Format("{} has {} bytes, and this port sends {} at most: this is a bug\n",
                           route->path, page.body.size(), options_.body)};
  }
  return page;
}

WebPage HttpServer::NotFound(const std::string& path) const {
  std::string body = Format("there is nothing at {}. There is:\n", path.substr(0, kMostEcho));
  for (const WebRoute& route : routes_) {
    body += Format("  {:<16} {}\n", route.path, route.about);
  }
  return {.status = 404, .body = std::move(body)};
}

// A page elsewhere can make a browser ask here under a name of its own, but neither under ours nor
// under an address.
bool HttpServer::KnowsHost(const std::string& host) const {
  if (Address{.host = host}.IsLoopback() || host == options_.listen.host) return true;
  if (IsEveryAddress(options_.listen.host) && IsIpAddress(host)) return true;
  return std::find(options_.names.begin(), options_.names.end(), host) != options_.names.end();
}

void HttpServer::CheckDeadlines(Instant now) {
  std::vector<HttpConnection*> late;
  for (const auto& [id, connection] : open_) {
    if (connection->deadline() <= now) late.push_back(connection.get());
  }
  for (HttpConnection* connection : late) connection->GiveUp();
}

void HttpServer::OnClosed(HttpConnection& connection) {
  const auto found = open_.find(connection.id());
  if (found == open_.end()) return;
  closed_.push_back(std::move(found->second));
  open_.erase(found);
}

}  // namespace spillgate::net
