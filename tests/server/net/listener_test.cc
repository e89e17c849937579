// What the listener does not read, for what, and how long: over real sockets.
#include "server/net/listener.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <csignal>
#include <cstring>
#include <functional>
#include <future>
#include <thread>

#include "tests/server/net/door_bench.h"

namespace spillgate::net {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// The other end of a connection, of raw bytes. Every wait ends after ten seconds.
class Peer {
 public:
  explicit Peer(const std::string& path) : fd_(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path.c_str(), sizeof(address.sun_path) - 1);
    EXPECT_EQ(connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  }
  ~Peer() { close(fd_); }
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;

  void Send(ByteView bytes) const {
    while (!bytes.empty()) {
      const ssize_t sent = send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      ASSERT_GT(sent, 0);
      bytes = bytes.subspan(static_cast<std::size_t>(sent));
    }
  }
  // Appends so many bytes.
  void Read(std::size_t size, std::vector<std::byte>& into) const {
    std::size_t filled = into.size();
    into.resize(filled + size);
    while (filled < into.size()) {
      pollfd waiting{.fd = fd_, .events = POLLIN, .revents = 0};
      ASSERT_EQ(poll(&waiting, 1, 10'000), 1);
      const ssize_t got = recv(fd_, into.data() + filled, into.size() - filled, 0);
      ASSERT_GT(got, 0);
      filled += static_cast<std::size_t>(got);
    }
  }
  [[nodiscard]] std::vector<std::byte> ReadFrame() const {
    std::vector<std::byte> frame;
    Read(wire::kHeaderSize, frame);
    wire::FrameHeader header;
    EXPECT_EQ(wire::ParseHeader(frame, 1 << 20, header), wire::HeaderError::kNone);
    Read(wire::WireSize(header) - wire::kHeaderSize, frame);
    return frame;
  }

 private:
  const int fd_;
};

// A listener on a loop of its own thread, with a clock that stands still until a test moves it, and
// a submission stage that takes nothing in.
class ListenerTest : public DoorTest {
 protected:
  ListenerTest() : pool_("loop", bench.clock, {.threads = 0}), loop_(bench.clock, pool_, {}) {
    std::signal(SIGPIPE, SIG_IGN);  // as the node does
  }
  ~ListenerTest() override {
    loop_.Stop();
    if (thread_.joinable()) thread_.join();
    listener_->StopAccepting();
    listener_->CloseAll("the test is over");
    loop_.FinishClosing();
    listener_.reset();
  }

  void Start(ListenerOptions options = {}) {
    options.unix_path = path_;
    listener_ = std::make_unique<Listener>(loop_, bench.clock, door, tally_, options);
    const Status status = listener_->Open();
    ASSERT_TRUE(status.ok()) << status.error().message;
    thread_ = std::thread([this] { loop_.Run(); });
  }
  // The connection, once it has said Hello.
  [[nodiscard]] ConnectionId Join(const Peer& peer) {
    wire::OutBuffer hello;
    wire::Encode(wire::Hello{}, 1, hello);
    peer.Send(hello.view());
    (void)peer.ReadFrame();  // Greeting
    const std::vector<std::byte> answer = peer.ReadFrame();
    const auto welcome = wire::DecodeWelcome(wire::View(answer));
    EXPECT_TRUE(welcome.has_value());
    MutexLock lock(bench.table.mutex());
    const Session* session =
        welcome.has_value() ? bench.table.FindSession(welcome->session) : nullptr;
    EXPECT_NE(session, nullptr);
    return session == nullptr ? 0 : session->connection;
  }
  void OnLoop(const std::function<void()>& job) {
    std::promise<void> done;
    loop_.Post([&] {
      job();
      done.set_value();
    });
    ASSERT_EQ(done.get_future().wait_for(seconds(10)), std::future_status::ready);
  }
  // What was sent before has been read, and the turn that read it is over.
  void Settle() {
    for (int turn = 0; turn < 3; ++turn) OnLoop([] {});
  }
  void Pass(Nanos by) {
    Settle();
    bench.clock.Advance(by);
    loop_.Wake();
    Settle();
  }
  // Whether so many are not read, at some time or other.
  [[nodiscard]] bool NotRead(std::int64_t connections) {
    for (int i = 0; i < 1000 && tally_.not_read.get() != connections; ++i) Settle();
    return tally_.not_read.get() == connections;
  }
  [[nodiscard]] std::uint64_t Ended(SocketTally::Why why, DeferralTally::Outcome how) const {
    return tally_.deferrals[why].outcomes[how].get();
  }
  [[nodiscard]] Nanos Age(SocketTally::Why why) const {
    return Nanos(static_cast<std::int64_t>(tally_.deferrals[why].ages.sum_ns()));
  }

  const std::string path_ = ::testing::TempDir() + "listener-" + std::to_string(getpid());
  const std::vector<std::byte> replies_ = std::vector<std::byte>(9 << 20);  // more than may lie
  SocketTally tally_;
  flow::Pool pool_;
  Loop loop_;
  std::unique_ptr<Listener> listener_;
  std::thread thread_;
};

TEST_F(ListenerTest, WhoDoesNotReadItsRepliesIsNotReadUntilItHas) {
  Start();
  const Peer peer(path_);
  const ConnectionId connection = Join(peer);
  OnLoop([&] { listener_->Send(connection, replies_, 0); });
  EXPECT_TRUE(NotRead(1));
  Pass(milliseconds(5));
  EXPECT_EQ(tally_.not_read.get(), 1);
  std::vector<std::byte> read;
  peer.Read(replies_.size(), read);
  EXPECT_TRUE(NotRead(0));
  EXPECT_EQ(Ended(SocketTally::kUnread, DeferralTally::kRun), 1U);
  EXPECT_EQ(Age(SocketTally::kUnread), milliseconds(5));
}

TEST_F(ListenerTest, WhoNeverDoesIsClosed) {
  Start();
  const Peer peer(path_);
  const ConnectionId connection = Join(peer);
  OnLoop([&] { listener_->Send(connection, replies_, 0); });
  EXPECT_TRUE(NotRead(1));
  Pass(seconds(11));
  EXPECT_TRUE(NotRead(0));
  EXPECT_EQ(listener_->connections(), 0U);
  EXPECT_EQ(Ended(SocketTally::kUnread, DeferralTally::kExpired), 1U);
  EXPECT_EQ(Age(SocketTally::kUnread), seconds(11));
}

TEST_F(ListenerTest, WhileSubmissionIsFullWhoSendsIsNotRead) {
  Start();
  const Peer peer(path_);
  (void)Join(peer);
  submission.credits().Resize(1, 1 << 20);
  const wire::Range range{.first = {1, 1}, .count = 1};
  wire::OutBuffer frames;
  for (int i = 0; i < 2; ++i) wire::Encode(wire::Release{.ranges = {&range, 1}}, 1, frames);
  peer.Send(frames.view());
  EXPECT_TRUE(NotRead(1));
  Pass(milliseconds(5));
  EXPECT_EQ(Ended(SocketTally::kFull, DeferralTally::kRun), 0U);
  submission.credits().Resize(100, 1 << 20);
  EXPECT_TRUE(NotRead(0));
  EXPECT_EQ(Ended(SocketTally::kFull, DeferralTally::kRun), 1U);
  EXPECT_EQ(Age(SocketTally::kFull), milliseconds(5));
}

TEST_F(ListenerTest, ALargeFrameWaitsForOneThatIsOnItsWay) {
  Start({.incoming_bytes = 256 << 10});
  const std::vector<std::byte> value(200 << 10);
  wire::OutBuffer put;
  wire::Encode(wire::Put{.seq = 1}, value, 1, put);
  const Peer first(path_);
  (void)Join(first);
  first.Send(put.view().first(1000));
  Settle();
  const Peer second(path_);
  (void)Join(second);
  second.Send(put.view().first(1000));
  EXPECT_TRUE(NotRead(1));
  Pass(milliseconds(5));
  first.Send(put.view().subspan(1000));
  EXPECT_TRUE(NotRead(0));
  EXPECT_EQ(Ended(SocketTally::kLarge, DeferralTally::kRun), 1U);
  EXPECT_EQ(Age(SocketTally::kLarge), milliseconds(5));
}

TEST_F(ListenerTest, WhoIsRefusedTooMuchRestsAndIsReadAgain) {
  Start();
  const Peer peer(path_);
  (void)Join(peer);
  wire::OutBuffer rubbish;
  for (int i = 0; i < 2000; ++i) wire::Encode(wire::Pong{}, 1, rubbish);
  for (int round = 0; round < 100 && listener_->rests() == 0; ++round) {
    peer.Send(rubbish.view());
    for (int i = 0; i < 40; ++i) Settle();  // it is read in portions
  }
  ASSERT_EQ(listener_->rests(), 1U);
  EXPECT_EQ(Ended(SocketTally::kRefusals, DeferralTally::kRun), 0U);
  Pass(RefusalShare::kMostRest);
  EXPECT_EQ(Ended(SocketTally::kRefusals, DeferralTally::kRun), 1U);
  EXPECT_EQ(Age(SocketTally::kRefusals), RefusalShare::kMostRest);
}

}  // namespace
}  // namespace spillgate::net
