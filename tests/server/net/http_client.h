// A blocking HTTP client of raw bytes for tests, on loopback. Every wait ends after ten seconds.
#pragma once

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace spillgate::net {

struct HttpAnswer {
  int status = 0;  // 0: the connection ended first, or nothing came in time
  std::string headers;
  std::string body;

  [[nodiscard]] bool Has(std::string_view header) const {
    return headers.find(header) != std::string::npos;
  }
};

class HttpClient {
 public:
  explicit HttpClient(std::uint16_t port) : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ = connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0;
  }
  ~HttpClient() { close(fd_); }
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  [[nodiscard]] bool connected() const { return connected_; }

  bool Send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }
  bool Get(const std::string& path, const std::string& more = "", const char* method = "GET") {
    return Send(std::string(method) + " " + path + " HTTP/1.1\r\nHost: localhost\r\n" + more +
                "\r\n");
  }

  // The next answer; `head`: it has no body.
  HttpAnswer Read(bool head = false, int ms = 10'000) {
    HttpAnswer answer;
    std::size_t end = 0;
    while ((end = unread_.find("\r\n\r\n")) == std::string::npos) {
      if (!More(ms)) return answer;
    }
    answer.headers = unread_.substr(0, end + 2);
    unread_.erase(0, end + 4);
    const std::size_t at = answer.headers.find("Content-Length: ");
    const std::size_t size =
        at == std::string::npos ? 0 : std::stoul(answer.headers.substr(at + 16));
    while (!head && unread_.size() < size) {
      if (!More(ms)) return answer;
    }
    if (!head) {
      answer.body = unread_.substr(0, size);
      unread_.erase(0, size);
    }
    answer.status = std::stoi(answer.headers.substr(9, 3));
    return answer;
  }
  // Whether the other side ends the connection, and had nothing more to say.
  bool Ended() {
    if (!unread_.empty()) return false;
    return !More(10'000) && ended_;
  }

 private:
  bool More(int ms) {
    pollfd waiting{.fd = fd_, .events = POLLIN, .revents = 0};
    if (poll(&waiting, 1, ms) != 1) return false;
    char part[4096];
    const ssize_t got = recv(fd_, part, sizeof(part), 0);
    ended_ = got <= 0;
    if (got > 0) unread_.append(part, static_cast<std::size_t>(got));
    return got > 0;
  }

  const int fd_;
  bool connected_ = false;
  bool ended_ = false;
  std::string unread_;
};

}  // namespace spillgate::net
