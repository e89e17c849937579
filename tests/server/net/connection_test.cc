#include "server/net/connection.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>
#include <map>
#include <utility>
#include <vector>

#include "schema/messages.h"
#include "tests/server/net/connections.h"

namespace spillgate::net {
namespace {

constexpr std::size_t kARead = 64 << 10;
constexpr std::size_t kATurn = 3 * kARead;

// Counts what it is handed, by connection.
class CountingOwner final : public ConnectionOwner {
 public:
  void OnFrame(Connection& connection, const wire::FrameView&, ByteView frame) override {
    bytes[connection.id()] += frame.size();
  }
  bool MayTake(Connection&, std::size_t) override { return true; }
  void OnTaken(std::size_t) override {}
  void OnReadEnd(Connection& connection) override {
    if (std::exchange(pause, false)) connection.PauseReading();
  }
  void OnClosed(Connection& connection, std::string_view) override { closed = connection.id(); }
  void OnWritten(Connection&) override {}

  std::map<ConnectionId, std::size_t> bytes;
  ConnectionId closed = 0;
  bool pause = false;  // at the end of the next read
};

class ConnectionTest : public ::testing::Test {
 protected:
  // The other end of a new connection.
  int Connect() {
    latest_ = &connections_.Open();
    latest_->Start();
    return connections_.peer();
  }

  void Say(int fd, ByteView bytes) {
    ASSERT_EQ(send(fd, bytes.data(), bytes.size(), MSG_DONTWAIT),
              static_cast<ssize_t>(bytes.size()));
  }

  CountingOwner owner_;
  Connections connections_{owner_};
  Connection* latest_ = nullptr;
};

wire::OutBuffer Pings(std::size_t bytes) {
  wire::OutBuffer out;
  while (out.size() < bytes) wire::Encode(wire::Ping{}, 1, out);
  return out;
}

TEST_F(ConnectionTest, EachIsReadItsPartATurn) {
  constexpr std::size_t kTurns = 2;
  const wire::OutBuffer pings = Pings(kTurns * kATurn);
  Say(Connect(), pings.view());
  Say(Connect(), pings.view());
  for (std::size_t turn = 1; turn <= kTurns; ++turn) {
    connections_.Turn();
    EXPECT_LE(owner_.bytes[1], turn * kATurn);
    EXPECT_GT(owner_.bytes[1], (turn - 1) * kATurn);
    EXPECT_EQ(owner_.bytes[1], owner_.bytes[2]);
  }
  connections_.Turn();
  EXPECT_EQ(owner_.bytes[1], pings.size());
}

TEST_F(ConnectionTest, ALargeFrameComesInPartsToo) {
  std::vector<std::byte> value(2 * kATurn);
  wire::OutBuffer frame;
  wire::Encode(wire::Put{.seq = 1}, value, 1, frame);
  Say(Connect(), frame.view());
  const int other = Connect();
  for (int turn = 0; turn < 2; ++turn) {
    Say(other, Pings(1).view());
    connections_.Turn();
    EXPECT_EQ(owner_.bytes[1], 0U) << "not whole yet";
  }
  connections_.Turn();
  EXPECT_EQ(owner_.bytes[1], frame.size());
  EXPECT_EQ(owner_.bytes[2], 2 * Pings(1).size());
}

// That it had its turn before the pause does not cost it the one after.
TEST_F(ConnectionTest, IsReadAtOnceAfterAPause) {
  Say(Connect(), Pings(2 * kATurn).view());
  owner_.pause = true;
  connections_.Turn();
  EXPECT_EQ(owner_.bytes[1], kARead / Pings(1).size() * Pings(1).size());
  connections_.Turn();
  const std::size_t before = owner_.bytes[1];
  latest_->ResumeReading();
  connections_.Turn();
  EXPECT_GT(owner_.bytes[1], before);
}

TEST_F(ConnectionTest, ClosesAfterAnErrorForABadHeader) {
  const int peer = Connect();
  std::array<std::byte, wire::kHeaderSize> none{};
  Say(peer, none);
  connections_.Turn();
  EXPECT_EQ(owner_.closed, 1U);
  connections_.Forget();
  std::array<std::byte, 4096> answer{};
  const ssize_t size = recv(peer, answer.data(), answer.size(), 0);
  ASSERT_GT(size, 0);
  const auto error = wire::View(ByteView(answer).first(static_cast<std::size_t>(size)));
  EXPECT_EQ(error.header.type, wire::FrameType::kError);
}

}  // namespace
}  // namespace spillgate::net
