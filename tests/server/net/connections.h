// Connections: connections on a loop of the test's, which also holds their other ends. One thread.
#pragma once

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <vector>

#include "server/net/connection.h"

namespace spillgate::net {

class Connections {
 public:
  explicit Connections(ConnectionOwner& owner) : owner_(owner) { uv_loop_init(&loop_); }
  Connections(const Connections&) = delete;
  Connections& operator=(const Connections&) = delete;
  ~Connections() {
    for (Connection* connection : open_) connection->Close("the test is over");
    uv_run(&loop_, UV_RUN_DEFAULT);
    EXPECT_EQ(uv_loop_close(&loop_), 0);
    for (const int fd : peers_) close(fd);
  }

  // The next one, numbered from 1; it is not read before Start.
  Connection& Open() {
    std::array<int, 2> ends{};
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), 0);
    const int room = 1 << 20;
    setsockopt(ends[1], SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
    peers_.push_back(ends[1]);
    // tidy: new: libuv's until it is closed
    auto* connection = new Connection(peers_.size(), owner_, ConnectionLimits{});
    EXPECT_EQ(connection->AdoptPipe(&loop_, ends[0]), 0);
    open_.push_back(connection);
    return *connection;
  }
  // The other end of the latest.
  [[nodiscard]] int peer() const { return peers_.back(); }
  void Turn() { uv_run(&loop_, UV_RUN_NOWAIT); }
  // They have closed themselves.
  void Forget() { open_.clear(); }

 private:
  ConnectionOwner& owner_;
  uv_loop_t loop_{};
  std::vector<Connection*> open_;
  std::vector<int> peers_;
};

}  // namespace spillgate::net
