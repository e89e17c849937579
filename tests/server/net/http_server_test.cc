#include "server/net/http_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <thread>

#include "tests/server/net/http_client.h"

namespace spillgate::net {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HasSubstr;

// A server on a loop of its own thread, with a clock that stands still until a test moves it.
class HttpServerTest : public testing::Test {
 protected:
  HttpServerTest() : pool_("loop", clock_, {.threads = 0}), loop_(clock_, pool_, {}) {}
  ~HttpServerTest() override {
    loop_.Stop();
    if (thread_.joinable()) thread_.join();
    server_.reset();
  }

  void Start(HttpOptions options = {}) {
    options.listen = {.host = "127.0.0.1", .port = 0};
    std::vector<WebRoute> routes{
        {"/", "the first page", [] { return WebPage{.body = "hello\n"}; }},
        {"/big", "many bytes", [] { return WebPage{.body = std::string(300'000, 'b')}; }},
        {"/sick", "an answer that is no 200",
         [] { return WebPage{.status = 503, .body = "not well\n"}; }},
        {"/slow", "takes 10 ms",
         [this] {
           made_at_ns_ = clock_.Now().time_since_epoch().count();
           clock_.Advance(milliseconds(10));
           return WebPage{.body = "slow\n"};
         }},
    };
    server_ = std::make_unique<HttpServer>(loop_, clock_, options, std::move(routes));
    const Status status = server_->Open();
    ASSERT_TRUE(status.ok()) << status.error().message;
    const std::string address = server_->address();
    port_ = static_cast<std::uint16_t>(std::stoi(address.substr(address.rfind(':') + 1)));
    ASSERT_NE(port_, 0);
    thread_ = std::thread([this] { loop_.Run(); });
  }
  // Waits until the loop has been through everything once: an answer can be read here before the
  // server knows that it was sent.
  void Settle() {
    for (int turn = 0; turn < 2; ++turn) {
      std::promise<void> done;
      loop_.Post([&] { done.set_value(); });
      ASSERT_EQ(done.get_future().wait_for(seconds(10)), std::future_status::ready);
    }
  }
  // Lets `by` pass and the loop look at its deadlines.
  void Pass(Nanos by) {
    Settle();
    clock_.Advance(by);
    loop_.Wake();
  }

  ManualClock clock_;
  flow::Pool pool_;
  Loop loop_;
  std::unique_ptr<HttpServer> server_;
  std::thread thread_;
  std::uint16_t port_ = 0;
  std::atomic<Nanos::rep> made_at_ns_{0};
};

TEST_F(HttpServerTest, ServesPagesOverOneConnection) {
  Start();
  HttpClient client(port_);
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(client.Get("/?again"));
    const HttpAnswer answer = client.Read();
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.body, "hello\n");
    EXPECT_TRUE(answer.Has("Connection: keep-alive\r\n"));
    EXPECT_TRUE(answer.Has("Content-Type: text/plain; charset=utf-8\r\n"));
    EXPECT_TRUE(answer.Has("Cache-Control: no-store\r\n"));
  }
  ASSERT_TRUE(client.Get("/big"));
  EXPECT_EQ(client.Read().body, std::string(300'000, 'b'));
  ASSERT_TRUE(client.Get("/sick", "Connection: close\r\n"));
  EXPECT_EQ(client.Read().status, 503);
  EXPECT_TRUE(client.Ended());
}

TEST_F(HttpServerTest, HeadHasTheHeadersOfGetAndNoBody) {
  Start();
  HttpClient client(port_);
  ASSERT_TRUE(client.Get("/big", "", "HEAD"));
  const HttpAnswer head = client.Read(true);
  EXPECT_EQ(head.status, 200);
  EXPECT_TRUE(head.Has("Content-Length: 300000\r\n"));
  ASSERT_TRUE(client.Get("/"));  // and the stream is still in step
  EXPECT_EQ(client.Read().body, "hello\n");
}

TEST_F(HttpServerTest, AnswersAPipelineInOrder) {
  Start();
  HttpClient client(port_);
  const std::string get = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
  const std::string sick = "GET /sick HTTP/1.1\r\nHost: localhost\r\n\r\n";
  std::string all;
  for (int i = 0; i < 300; ++i) all += get + sick;  // more than fits into the buffer at once
  ASSERT_TRUE(client.Send(all + get.substr(0, 9)));
  for (int i = 0; i < 300; ++i) {
    ASSERT_EQ(client.Read().status, 200) << i;
    ASSERT_EQ(client.Read().status, 503) << i;
  }
  ASSERT_TRUE(client.Send(get.substr(9)));
  EXPECT_EQ(client.Read().status, 200);
}

TEST_F(HttpServerTest, SaysWhatThereIsWhereThereIsNothing) {
  Start();
  HttpClient client(port_);
  ASSERT_TRUE(client.Get("/nothing/here"));
  const HttpAnswer answer = client.Read();
  EXPECT_EQ(answer.status, 404);
  EXPECT_THAT(answer.body, HasSubstr("/nothing/here"));
  EXPECT_THAT(answer.body, HasSubstr("/sick"));
  EXPECT_THAT(answer.body, HasSubstr("an answer that is no 200"));
}

TEST_F(HttpServerTest, OtherMethodsAreToldWhatIsAllowed) {
  Start();
  HttpClient client(port_);
  ASSERT_TRUE(client.Send("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 60000\r\n\r\n"));
  ASSERT_TRUE(client.Send(std::string(60'000, 'p')));  // unread, and yet the answer arrives
  const HttpAnswer answer = client.Read();
  EXPECT_EQ(answer.status, 405);
  EXPECT_TRUE(answer.Has("Allow: GET, HEAD\r\n"));
  EXPECT_TRUE(answer.Has("Connection: close\r\n"));
  EXPECT_TRUE(client.Ended());
}

TEST_F(HttpServerTest, AnswersOnlyToItsOwnNames) {
  HttpOptions options;
  options.names.push_back("node1");
  Start(options);
  const auto status = [&](const std::string& host, const std::string& more = "") {
    HttpClient client(port_);
    EXPECT_TRUE(client.Send("GET / HTTP/1.1\r\nHost: " + host + "\r\n" + more + "\r\n"));
    return client.Read().status;
  };
  EXPECT_EQ(status("localhost"), 200);
  EXPECT_EQ(status("127.0.0.1:7441"), 200);
  EXPECT_EQ(status("127.0.0.7"), 200);
  EXPECT_EQ(status("[::1]:9"), 200);
  EXPECT_EQ(status("Node1:7441"), 200);
  EXPECT_EQ(status("localhost", "Origin: http://localhost:7441\r\n"), 200);
  for (const char* host : {"evil.example", "localhost.evil.example", "127.0.0.1.evil.example",
                           "10.0.0.1", "0.0.0.0", "2130706433"}) {
    EXPECT_EQ(status(host), 403) << host;
  }
  for (const char* origin : {"http://evil.example", "null", "", "http://localhost.evil.example",
                             "http://localhost@evil.example", "http://localhost/x"}) {
    EXPECT_EQ(status("localhost", "Origin: " + std::string(origin) + "\r\n"), 403) << origin;
  }
  EXPECT_EQ(status("localhost", "Origin: http://localhost\r\nOrigin: http://evil\r\n"), 403);
  HttpClient plain(port_);
  ASSERT_TRUE(plain.Send("GET / HTTP/1.0\r\n\r\n"));  // no browser asks like this
  EXPECT_EQ(plain.Read().status, 200);
}

TEST_F(HttpServerTest, AHeadWithoutEndIsRefused) {
  Start();
  HttpClient client(port_);
  ASSERT_TRUE(client.Send("GET / HTTP/1.1\r\nHost: localhost\r\nX: " + std::string(9000, 'x')));
  EXPECT_EQ(client.Read().status, 431);
  EXPECT_TRUE(client.Ended());
}

TEST_F(HttpServerTest, WhoAsksSlowlyIsToldAndClosed) {
  Start();
  HttpClient slow(port_);
  HttpClient silent(port_);
  ASSERT_TRUE(slow.Send("GET / HT"));
  HttpClient other(port_);
  ASSERT_TRUE(other.Get("/"));
  EXPECT_EQ(other.Read().status, 200);  // by now the loop has met all three
  Pass(seconds(4));
  ASSERT_TRUE(slow.Send("TP/1.1\r\nX-Drop: "));  // a byte in time does not help
  ASSERT_TRUE(other.Get("/"));
  EXPECT_EQ(other.Read().status, 200);
  Pass(seconds(2));
  EXPECT_EQ(slow.Read().status, 408);
  EXPECT_TRUE(slow.Ended());
  EXPECT_TRUE(silent.Ended());
  ASSERT_TRUE(other.Get("/"));
  EXPECT_EQ(other.Read().status, 200);  // idle for two seconds is not slow
  Pass(seconds(61));
  EXPECT_TRUE(other.Ended());
}

TEST_F(HttpServerTest, WhoDoesNotReadIsClosed) {
  Start({.share_percent = 100});  // the clock may leap while a page is made
  HttpClient client(port_);
  std::string all;
  for (int i = 0; i < 100; ++i) all += "GET /big HTTP/1.1\r\nHost: localhost\r\n\r\n";
  ASSERT_TRUE(client.Send(all));
  HttpClient other(port_);
  for (int i = 0; i < 60; ++i) {  // takes turns with the first, whose socket fills up on the way
    ASSERT_TRUE(other.Get("/big"));
    ASSERT_EQ(other.Read().status, 200);
    Pass(seconds(6));
  }
  // What was in the sockets' buffers still comes; then the stream ends, short of a hundred.
  int answers = 0;
  while (client.Read().status == 200) ++answers;
  EXPECT_LT(answers, 100);
}

TEST_F(HttpServerTest, ConnectionsAreBoundedAndIdleOnesMakeRoom) {
  Start({.connections = 2});
  HttpClient idle(port_);
  ASSERT_TRUE(idle.Get("/"));
  EXPECT_EQ(idle.Read().status, 200);
  HttpClient asking(port_);
  ASSERT_TRUE(asking.Send("GET / HT"));
  HttpClient third(port_);
  ASSERT_TRUE(third.Get("/"));
  EXPECT_EQ(third.Read().status, 200);
  EXPECT_TRUE(idle.Ended());
  HttpClient fourth(port_);  // takes the place of the third, which is idle now
  ASSERT_TRUE(fourth.Send("GET "));
  EXPECT_TRUE(third.Ended());
  HttpClient fifth(port_);
  const HttpAnswer answer = fifth.Read();
  EXPECT_EQ(answer.status, 503);
  EXPECT_THAT(answer.body, HasSubstr("too many connections"));
  EXPECT_TRUE(fifth.Ended());
  ASSERT_TRUE(asking.Send("TP/1.1\r\nHost: localhost\r\n\r\n"));
  EXPECT_EQ(asking.Read().status, 200);
}

TEST_F(HttpServerTest, PagesGetASmallShareOfTheLoop) {
  Start({.share_percent = 5});
  HttpClient first(port_);
  ASSERT_TRUE(first.Get("/slow"));
  EXPECT_EQ(first.Read().status, 200);
  const Nanos begin(made_at_ns_.load());
  HttpClient second(port_);
  ASSERT_TRUE(second.Get("/slow"));
  HttpAnswer answer;
  for (int i = 0; i < 100 && answer.status == 0; ++i) {
    Pass(milliseconds(20));
    answer = second.Read(false, 20);
  }
  EXPECT_EQ(answer.status, 200);
  EXPECT_GE(Nanos(made_at_ns_.load()) - begin, milliseconds(200));
}

TEST_F(HttpServerTest, TooLargeAPageIsABugAndSaysSo) {
  Start({.body = 1000});
  HttpClient client(port_);
  ASSERT_TRUE(client.Get("/big"));
  EXPECT_EQ(client.Read().status, 500);
}

TEST_F(HttpServerTest, AClientThatLeavesEarlyIsForgotten) {
  Start();
  for (int i = 0; i < 60; ++i) {
    HttpClient client(port_);
    ASSERT_TRUE(client.Get("/big"));
  }
  HttpClient client(port_);
  ASSERT_TRUE(client.Get("/"));
  EXPECT_EQ(client.Read().status, 200);
}

TEST(HttpServer, ABusyPortNamesTheKey) {
  SteadyClock clock;
  flow::Pool pool("loop", clock, {.threads = 0});
  Loop loop(clock, pool, {});
  HttpServer first(loop, clock, {.listen = {.host = "127.0.0.1", .port = 0}}, {});
  ASSERT_TRUE(first.Open().ok());
  const std::string taken = first.address();
  HttpServer second(loop, clock, {.listen = *ParseAddress(taken)}, {});
  const Status status = second.Open();
  ASSERT_FALSE(status.ok());
  EXPECT_THAT(status.error().message, HasSubstr(taken));
  EXPECT_THAT(status.error().message, HasSubstr("listen.admin"));
  EXPECT_THAT(status.error().message, HasSubstr("in use"));
  HttpServer third(loop, clock, {.listen = {.host = "some.where", .port = 1}}, {});
  EXPECT_THAT(third.Open().error().message, HasSubstr("listen.admin"));
}

}  // namespace
}  // namespace spillgate::net
