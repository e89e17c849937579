#include "server/net/http_request.h"

#include <gtest/gtest.h>

#include <random>

namespace spillgate::net {
namespace {

TEST(HttpRequest, ReadsWhatBrowsersAndScrapersSend) {
  const std::string text =
      "GET /metrics?a=b HTTP/1.1\r\nHost: LocalHost:7441\r\nUser-Agent: x\r\nAccept: */*\r\n\r\n";
  const HttpHead head = ReadHttpHead(text + "GET /next");
  ASSERT_EQ(head.status, 0) << head.problem;
  EXPECT_EQ(head.size, text.size());
  EXPECT_EQ(head.request.path, "/metrics");
  EXPECT_EQ(head.request.host, "localhost");
  EXPECT_TRUE(head.request.keep_alive);
  EXPECT_FALSE(head.request.head);
  EXPECT_FALSE(head.request.has_origin);
}

TEST(HttpRequest, WaitsForTheRestWhereverItIsCut) {
  const std::string text = "HEAD / HTTP/1.0\r\nHost: [::1]:7441\r\nOrigin: http://a.b:1\r\n\r\n";
  for (std::size_t i = 0; i < text.size(); ++i) {
    EXPECT_EQ(ReadHttpHead(text.substr(0, i)).size, 0U) << i;
  }
  const HttpHead head = ReadHttpHead(text);
  ASSERT_EQ(head.status, 0) << head.problem;
  EXPECT_EQ(head.size, text.size());
  EXPECT_TRUE(head.request.head);
  EXPECT_FALSE(head.request.keep_alive);
  EXPECT_EQ(head.request.host, "::1");
  EXPECT_TRUE(head.request.has_origin);
  EXPECT_EQ(head.request.origin_host, "a.b");
}

TEST(HttpRequest, ConnectionHeaderDecides) {
  const auto keeps = [](const std::string& version, const std::string& connection) {
    const HttpHead head = ReadHttpHead(
        "GET / HTTP/" + version + "\r\nHost: localhost\r\nConnection: " + connection + "\r\n\r\n");
    EXPECT_EQ(head.status, 0) << head.problem;
    return head.request.keep_alive;
  };
  EXPECT_TRUE(keeps("1.1", "keep-alive"));
  EXPECT_TRUE(keeps("1.1", "Upgrade, HTTP2-Settings"));
  EXPECT_FALSE(keeps("1.1", "Close"));
  EXPECT_FALSE(keeps("1.1", "TE, close"));
  EXPECT_TRUE(keeps("1.0", "Keep-Alive"));
  EXPECT_FALSE(keeps("1.0", "TE"));
}

struct Refused {
  const char* text;
  int status;
};

TEST(HttpRequest, RefusesWhatItDoesNotUnderstand) {
  const Refused cases[] = {
      {"GET\r\n\r\n", 400},
      {"\r\n\r\n", 400},
      {" / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"G\tT / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"GET /\x01 HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"GET / x HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505},
      {"GET / ICY/1.1\r\nHost: a\r\n\r\n", 505},
      {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc", 405},
      {"DELETE /metrics HTTP/1.1\r\nHost: a\r\n\r\n", 405},
      {"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", 405},
      {"GET / HTTP/1.1\r\n\r\n", 400},                        // no Host
      {"GET / HTTP/1.1\r\nHost:\r\n\r\n", 400},               // an empty one
      {"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400},  // two
      {"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400},           // none that is a name
      {"GET / HTTP/1.1\r\nHost: user@localhost\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nHost: a\r\nX: \x02\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
  };
  for (const Refused& refused : cases) {
    const HttpHead head = ReadHttpHead(refused.text);
    EXPECT_EQ(head.status, refused.status) << refused.text;
    EXPECT_GT(head.size, 0U) << refused.text;
    EXPECT_FALSE(head.problem.empty()) << refused.text;
  }
}

TEST(HttpRequest, HeadsAreBoundedInBytesAndLines) {
  const std::string start = "GET / HTTP/1.1\r\nHost: localhost\r\n";
  const std::string fits =
      start + "X: " + std::string(kMostHead - start.size() - 7, 'x') + "\r\n\r\n";
  ASSERT_EQ(fits.size(), kMostHead);
  EXPECT_EQ(ReadHttpHead(fits).status, 0);
  const std::string too_long = start + "X: " + std::string(kMostHead, 'x') + "\r\n\r\n";
  EXPECT_EQ(ReadHttpHead(too_long).status, 431);
  EXPECT_EQ(ReadHttpHead(too_long.substr(0, kMostHead - 1)).size, 0U);  // may still end
  std::string many = start;
  for (int i = 0; i < 100; ++i) many += "X: y\r\n";
  EXPECT_EQ(ReadHttpHead(many + "\r\n").status, 431);
}

TEST(HttpRequest, HostOnly) {
  EXPECT_EQ(HostOnly("A.example"), "a.example");
  EXPECT_EQ(HostOnly("127.0.0.1:80"), "127.0.0.1");
  EXPECT_EQ(HostOnly("[::1]"), "::1");
  EXPECT_EQ(HostOnly("[::1]:7441"), "::1");
  for (const char* wrong : {"", "a:b", "a:123456", "[::1", "[::1]x", "a/b", "a\\b", "a@b", "::1"}) {
    EXPECT_EQ(HostOnly(wrong), "") << wrong;
  }
}

// Any bytes: no crash, no request that took more than there was, nothing accepted with a host that
// is none.
TEST(HttpRequest, SurvivesMutations) {
  std::mt19937_64 random(11);
  const std::string seed =
      "GET /api/v1/stages HTTP/1.1\r\nHost: [::1]:7441\r\nOrigin: http://localhost:7441\r\n"
      "Connection: keep-alive\r\nContent-Length: 0\r\n\r\n";
  int fine = 0;
  for (int i = 0; i < 50'000; ++i) {
    std::string text = seed;
    for (std::uint64_t n = 1 + random() % 4; n > 0; --n) {
      const std::size_t at = random() % text.size();
      switch (random() % 4) {
        case 0: text[at] = static_cast<char>(random()); break;
        case 1: text.erase(at, 1 + random() % 8); break;
        case 2: text.insert(at, text.substr(random() % text.size(), random() % 16)); break;
        default: text.insert(at, 1, "\r\n :[]/\0"[random() % 8]);
      }
      if (text.empty()) text.push_back('x');
    }
    const HttpHead head = ReadHttpHead(text);
    ASSERT_LE(head.size, text.size());
    if (head.size == 0 || head.status != 0) continue;
    ++fine;
    ASSERT_EQ(head.request.host.find_first_of("\r\n /@"), std::string::npos);
    ASSERT_TRUE(head.request.path.starts_with('/'));
  }
  EXPECT_GT(fine, 1000);
}

}  // namespace
}  // namespace spillgate::net
